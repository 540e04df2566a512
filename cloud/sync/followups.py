"""What facts set going beside money: answers to lease messages, cut-offs passed, rights and leases handed on."""

from typing import Final

from cloud.core.database import Transaction
from cloud.ledger import standing
from cloud.ledger.books import Notes
from cloud.ledger.lease_store import Holder, sites_missing
from cloud.ledger.leases import Part
from cloud.ledger.sizing import pass_on_returned
from cloud.sync import declarations
from cloud.sync.registry import EntryContext

_ANSWERED: Final = """
UPDATE lease_messages AS m SET answered = k.amount FROM unnest($3::bigint[], $4::bigint[]) AS k (n, amount)
WHERE m.site = $1 AND m.epoch = $2 AND m.n = k.n AND m.answered IS NULL
"""
_PASSED: Final = """
INSERT INTO lease_cutoff_sites AS c (site, epoch, bucket, organisation_id, passed_seq)
SELECT $1, $2, k.bucket, $3, k.seq FROM unnest($4::bigint[], $5::bigint[]) AS k (bucket, seq)
ON CONFLICT (site, epoch, bucket) DO UPDATE SET passed_seq = coalesce(c.passed_seq, excluded.passed_seq)
"""


async def follow_up(tx: Transaction, context: EntryContext, notes: Notes) -> None:
    """Write down the notes of a batch, in its transaction."""
    holder = Holder(context.site, context.epoch)
    if notes.answers:
        columns = [list(column) for column in zip(*notes.answers, strict=True)]
        await tx.execute(_ANSWERED, *holder, *columns)
    if notes.cutoffs:
        passed = dict(reversed(notes.cutoffs))
        await tx.execute(_PASSED, *holder, tx.organisation_id, list(passed), list(passed.values()))
    if notes.refunds:
        await tx.connection.executemany(
            "INSERT INTO ledger_refunds (device, epoch, branch, organisation_id, seq, refund_no, amount, refund_seq)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            [(context.device, context.epoch, context.branch, tx.organisation_id, *refund) for refund in notes.refunds],
        )
    for person, rule, from_day in notes.standing:
        await standing.returned(tx, holder, person, rule, from_day=from_day)
    for declaration in notes.declarations:
        await declarations.declare(tx, holder, declaration, now=context.received_at, business_day=context.posting_day)
    if notes.passed_on and not await sites_missing(tx):
        wanted = [
            (Holder(site, epoch), person, Part(bucket, amount))
            for site, epoch, person, bucket, amount in notes.passed_on
        ]
        await pass_on_returned(tx, wanted, now=context.received_at, business_day=context.posting_day)

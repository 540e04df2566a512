"""What facts set going beside money: answers to lease messages, cut-offs passed, rights and leases handed on."""

from cloud.ledger import standing
from cloud.ledger.books import Notes
from cloud.ledger.leases import Part
from cloud.ledger.sizing import pass_on_returned
from cloud.ledger.store import Holder
from cloud.sync import declarations
from cloud.sync.registry import EntryContext
from cloud.sync.store import Store


async def follow_up(store: Store, context: EntryContext, notes: Notes) -> None:
    """Write down the notes of a batch, in its transaction."""
    holder = Holder(context.site, context.epoch)
    ledger = store.ledger
    if notes.answers:
        await ledger.answer(holder, notes.answers)
    if notes.cutoffs:
        await ledger.pass_cutoffs(holder, dict(reversed(notes.cutoffs)))
    if notes.refunds:
        await store.keep_refunds(context, notes.refunds)
    for person, rule, from_day in notes.standing:
        await standing.returned(ledger, holder, person, rule, from_day=from_day)
    for seq, declaration in notes.declarations:
        await declarations.declare(
            store,
            holder,
            declaration,
            device=context.device,
            before_seq=seq,
            now=context.received_at,
            business_day=context.posting_day,
        )
    if notes.passed_on and not await ledger.sites_missing():
        wanted = [
            (Holder(site, epoch), person, Part(bucket, amount))
            for site, epoch, person, bucket, amount in notes.passed_on
        ]
        await pass_on_returned(ledger, wanted, now=context.received_at, business_day=context.posting_day)

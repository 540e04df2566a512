"""Clearing a bucket: `available` at once, each site once its stream has passed the cut-off marker (rule 8)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cloud.core.database import Transaction
from cloud.ledger.accounts import available, issuer
from cloud.ledger.lease_store import Holder, Outgoing, send
from cloud.ledger.posting import claim, post_lines
from protocols.ledger.accounts import Owner, Transfer, TransferKind
from protocols.sync.messages import LeaseKind

_HOLDERS: Final = f"""
SELECT DISTINCT b.bucket, s.site, s.epoch FROM ledger_balances AS b JOIN lease_sites AS s USING (site, epoch)
WHERE b.bucket = ANY ($1::bigint[]) AND b.owner_kind = {int(Owner.PERSON)} AND s.state <> 'lost'
UNION SELECT k.bucket, s.site, s.epoch FROM unnest($1::bigint[]) AS k (bucket), lease_sites AS s WHERE s.state = 'open'
"""  # noqa: S608 - made of constants
_WAITING: Final = f"""
SELECT c.bucket, c.site, c.epoch, c.passed_seq IS NOT NULL, coalesce((
    SELECT sum(b.balance) FROM ledger_balances AS b
    WHERE b.owner_kind = {int(Owner.PERSON)} AND b.bucket = c.bucket AND b.site = c.site AND b.epoch = c.epoch
), 0)::bigint
FROM lease_cutoff_sites AS c WHERE c.bucket = ANY ($1::bigint[]) ORDER BY c.bucket, c.site, c.epoch
"""  # noqa: S608 - made of constants


@dataclass(frozen=True, slots=True)
class SiteClearing:
    """How a site stands in a clearing; `amount` is what it holds of the bucket still."""

    bucket: int
    site: int
    epoch: int
    passed: bool
    amount: int


async def cut_off(tx: Transaction, buckets: Sequence[int], *, now: datetime, business_day: int) -> int:
    """Begin clearing: sweep `available` to the issuer and send every site the marker. Answers the amount swept now.

    Harmless when repeated. From here on no site gets more of these buckets, and what comes back follows the clearing.
    """
    fresh = [bucket for bucket in sorted(set(buckets)) if await claim(tx, f"cutoff:{bucket}")]
    if not fresh:
        return 0
    await tx.execute(
        "INSERT INTO lease_cutoffs (bucket, organisation_id, business_day, started_at)"
        " SELECT unnest($1::bigint[]), $2, $3, $4",
        fresh, tx.organisation_id, business_day, now,
    )  # fmt: skip
    holders = [(row[0], Holder(row[1], row[2])) for row in await tx.fetch(_HOLDERS, fresh)]
    await tx.connection.executemany(
        "INSERT INTO lease_cutoff_sites (bucket, site, epoch, organisation_id) VALUES ($1, $2, $3, $4)",
        [(bucket, *holder, tx.organisation_id) for bucket, holder in sorted(holders)],
    )
    await send(tx, [Outgoing(holder, LeaseKind.CUTOFF, 0, bucket, 0) for bucket, holder in sorted(holders)])
    return sum([await sweep_available(tx, bucket, now=now, business_day=business_day) for bucket in fresh])


async def sweep_available(tx: Transaction, bucket: int, *, now: datetime, business_day: int) -> int:
    """Send what nobody holds of a bucket being cleared back to the issuer; answers the amount."""
    assert tx.organisation_id is not None
    rows = await tx.fetch(
        "SELECT owner, balance FROM ledger_balances WHERE owner_kind = $1 AND bucket = $2 AND site = 0 AND epoch = 0"
        " AND balance > 0 ORDER BY owner FOR UPDATE",
        int(Owner.PERSON), bucket,
    )  # fmt: skip
    target = issuer(tx.organisation_id, bucket)
    transfers = [Transfer(TransferKind.CLEARING, available(row[0], bucket), target, row[1]) for row in rows]
    times = await tx.fetchval("SELECT count(*) FROM ledger_causes WHERE cause LIKE $1", f"clearing:{bucket}:%")
    if transfers:
        cause = f"clearing:{bucket}:{times + 1}"
        await claim(tx, cause)
        await post_lines(tx, transfers, cause=cause, business_day=business_day, now=now)
    return sum(transfer.amount for transfer in transfers)


async def waiting(tx: Transaction, buckets: Sequence[int]) -> list[SiteClearing]:
    """Cleared, or waiting for site X: how much."""
    return [SiteClearing(*row) for row in await tx.fetch(_WAITING, list(buckets))]

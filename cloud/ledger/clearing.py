"""Clearing a bucket: `available` at once, each site once its stream has passed the cut-off marker (rule 8)."""

from collections.abc import Sequence
from datetime import datetime

from cloud.ledger.accounts import available, issuer
from cloud.ledger.messages import send
from cloud.ledger.posting import post_lines
from cloud.ledger.store import Holder, LedgerStore, Outgoing
from protocols.ledger.accounts import Transfer, TransferKind
from protocols.sync.messages import LeaseKind


async def cut_off(store: LedgerStore, buckets: Sequence[int], *, now: datetime, business_day: int) -> int:
    """Begin clearing: sweep `available` to the issuer and send every site the marker. Answers the amount swept now.

    Harmless when repeated. From here on no site gets more of these buckets, and what comes back follows the clearing.
    A site that has not declared what it holds to a restored cloud gets its marker when it has.
    """
    fresh = [bucket for bucket in sorted(set(buckets)) if await store.claim(f"cutoff:{bucket}")]
    if not fresh:
        return 0
    await store.begin_cutoffs(fresh, business_day=business_day, now=now)
    expected = sorted(await store.holders_of(fresh))
    await store.expect_cutoffs(expected)
    known = {holder for holder in sorted({holder for _, holder in expected}) if await _is_declared(store, holder)}
    await send(store, [_marker(holder, bucket) for bucket, holder in expected if holder in known])
    return sum([await sweep_available(store, bucket, now=now, business_day=business_day) for bucket in fresh])


async def sweep_available(store: LedgerStore, bucket: int, *, now: datetime, business_day: int) -> int:
    """Send what nobody holds of a bucket being cleared back to the issuer; answers the amount."""
    target = issuer(store.organisation, bucket)
    transfers = [
        Transfer(TransferKind.CLEARING, available(person, bucket), target, amount)
        for person, amount in await store.free_of_bucket(bucket)
    ]
    times = await store.causes_like(f"clearing:{bucket}:")
    if transfers:
        cause = f"clearing:{bucket}:{times + 1}"
        await store.claim(cause)
        await post_lines(store, transfers, cause=cause, business_day=business_day, now=now)
    return sum(transfer.amount for transfer in transfers)


async def send_markers(store: LedgerStore, holder: Holder) -> None:
    """Every marker that a holder has not passed, once more: it has just declared what it holds."""
    await send(store, [_marker(holder, bucket) for bucket in await store.cutoffs_to_pass(holder)])


async def _is_declared(store: LedgerStore, holder: Holder) -> bool:
    site = await store.lease_site(holder)
    return site is not None and site.declared_generation >= await store.generation()


def _marker(holder: Holder, bucket: int) -> Outgoing:
    return Outgoing(holder, LeaseKind.CUTOFF, 0, bucket, 0)

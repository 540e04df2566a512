"""Sites declared lost: their leases are in doubt, then released; later facts cost whoever bears them (rule 6)."""

from datetime import datetime, timedelta

from cloud.ledger.accounts import available, in_doubt, issuer, leased, receivable
from cloud.ledger.errors import UnknownLeaseSite
from cloud.ledger.posting import post_lines
from cloud.ledger.store import Holder, LedgerStore
from protocols.ledger.accounts import Account, Owner, Transfer, TransferKind


async def declare_lost(store: LedgerStore, holder: Holder, *, bearer: int, now: datetime, business_day: int) -> int:
    """A person declares a site's gateway lost: its leases move to `in_doubt`. Answers the amount; repeatable.

    `bearer` (an organisation's or a supplier's id) bears facts that come after the release.
    """
    found = await store.lease_site(holder, locked=True)
    if found is None:
        raise UnknownLeaseSite
    await store.lock_streams(holder)
    if found.state == "lost" or not await store.claim(f"lost:{holder.site}:{holder.epoch}"):
        return 0
    await store.set_lost(holder, bearer=bearer, at=now)
    site, epoch = holder
    transfers = [
        Transfer(
            TransferKind.IN_DOUBT,
            leased(row[0], row[1], site=site, epoch=epoch),
            in_doubt(row[0], row[1], site=site, epoch=epoch),
            row[2],
        )
        for row in await store.held_by(Owner.PERSON, holder)
    ]
    await post_lines(store, transfers, cause=f"lost:{site}:{epoch}", business_day=business_day, now=now)
    await store.free_rights(holder)  # the homes get them when they are sized next
    owed = [
        Transfer(
            TransferKind.CORRECTION,
            receivable(asked.person, asked.bucket),
            Account(asked.counter[0], asked.counter[1], asked.bucket),
            asked.amount,
        )
        for asked in await store.forget_questions(holder)
        if asked.counter is not None and asked.amount
    ]  # a correction that the site can answer no more (rule 9)
    await post_lines(store, owed, cause=f"lost:{site}:{epoch}:owed", business_day=business_day, now=now)
    return sum(transfer.amount for transfer in transfers)


async def release_in_doubt(store: LedgerStore, *, after_days: int, now: datetime, business_day: int) -> int:
    """Give back what has been in doubt for `after_days`, or clear it where the bucket is; answers the amount."""
    total = 0
    for holder in await store.lost_before(now - timedelta(days=after_days)):
        site, epoch = holder
        await store.lock_streams(holder)
        held = await store.held_by(Owner.IN_DOUBT, holder)
        cut = await store.being_cleared({bucket for _, bucket, _ in held})
        transfers = []
        for person, bucket, amount in held:
            source, back = in_doubt(person, bucket, site=site, epoch=epoch), available(person, bucket)
            if bucket in cut:
                transfers.append(Transfer(TransferKind.CLEARING, source, issuer(store.organisation, bucket), amount))
            else:
                transfers.append(Transfer(TransferKind.RELEASE, source, back, amount))
        if await store.claim(f"release:{site}:{epoch}"):
            await post_lines(store, transfers, cause=f"release:{site}:{epoch}", business_day=business_day, now=now)
            total += sum(transfer.amount for transfer in transfers)
        await store.set_released(holder, now)
    return total

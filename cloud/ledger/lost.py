"""Sites declared lost: their leases are in doubt, then released; later facts cost whoever bears them (rule 6)."""

from datetime import datetime, timedelta

from cloud.ledger.accounts import available, in_doubt, leased
from cloud.ledger.errors import UnknownLeaseSite
from cloud.ledger.posting import post_lines
from cloud.ledger.store import Holder, LedgerStore
from protocols.ledger.accounts import Owner, Transfer, TransferKind


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
    await store.forget_questions(holder)
    return sum(transfer.amount for transfer in transfers)


async def release_in_doubt(store: LedgerStore, *, after_days: int, now: datetime, business_day: int) -> int:
    """Give back what has been in doubt for `after_days`; answers the amount."""
    total = 0
    for holder in await store.lost_before(now - timedelta(days=after_days)):
        site, epoch = holder
        await store.lock_streams(holder)
        transfers = [
            Transfer(
                TransferKind.RELEASE,
                in_doubt(row[0], row[1], site=site, epoch=epoch),
                available(row[0], row[1]),
                row[2],
            )
            for row in await store.held_by(Owner.IN_DOUBT, holder)
        ]
        if await store.claim(f"release:{site}:{epoch}"):
            await post_lines(store, transfers, cause=f"release:{site}:{epoch}", business_day=business_day, now=now)
            total += sum(transfer.amount for transfer in transfers)
        await store.set_released(holder, now)
    return total

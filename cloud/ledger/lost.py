"""Sites declared lost: their leases are in doubt, then released; later facts cost whoever bears them (rule 6)."""

from datetime import datetime, timedelta
from typing import Final

from cloud.core.database import Transaction
from cloud.ledger.accounts import available, in_doubt, leased
from cloud.ledger.errors import UnknownLeaseSite
from cloud.ledger.lease_store import Holder
from cloud.ledger.posting import claim, post_lines
from cloud.ledger.standing import free_of_lost
from protocols.ledger.accounts import Owner, Transfer, TransferKind

_HELD: Final = """
SELECT owner, bucket, balance FROM ledger_balances
WHERE owner_kind = $1 AND site = $2 AND epoch = $3 AND balance > 0 ORDER BY owner, bucket FOR UPDATE
"""


async def declare_lost(tx: Transaction, holder: Holder, *, bearer: int, now: datetime, business_day: int) -> int:
    """A person declares a site's gateway lost: its leases move to `in_doubt`. Answers the amount; repeatable.

    `bearer` (an organisation's or a supplier's id) bears facts that come after the release.
    """
    stream = await tx.fetchrow("SELECT state FROM lease_sites WHERE site = $1 AND epoch = $2 FOR UPDATE", *holder)
    if stream is None:
        raise UnknownLeaseSite
    await _hold_stream(tx, holder)
    if stream["state"] == "lost" or not await claim(tx, f"lost:{holder.site}:{holder.epoch}"):
        return 0
    await tx.execute(
        "UPDATE lease_sites SET state = 'lost', bearer = $3, lost_at = $4 WHERE site = $1 AND epoch = $2",
        *holder, bearer, now,
    )  # fmt: skip
    site, epoch = holder
    transfers = [
        Transfer(
            TransferKind.IN_DOUBT,
            leased(row[0], row[1], site=site, epoch=epoch),
            in_doubt(row[0], row[1], site=site, epoch=epoch),
            row[2],
        )
        for row in await tx.fetch(_HELD, int(Owner.PERSON), *holder)
    ]
    await post_lines(tx, transfers, cause=f"lost:{site}:{epoch}", business_day=business_day, now=now)
    await free_of_lost(tx, holder)
    await _forget_questions(tx, holder)
    return sum(transfer.amount for transfer in transfers)


async def release_in_doubt(tx: Transaction, *, after_days: int, now: datetime, business_day: int) -> int:
    """Give back what has been in doubt for `after_days`; answers the amount."""
    rows = await tx.fetch(
        "SELECT site, epoch FROM lease_sites WHERE state = 'lost' AND released_at IS NULL AND lost_at <= $1"
        " ORDER BY site, epoch FOR UPDATE SKIP LOCKED",
        now - timedelta(days=after_days),
    )
    total = 0
    for site, epoch in rows:
        holder = Holder(site, epoch)
        await _hold_stream(tx, holder)
        transfers = [
            Transfer(
                TransferKind.RELEASE,
                in_doubt(row[0], row[1], site=site, epoch=epoch),
                available(row[0], row[1]),
                row[2],
            )
            for row in await tx.fetch(_HELD, int(Owner.IN_DOUBT), *holder)
        ]
        if await claim(tx, f"release:{site}:{epoch}"):
            await post_lines(tx, transfers, cause=f"release:{site}:{epoch}", business_day=business_day, now=now)
            total += sum(transfer.amount for transfer in transfers)
        await tx.execute("UPDATE lease_sites SET released_at = $3 WHERE site = $1 AND epoch = $2", *holder, now)
    return total


async def _hold_stream(tx: Transaction, holder: Holder) -> None:
    """Facts of this stream debit its accounts under the stream's lock alone, so whoever else does takes it too."""
    await tx.fetch("SELECT 1 FROM streams WHERE site = $1 AND epoch = $2 ORDER BY device, branch FOR UPDATE", *holder)


async def _forget_questions(tx: Transaction, holder: Holder) -> None:
    await tx.execute(
        "UPDATE lease_messages SET answered = 0 WHERE site = $1 AND epoch = $2 AND answered IS NULL"
        " AND kind IN (2, 3, 6)",
        *holder,
    )

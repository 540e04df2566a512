"""Corrections downward: take what is available, ask sites for the rest, book what remains as owed (rule 9)."""

from dataclasses import dataclass
from datetime import datetime

from cloud.ledger.accounts import available, receivable
from cloud.ledger.leases import recalls
from cloud.ledger.messages import need_declared, send
from cloud.ledger.posting import post_lines
from cloud.ledger.sizing import held_by_sites
from cloud.ledger.store import Holder, LedgerStore, Outgoing
from protocols.ledger.accounts import Account, Transfer, TransferKind
from protocols.sync.messages import LeaseKind


@dataclass(frozen=True, slots=True)
class Shrunk:
    """What a correction downward took now, asked sites for, and booked as a receivable."""

    taken: int
    asked: int
    receivable: int


async def shrink(
    store: LedgerStore, person: int, bucket: int, amount: int, *,
    to: Account, cause: str, business_day: int, now: datetime, memo: str = "",
) -> Shrunk | None:  # fmt: skip
    """Take `amount` off a person's bucket towards `to`; None where `cause` was posted before. Raises LeasesWait."""
    await need_declared(store)
    if not await store.claim(cause):
        return None
    source = available(person, bucket)
    free = (await store.balances([source], locked=True)).get(source, 0)
    taken = min(free, amount)
    held = {key: balance for key, balance in (await held_by_sites(store, [person]))[person].items() if key[2] == bucket}
    asked = recalls(held, amount - taken)
    rest = amount - taken - sum(part.amount for _, _, part in asked)
    transfers = []
    if taken:
        transfers.append(Transfer(TransferKind.CORRECTION, source, to, taken))
    if rest:
        transfers.append(Transfer(TransferKind.CORRECTION, receivable(person, bucket), to, rest))
    await post_lines(store, transfers, cause=cause, business_day=business_day, now=now, memo=memo)
    counter = (to.owner_kind, to.owner)
    await send(
        store,
        [
            Outgoing(Holder(site, epoch), LeaseKind.SHRINK, person, bucket, part.amount, counter=counter)
            for site, epoch, part in asked
        ],
    )
    return Shrunk(taken, amount - taken - rest, rest)

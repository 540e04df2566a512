"""Numbered messages to holders of leases, and what must be known before one is sent."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from cloud.ledger.errors import LeasesWait, UnknownLeaseSite
from cloud.ledger.store import Holder, LeaseStore, Outgoing
from protocols.sync.messages import LeaseMessage


async def need_declared(store: LeaseStore) -> None:
    """Raise LeasesWait while a restored cloud does not know all holdings (rule 25)."""
    missing = await store.sites_missing()
    if missing:
        raise LeasesWait(f"{missing} sites have not declared what they hold", sites_missing=missing)


async def is_open(store: LeaseStore, holder: Holder) -> bool:
    """Whether a holder is given leases: not closed, frozen or lost."""
    site = await store.lease_site(holder)
    return site is not None and site.state == "open"


async def lock_holders(store: LeaseStore, holders: Iterable[Holder]) -> None:
    """Hold the rows of these lease sites to the transaction's end, in one order for all."""
    keys = sorted(set(holders))
    if await store.lock_holders(keys) != len(keys):
        raise UnknownLeaseSite


async def send(store: LeaseStore, messages: Sequence[Outgoing]) -> list[tuple[int, Outgoing]]:
    """Number and store messages, each (site, epoch) in the order given; answers them with their numbers."""
    if not messages:
        return []
    many: dict[Holder, int] = defaultdict(int)
    for message in messages:
        many[message.holder] += 1
    keys = sorted(many)
    await lock_holders(store, keys)
    last = await store.take_numbers({key: many[key] for key in keys})
    numbered = []
    for message in messages:
        last[message.holder] += 1
        numbered.append((last[message.holder], message))
    await store.keep_messages(numbered)
    return numbered


async def messages_after(
    store: LeaseStore, holder: Holder, after_n: int, *, limit: int
) -> tuple[int, list[LeaseMessage]]:
    """The newest number, and the messages after one, in order without a gap. Raises UnknownLeaseSite."""
    site = await store.lease_site(holder)
    if site is None:
        raise UnknownLeaseSite
    return site.newest_n, await store.messages(holder, after=after_n, through=site.newest_n, limit=limit)

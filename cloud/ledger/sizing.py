"""Leases to homes and visited sites: who holds what, grants, recalls, visits (rule 4)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from cloud.ledger.accounts import available, leased
from cloud.ledger.leases import NOTHING_STAYS, Part, Staying, home_grants, recalls, visitor_grants
from cloud.ledger.messages import is_open, lock_holders, need_declared, send
from cloud.ledger.store import BooksStore, Holder, LedgerStore, Line, Outgoing
from protocols.ledger.accounts import Account, TransferKind
from protocols.sync.messages import LeaseKind

Grant = tuple[Holder, int, Part]


async def size_homes(
    store: LedgerStore, persons: Sequence[int], *, now: datetime, business_day: int, staying: Staying = NOTHING_STAYS
) -> int:
    """Lease to each person's home what it lacks; answers the number of grants. Raises LeasesWait.

    What is `staying` is neither leased nor counted: a reserve nobody can spend would keep back good money besides.
    """
    await need_declared(store)
    homes = await store.homes(persons)
    if not homes:
        return 0
    await lock_holders(store, {holder for _, holder in homes.values()})
    people = sorted(homes)
    free = await _free(store, people)
    held = await held_by_sites(store, people)
    grants: list[Grant] = []
    for person, (meal_fen, holder) in sorted(homes.items()):
        at_home = {
            key[2]: amount
            for key, amount in held[person].items()
            if key[:2] == holder and key[2] not in staying.expired
        }
        may_go = staying.leave(person, free[person])
        grants += [(holder, person, part) for part in home_grants(may_go, at_home, meal_fen=meal_fen)]
    await grant(store, grants, now=now, business_day=business_day)
    return len(grants)


async def grant(store: LedgerStore, grants: Sequence[Grant], *, now: datetime, business_day: int) -> None:
    """Lease parts of what is available: transfer, line and numbered message in one transaction.

    The caller holds the `available` rows locked and has checked the amounts.
    """
    if not grants:
        return
    outgoing = [Outgoing(holder, LeaseKind.GRANT, person, part.bucket, part.amount) for holder, person, part in grants]
    lines: list[Line] = []
    deltas: dict[Account, int] = defaultdict(int)
    for n, message in await send(store, outgoing):
        holder = message.holder
        debit = available(message.person, message.bucket)
        credit = leased(message.person, message.bucket, site=holder.site, epoch=holder.epoch)
        deltas[debit] -= message.amount
        deltas[credit] += message.amount
        stamp = (business_day, business_day, now, None, None, None, None, 0)
        cause = f"grant:{holder.site}:{holder.epoch}:{n}"
        kind = int(TransferKind.LEASE_GRANT)
        head = (store.organisation, kind, *debit, *credit, message.amount, message.person)
        lines.append((*head, *stamp, cause, ""))
    held = await store.balances(deltas)
    await store.move(held, deltas)
    await store.write_lines(lines)


async def recall(
    store: LedgerStore, person: int, wanted: int, *, for_holder: Holder, buckets: Iterable[int] = ()
) -> int:
    """Ask the sites that hold a person's money to give back up to `wanted`; answers how much was asked for.

    Nothing while a restored cloud waits for declarations: its messages would bear numbers that were given before.
    """
    if await store.sites_missing():
        return 0
    only = frozenset(buckets)
    held = (await held_by_sites(store, [person]))[person]
    waiting = await store.asked_of_sites(person)
    usable = {
        key: amount - waiting.get(key, 0)
        for key, amount in held.items()
        if key[:2] != for_holder and (not only or key[2] in only) and amount > waiting.get(key, 0)
    }
    asked = recalls(usable, wanted)
    messages = [
        Outgoing(Holder(site, epoch), LeaseKind.RECALL, person, part.bucket, part.amount, for_holder=for_holder)
        for site, epoch, part in asked
    ]
    await send(store, messages)
    return sum(part.amount for _, _, part in asked)


async def serve_visitor(
    store: LedgerStore, person: int, wanted: int, holder: Holder, *,
    now: datetime, business_day: int, order: Sequence[int] = (),
) -> tuple[int, int]:  # fmt: skip
    """Lease up to `wanted` to a visited site, and recall the rest; answers (granted, asked back). Raises LeasesWait."""
    await need_declared(store)
    await lock_holders(store, [holder])
    parts = visitor_grants((await _free(store, [person]))[person], wanted, order=order)
    await grant(store, [(holder, person, part) for part in parts], now=now, business_day=business_day)
    granted = sum(part.amount for part in parts)
    coming = await store.asked_for(person, holder) if granted < wanted else 0
    missing = wanted - granted - coming
    asked = await recall(store, person, missing, for_holder=holder) if missing > 0 else 0
    return granted, asked + coming


async def announce_visit(
    store: LedgerStore, person: int, site: int, day: int, *, now: datetime, order: Sequence[int] = ()
) -> tuple[int, int]:
    """A visit announced in the app moves one meal to the site, once a day; answers (granted, asked back)."""
    holder = await store.open_holder(site)
    meal_fen = await store.meal_of(person)
    if holder is None or not meal_fen:
        return 0, 0
    if not await store.claim_visit(person, site, day):
        return 0, 0
    return await serve_visitor(store, person, meal_fen, holder, now=now, business_day=day, order=order)


async def pass_on_returned(
    store: LedgerStore, returned: Sequence[tuple[Holder, int, Part]], *, now: datetime, business_day: int
) -> None:
    """What came back for somebody who asked goes on to them, as far as it is available and they still get leases."""
    holders = sorted({holder for holder, _, _ in returned})
    waiting = {holder for holder in holders if await is_open(store, holder)}
    returned = [each for each in returned if each[0] in waiting]
    if not returned:
        return
    free = await _free(store, sorted({person for _, person, _ in returned}))
    grants: list[Grant] = []
    for holder, person, part in returned:
        amount = min(part.amount, free[person].get(part.bucket, 0))
        if amount > 0:
            free[person][part.bucket] -= amount
            grants.append((holder, person, Part(part.bucket, amount)))
    await grant(store, grants, now=now, business_day=business_day)


async def held_by_sites(store: BooksStore, persons: Sequence[int]) -> dict[int, dict[tuple[int, int, int], int]]:
    """Person -> (site, epoch, bucket) -> amount, at sites that are open."""
    held: dict[int, dict[tuple[int, int, int], int]] = {person: {} for person in persons}
    for person, site, epoch, bucket, balance in await store.held(persons):
        held[person][site, epoch, bucket] = balance
    return held


async def _free(store: BooksStore, persons: Sequence[int]) -> Mapping[int, dict[int, int]]:
    free: dict[int, dict[int, int]] = {person: {} for person in persons}
    for person, bucket, balance in await store.free(persons):
        free[person][bucket] = balance
    return free

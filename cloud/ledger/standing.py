"""Standing rights to limits: one site at a time may count a person's limit (rule 3)."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from cloud.ledger.messages import is_open, need_declared, send
from cloud.ledger.store import NOBODY, Holder, LedgerStore, Outgoing, Right
from protocols.sync.messages import LeaseKind
from protocols.values.instants import date_to_day, day_to_date


async def give_to_homes(
    store: LedgerStore, persons: Sequence[int], rule: int, *, from_day: int, uses_a_day: int
) -> int:
    """Give each person's home site the right to `rule`, unless some site has it; answers how many were given.

    It begins no earlier than its last holder has said: days before that are counted there, or at a site visited.
    None while a restored cloud does not know who has it (rule 25).
    """
    if await store.sites_missing():
        return 0
    wanting = await store.without_right(persons, rule)
    holders = {site: await store.open_holder(site) for site in sorted({site for _, site, _ in wanting})}
    given = []
    for person, site, free_from in wanting:
        holder = holders[site]
        if holder is not None:
            given.append(Right(person, rule, holder, max(from_day, free_from), uses_a_day, NOBODY, 0))
    await store.keep_rights(given)
    await send(store, [_standing(right) for right in given])
    return len(given)


async def want_for_visit(store: LedgerStore, person: int, rules: Iterable[int], holder: Holder, *, day: int) -> int:
    """A visited site wants limits of a person for a day: ask their holders. Answers how many were asked for.

    Raises LeasesWait.
    """
    await need_declared(store)
    rights = await store.rights(person, rules)
    asked = [r for r in rights if r.holder not in (NOBODY, holder) and r.next_holder == NOBODY]
    await store.keep_rights([Right(r.person, r.rule, r.holder, r.from_day, r.uses_a_day, holder, day) for r in asked])
    await send(store, [Outgoing(r.holder, LeaseKind.STANDING_RECALL, person, r.rule, 0, from_day=day) for r in asked])
    return len(asked)


async def move_home(store: LedgerStore, person: int, holder: Holder, *, from_day: int) -> int:
    """All limits of a person go to a new home once their holders have returned them; answers how many are to come.

    Raises LeasesWait.
    """
    await need_declared(store)
    moved = [r for r in await store.rights(person, None) if r.holder not in (NOBODY, holder)]
    await store.keep_rights([Right(r.person, r.rule, r.holder, r.from_day, r.uses_a_day, holder, 0) for r in moved])
    recalls = [
        Outgoing(r.holder, LeaseKind.STANDING_RECALL, person, r.rule, 0, from_day=from_day)
        for r in moved
        if r.next_holder == NOBODY
    ]
    await send(store, recalls)
    return len(moved)


async def returned(store: LedgerStore, holder: Holder, person: int, rule: int, *, from_day: int) -> None:
    """The holder counts the limit for no day from `from_day` on: pass the right on to whoever waits and still can.

    Where nobody can, or a restored cloud may send nothing yet, nobody has it until homes get what they lack.
    """
    rights = [r for r in await store.rights(person, [rule]) if r.holder == holder]
    if not rights:
        return
    (right,) = rights
    from_day = max(from_day, right.from_day)  # days before it had the right were never its own to give
    messages = []
    goes_to = NOBODY
    if right.next_holder != NOBODY and not await store.sites_missing():
        waits = await is_open(store, right.next_holder)
        if right.visit_day:
            if waits and from_day <= right.visit_day:
                passing = Outgoing(
                    right.next_holder, LeaseKind.PASS, person, rule, right.uses_a_day, from_day=right.visit_day
                )
                messages.append(passing)
                from_day = _day_after(right.visit_day)
            if await is_open(store, holder):
                goes_to = holder
        elif waits:
            goes_to = right.next_holder
    after = Right(person, rule, goes_to, from_day, right.uses_a_day, NOBODY, 0)
    if goes_to != NOBODY:
        messages.append(_standing(after))
    await store.keep_rights([after])
    await send(store, messages)


async def declared(
    store: LedgerStore, holder: Holder, rights: Iterable[tuple[int, int, int]], *, heard_all: bool
) -> None:
    """A site says which rights it has (person, rule, from_day) to a restored cloud: it is believed (rule 25).

    What the books gave it and it does not have is nobody's, unless a message may still be under way (`heard_all`).
    """
    said = {(person, rule): from_day for person, rule, from_day in rights}
    for (person, rule), from_day in sorted(said.items()):
        before = await store.rights(person, [rule])
        if not before or before[0].holder != holder:
            uses_a_day = before[0].uses_a_day if before else 1
            await store.keep_rights([Right(person, rule, holder, from_day, uses_a_day, NOBODY, 0)])
    if heard_all:
        gone = [right for right in await store.rights_of(holder) if (right.person, right.rule) not in said]
        await store.keep_rights([replace(right, holder=NOBODY, next_holder=NOBODY, visit_day=0) for right in gone])


def _standing(right: Right) -> Outgoing:
    return Outgoing(
        right.holder, LeaseKind.STANDING, right.person, right.rule, right.uses_a_day, from_day=right.from_day
    )


def _day_after(day: int) -> int:
    return date_to_day(day_to_date(day) + timedelta(days=1))

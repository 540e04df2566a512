"""Standing rights to limits: one site at a time may count a person's limit (rule 3)."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from cloud.ledger.messages import send
from cloud.ledger.store import NOBODY, Holder, LedgerStore, Outgoing, Right
from protocols.sync.messages import LeaseKind
from protocols.values.instants import date_to_day, day_to_date


async def give_to_homes(
    store: LedgerStore, persons: Sequence[int], rule: int, *, from_day: int, uses_a_day: int
) -> int:
    """Give each person's home site the right to `rule`, unless some site has it; answers how many were given."""
    wanting = await store.without_right(persons, rule)
    holders = {site: await store.open_holder(site) for site in sorted({site for _, site in wanting})}
    given = []
    for person, site in wanting:
        holder = holders[site]
        if holder is not None:
            given.append(Right(person, rule, holder, from_day, uses_a_day, NOBODY, 0))
    await store.keep_rights(given)
    await send(store, [_standing(right) for right in given])
    return len(given)


async def want_for_visit(store: LedgerStore, person: int, rules: Iterable[int], holder: Holder, *, day: int) -> int:
    """A visited site wants limits of a person for a day: ask their holders. Answers how many were asked for."""
    rights = await store.rights(person, rules)
    asked = [r for r in rights if r.holder not in (NOBODY, holder) and r.next_holder == NOBODY]
    await store.keep_rights([Right(r.person, r.rule, r.holder, r.from_day, r.uses_a_day, holder, day) for r in asked])
    await send(store, [Outgoing(r.holder, LeaseKind.STANDING_RECALL, person, r.rule, 0, from_day=day) for r in asked])
    return len(asked)


async def move_home(store: LedgerStore, person: int, holder: Holder, *, from_day: int) -> None:
    """All limits of a person go to a new home once their holders have returned them."""
    moved = [r for r in await store.rights(person, None) if r.holder not in (NOBODY, holder)]
    await store.keep_rights([Right(r.person, r.rule, r.holder, r.from_day, r.uses_a_day, holder, 0) for r in moved])
    recalls = [
        Outgoing(r.holder, LeaseKind.STANDING_RECALL, person, r.rule, 0, from_day=from_day)
        for r in moved
        if r.next_holder == NOBODY
    ]
    await send(store, recalls)


async def returned(store: LedgerStore, holder: Holder, person: int, rule: int, *, from_day: int) -> None:
    """The holder counts the limit for no day from `from_day` on: pass the right on to whoever waits."""
    rights = [r for r in await store.rights(person, [rule]) if r.holder == holder]
    if not rights:
        return
    (right,) = rights
    messages = []
    if right.next_holder == NOBODY:
        after = Right(person, rule, NOBODY, from_day, right.uses_a_day, NOBODY, 0)
    elif right.visit_day:
        if from_day <= right.visit_day:
            messages.append(
                Outgoing(right.next_holder, LeaseKind.PASS, person, rule, right.uses_a_day, from_day=right.visit_day)
            )
            from_day = _day_after(right.visit_day)
        after = Right(person, rule, holder, from_day, right.uses_a_day, NOBODY, 0)
        messages.append(_standing(after))
    else:
        after = Right(person, rule, right.next_holder, from_day, right.uses_a_day, NOBODY, 0)
        messages.append(_standing(after))
    await store.keep_rights([after])
    await send(store, messages)


def _standing(right: Right) -> Outgoing:
    return Outgoing(
        right.holder, LeaseKind.STANDING, right.person, right.rule, right.uses_a_day, from_day=right.from_day
    )


def _day_after(day: int) -> int:
    return date_to_day(day_to_date(day) + timedelta(days=1))

"""Who counts a person's limits after each act, and what sites are told of it (rule 3): one at a time, day by day."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from tests.simulation import wirewords as words
from tests.simulation.bookkeeper import NOBODY, Draft, Holder, Sent


class Right(NamedTuple):
    """Who counts from which day, how many uses a day, and who waits for it (a visit: for one day)."""

    holder: Holder
    from_day: int
    uses_a_day: int
    waits: Holder = NOBODY
    visit_day: int = 0


Rights = dict[tuple[int, int], Right]


def known(rows: Mapping[tuple[int, int], Any]) -> Rights:
    """The rights as the cloud's table has them."""
    return {
        key: Right(tuple(row.holder), row.from_day, row.uses_a_day, tuple(row.next_holder), row.visit_day)
        for key, row in rows.items()
    }


def next_day(day: int) -> int:
    """The day after, yyyymmdd."""
    there = datetime(day // 10_000, day // 100 % 100, day % 100, tzinfo=UTC) + timedelta(days=1)
    return there.year * 10_000 + there.month * 100 + there.day


def _stands(draft: Draft, key: tuple[int, int], right: Right) -> None:
    draft.rights[key] = right
    draft.messages.append(Sent(right.holder, words.STANDING, key[0], key[1], right.uses_a_day, from_day=right.from_day))


def give(draft: Draft, limits: Mapping[int, tuple[int, Sequence[int]]]) -> int:
    """Homes get the limits that nobody counts, from the day on that is free."""
    if draft.silent():
        return 0
    given = 0
    for rule, (uses, persons) in limits.items():
        for person in sorted(set(persons)):
            right = draft.rights.get((person, rule))
            holder = draft.before.opened(draft.homes.get(person, (0, 0))[0])
            if person in draft.before.leavers or holder is None or (right is not None and right.holder != NOBODY):
                continue
            day = max(draft.day, right.from_day if right is not None else 0)
            _stands(draft, (person, rule), Right(holder, day, uses))
            given += 1
    return given


def want(draft: Draft, person: int, rules: Iterable[int], holder: Holder, day: int) -> int:
    """A site visited asks for limits that others count and nobody waits for."""
    asked = 0
    for rule in sorted(set(rules)):
        right = draft.rights.get((person, rule))
        if right is None or right.holder in (NOBODY, holder) or right.waits != NOBODY:
            continue
        draft.rights[person, rule] = right._replace(waits=holder, visit_day=day)
        draft.messages.append(Sent(right.holder, words.STANDING_RECALL, person, rule, 0, from_day=day))
        asked += 1
    return asked


def move_home(draft: Draft, person: int, holder: Holder) -> None:
    """The new home waits for all of them; who waited before waits no more."""
    for (who, rule), right in sorted(draft.rights.items()):
        if who == person and right.holder not in (NOBODY, holder):
            draft.rights[who, rule] = right._replace(waits=holder, visit_day=0)
            if right.waits == NOBODY:
                draft.messages.append(Sent(right.holder, words.STANDING_RECALL, who, rule, 0, from_day=draft.day))


def returned(draft: Draft, holder: Holder, person: int, rule: int, from_day: int) -> None:
    """A site counts no day from one on: a visit gets its day and the holder goes on after it, or the new home does."""
    key = (person, rule)
    right = draft.rights.get(key)
    if right is None or right.holder != holder:
        return
    from_day = max(from_day, right.from_day)
    after = Right(NOBODY, from_day, right.uses_a_day)
    if right.waits != NOBODY and not draft.silent():
        able = draft.before.is_open(right.waits)
        if right.visit_day and able and from_day <= right.visit_day:
            passing = Sent(right.waits, words.PASS, person, rule, right.uses_a_day, from_day=right.visit_day)
            draft.messages.append(passing)
            after = after._replace(from_day=next_day(right.visit_day))
        if right.visit_day and draft.before.is_open(holder):
            after = after._replace(holder=holder)
        elif not right.visit_day and able:
            after = after._replace(holder=right.waits)
    draft.rights[key] = after
    if after.holder != NOBODY:
        _stands(draft, key, after)


def declared(draft: Draft, holder: Holder, said: Iterable[Sequence[int]], *, heard_all: bool) -> None:
    """What a site says it counts, it counts; what it does not, and every message has reached it, nobody does."""
    counts = {(person, rule): day for person, rule, day in said}
    for key, day in counts.items():
        right = draft.rights.get(key)
        if right is None or right.holder != holder:
            draft.rights[key] = Right(holder, day, right.uses_a_day if right is not None else 1)
    for key, right in draft.rights.items():
        if heard_all and right.holder == holder and key not in counts:
            draft.rights[key] = right._replace(holder=NOBODY, waits=NOBODY, visit_day=0)


def lost(draft: Draft, holder: Holder) -> None:
    """Nobody counts what a lost site counted."""
    for key, right in draft.rights.items():
        if right.holder == holder:
            draft.rights[key] = right._replace(holder=NOBODY, waits=NOBODY, visit_day=0)

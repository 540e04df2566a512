"""Standing rights to limits: one site at a time may count a person's limit (rule 3)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from cloud.core.database import Transaction
from cloud.ledger.lease_store import Holder, Outgoing, open_holder, send
from protocols.sync.messages import LeaseKind
from protocols.values.instants import date_to_day, day_to_date

_NOBODY: Final = Holder(0, 0)


@dataclass(frozen=True, slots=True)
class Right:
    """Who counts `rule` for `person` from `from_day` on, and who waits for it (`visit_day` 0: for good)."""

    person: int
    rule: int
    holder: Holder
    from_day: int
    uses_a_day: int
    next_holder: Holder
    visit_day: int


_COLUMNS: Final = "person, rule, site, epoch, from_day, uses_a_day, next_site, next_epoch, visit_day"


async def give_to_homes(tx: Transaction, persons: Sequence[int], rule: int, *, from_day: int, uses_a_day: int) -> int:
    """Give each person's home site the right to `rule`, unless some site has it; answers how many were given."""
    rows = await tx.fetch(
        "SELECT h.person, h.site FROM lease_homes AS h LEFT JOIN standing_rights AS r"
        " ON r.person = h.person AND r.rule = $2 WHERE h.person = ANY ($1::bigint[]) AND coalesce(r.site, 0) = 0",
        list(persons), rule,
    )  # fmt: skip
    holders = {site: await open_holder(tx, site) for site in {row[1] for row in rows}}
    given = []
    for person, site in rows:
        holder = holders[site]
        if holder is not None:
            given.append(Right(person, rule, holder, from_day, uses_a_day, _NOBODY, 0))
    await _store(tx, given)
    await send(tx, [_standing(right) for right in given])
    return len(given)


async def want_for_visit(tx: Transaction, person: int, rules: Iterable[int], holder: Holder, *, day: int) -> int:
    """A visited site wants limits of a person for a day: ask their holders. Answers how many were asked for."""
    rights = await _load(tx, person, rules)
    asked = [r for r in rights if r.holder not in (_NOBODY, holder) and r.next_holder == _NOBODY]
    await _store(tx, [Right(r.person, r.rule, r.holder, r.from_day, r.uses_a_day, holder, day) for r in asked])
    await send(tx, [Outgoing(r.holder, LeaseKind.STANDING_RECALL, person, r.rule, 0, from_day=day) for r in asked])
    return len(asked)


async def move_home(tx: Transaction, person: int, holder: Holder, *, from_day: int) -> None:
    """All limits of a person go to a new home once their holders have returned them."""
    moved = [r for r in await _load(tx, person, None) if r.holder not in (_NOBODY, holder)]
    await _store(tx, [Right(r.person, r.rule, r.holder, r.from_day, r.uses_a_day, holder, 0) for r in moved])
    recalls = [
        Outgoing(r.holder, LeaseKind.STANDING_RECALL, person, r.rule, 0, from_day=from_day)
        for r in moved
        if r.next_holder == _NOBODY
    ]
    await send(tx, recalls)


async def returned(tx: Transaction, holder: Holder, person: int, rule: int, *, from_day: int) -> None:
    """The holder counts the limit for no day from `from_day` on: pass the right on to whoever waits."""
    rights = [r for r in await _load(tx, person, [rule]) if r.holder == holder]
    if not rights:
        return
    (right,) = rights
    messages = []
    if right.next_holder == _NOBODY:
        after = Right(person, rule, _NOBODY, from_day, right.uses_a_day, _NOBODY, 0)
    elif right.visit_day:
        if from_day <= right.visit_day:
            messages.append(
                Outgoing(right.next_holder, LeaseKind.PASS, person, rule, right.uses_a_day, from_day=right.visit_day)
            )
            from_day = _day_after(right.visit_day)
        after = Right(person, rule, holder, from_day, right.uses_a_day, _NOBODY, 0)
        messages.append(_standing(after))
    else:
        after = Right(person, rule, right.next_holder, from_day, right.uses_a_day, _NOBODY, 0)
        messages.append(_standing(after))
    await _store(tx, [after])
    await send(tx, messages)


async def free_of_lost(tx: Transaction, holder: Holder) -> None:
    """A lost site counts no limit any more; the homes get the rights when they are sized next."""
    await tx.execute(
        "UPDATE standing_rights SET site = 0, epoch = 0, next_site = 0, next_epoch = 0, visit_day = 0"
        " WHERE site = $1 AND epoch = $2",
        *holder,
    )


def _standing(right: Right) -> Outgoing:
    return Outgoing(
        right.holder, LeaseKind.STANDING, right.person, right.rule, right.uses_a_day, from_day=right.from_day
    )


def _day_after(day: int) -> int:
    return date_to_day(day_to_date(day) + timedelta(days=1))


async def _load(tx: Transaction, person: int, rules: Iterable[int] | None) -> list[Right]:
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM standing_rights WHERE person = $1 AND ($2::bigint[] IS NULL OR rule = ANY ($2))"  # noqa: S608
        " ORDER BY rule FOR UPDATE",
        person, None if rules is None else list(rules),
    )  # fmt: skip
    return [Right(r[0], r[1], Holder(r[2], r[3]), r[4], r[5], Holder(r[6], r[7]), r[8]) for r in rows]


async def _store(tx: Transaction, rights: Sequence[Right]) -> None:
    await tx.connection.executemany(
        f"INSERT INTO standing_rights ({_COLUMNS}, organisation_id) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)"  # noqa: S608
        " ON CONFLICT (person, rule) DO UPDATE SET site = excluded.site, epoch = excluded.epoch,"
        " from_day = excluded.from_day, uses_a_day = excluded.uses_a_day, next_site = excluded.next_site,"
        " next_epoch = excluded.next_epoch, visit_day = excluded.visit_day",
        [
            (r.person, r.rule, *r.holder, r.from_day, r.uses_a_day, *r.next_holder, r.visit_day, tx.organisation_id)
            for r in rights
        ],
    )

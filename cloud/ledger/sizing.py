"""Leases to homes and visited sites in SQL: who holds what, grants, recalls, visits (rule 4)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from cloud.core.database import Transaction
from cloud.ledger.accounts import available, leased
from cloud.ledger.lease_store import Holder, Outgoing, lock_holders, need_declared, open_holder, send
from cloud.ledger.leases import Part, home_grants, recalls, visitor_grants
from cloud.ledger.posting import Line, load_balances, move_balances, write_lines
from protocols.ledger.accounts import Account, Owner, TransferKind
from protocols.sync.messages import LeaseKind

_AVAILABLE: Final = f"""
SELECT b.owner, b.bucket, b.balance FROM ledger_balances AS b
WHERE b.owner_kind = {int(Owner.PERSON)} AND b.owner = ANY ($1::bigint[]) AND b.site = 0 AND b.balance > 0
  AND NOT EXISTS (SELECT 1 FROM lease_cutoffs AS c WHERE c.bucket = b.bucket)
ORDER BY b.owner, b.bucket FOR UPDATE OF b
"""  # noqa: S608 - made of constants
_AT: Final = f"""
SELECT b.owner, b.site, b.epoch, b.bucket, b.balance
FROM ledger_balances AS b JOIN lease_sites AS s USING (site, epoch)
WHERE b.owner_kind = {int(Owner.PERSON)} AND b.owner = ANY ($1::bigint[]) AND b.balance > 0 AND s.state = 'open'
  AND NOT EXISTS (SELECT 1 FROM lease_cutoffs AS c WHERE c.bucket = b.bucket)
"""  # noqa: S608 - made of constants
_HOMES: Final = """
SELECT h.person, h.meal_fen, h.site, s.epoch FROM lease_homes AS h
JOIN LATERAL (
    SELECT epoch FROM lease_sites WHERE site = h.site AND state = 'open' ORDER BY epoch DESC LIMIT 1
) AS s ON true
WHERE h.person = ANY ($1::bigint[])
"""
_SET_HOME: Final = """
INSERT INTO lease_homes (person, organisation_id, site, meal_fen) VALUES ($1, $2, $3, $4)
ON CONFLICT (person) DO UPDATE SET site = excluded.site, meal_fen = excluded.meal_fen
"""

Grant = tuple[Holder, int, Part]


async def set_home(tx: Transaction, person: int, site: int, meal_fen: int) -> None:
    """Make `site` the home of a person; what another site holds comes back on its own or by recall."""
    await tx.execute(_SET_HOME, person, tx.organisation_id, site, meal_fen)


async def size_homes(tx: Transaction, persons: Sequence[int], *, now: datetime, business_day: int) -> int:
    """Lease to each person's home what it lacks; answers the number of grants. Raises LeasesWait."""
    await need_declared(tx)
    homes = {row[0]: (row[1], Holder(row[2], row[3])) for row in await tx.fetch(_HOMES, list(persons))}
    if not homes:
        return 0
    await lock_holders(tx, {holder for _, holder in homes.values()})
    people = sorted(homes)
    free = await _free(tx, people)
    held = await held_by_sites(tx, people)
    grants: list[Grant] = []
    for person, (meal_fen, holder) in sorted(homes.items()):
        at_home = {key[2]: amount for key, amount in held[person].items() if key[:2] == holder}
        grants += [(holder, person, part) for part in home_grants(free[person], at_home, meal_fen=meal_fen)]
    await grant(tx, grants, now=now, business_day=business_day)
    return len(grants)


async def grant(tx: Transaction, grants: Sequence[Grant], *, now: datetime, business_day: int) -> None:
    """Lease parts of what is available: transfer, line and numbered message in one transaction.

    The caller holds the `available` rows locked and has checked the amounts.
    """
    if not grants:
        return
    outgoing = [Outgoing(holder, LeaseKind.GRANT, person, part.bucket, part.amount) for holder, person, part in grants]
    lines: list[Line] = []
    deltas: dict[Account, int] = defaultdict(int)
    for n, message in await send(tx, outgoing):
        holder = message.holder
        debit = available(message.person, message.bucket)
        credit = leased(message.person, message.bucket, site=holder.site, epoch=holder.epoch)
        deltas[debit] -= message.amount
        deltas[credit] += message.amount
        stamp = (business_day, business_day, now, None, None, None, None, 0)
        cause = f"grant:{holder.site}:{holder.epoch}:{n}"
        kind = int(TransferKind.LEASE_GRANT)
        head = (tx.organisation_id, kind, *debit, *credit, message.amount, message.person)
        lines.append((*head, *stamp, cause, ""))
    held = await load_balances(tx, deltas)
    await move_balances(tx, held, deltas)
    await write_lines(tx, lines)


async def recall(tx: Transaction, person: int, wanted: int, *, for_holder: Holder, buckets: Iterable[int] = ()) -> int:
    """Ask the sites that hold a person's money to give back up to `wanted`; answers how much was asked for."""
    only = frozenset(buckets)
    held = (await held_by_sites(tx, [person]))[person]
    waiting = await _asked_already(tx, person)
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
    await send(tx, messages)
    return sum(part.amount for _, _, part in asked)


async def serve_visitor(
    tx: Transaction, person: int, wanted: int, holder: Holder, *,
    now: datetime, business_day: int, order: Sequence[int] = (),
) -> tuple[int, int]:  # fmt: skip
    """Lease up to `wanted` to a visited site, and recall the rest; answers (granted, asked back). Raises LeasesWait."""
    await need_declared(tx)
    await lock_holders(tx, [holder])
    parts = visitor_grants((await _free(tx, [person]))[person], wanted, order=order)
    await grant(tx, [(holder, person, part) for part in parts], now=now, business_day=business_day)
    granted = sum(part.amount for part in parts)
    coming = await _coming(tx, person, holder) if granted < wanted else 0
    missing = wanted - granted - coming
    asked = await recall(tx, person, missing, for_holder=holder) if missing > 0 else 0
    return granted, asked + coming


async def announce_visit(
    tx: Transaction, person: int, site: int, day: int, *, now: datetime, order: Sequence[int] = ()
) -> tuple[int, int]:
    """A visit announced in the app moves one meal to the site, once a day; answers (granted, asked back)."""
    holder = await open_holder(tx, site)
    meal_fen = await tx.fetchval("SELECT meal_fen FROM lease_homes WHERE person = $1", person)
    if holder is None or not meal_fen:
        return 0, 0
    claimed = await tx.fetchval(
        "INSERT INTO lease_visits (person, site, day, organisation_id) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT DO NOTHING RETURNING true",
        person, site, day, tx.organisation_id,
    )  # fmt: skip
    if not claimed:
        return 0, 0
    return await serve_visitor(tx, person, meal_fen, holder, now=now, business_day=day, order=order)


async def pass_on_returned(
    tx: Transaction, returned: Sequence[tuple[Holder, int, Part]], *, now: datetime, business_day: int
) -> None:
    """What came back for somebody who asked goes on to them, as far as it is still available."""
    if not returned:
        return
    free = await _free(tx, sorted({person for _, person, _ in returned}))
    grants: list[Grant] = []
    for holder, person, part in returned:
        amount = min(part.amount, free[person].get(part.bucket, 0))
        if amount > 0:
            free[person][part.bucket] -= amount
            grants.append((holder, person, Part(part.bucket, amount)))
    await grant(tx, grants, now=now, business_day=business_day)


async def held_by_sites(tx: Transaction, persons: Sequence[int]) -> dict[int, dict[tuple[int, int, int], int]]:
    """Person -> (site, epoch, bucket) -> amount, at sites that are open."""
    held: dict[int, dict[tuple[int, int, int], int]] = {person: {} for person in persons}
    for person, site, epoch, bucket, balance in await tx.fetch(_AT, list(persons)):
        held[person][site, epoch, bucket] = balance
    return held


async def _free(tx: Transaction, persons: Sequence[int]) -> Mapping[int, dict[int, int]]:
    free: dict[int, dict[int, int]] = {person: {} for person in persons}
    for person, bucket, balance in await tx.fetch(_AVAILABLE, list(persons)):
        free[person][bucket] = balance
    return free


async def _coming(tx: Transaction, person: int, holder: Holder) -> int:
    """What other sites were asked for on behalf of this one and have not answered."""
    query = (
        "SELECT coalesce(sum(amount), 0)::bigint FROM lease_messages WHERE person = $1 AND kind = $2"
        " AND for_site = $3 AND for_epoch = $4 AND answered IS NULL"
    )
    return int(await tx.fetchval(query, person, int(LeaseKind.RECALL), *holder))


async def _asked_already(tx: Transaction, person: int) -> dict[tuple[int, int, int], int]:
    rows = await tx.fetch(
        "SELECT site, epoch, bucket, sum(amount)::bigint FROM lease_messages"
        " WHERE person = $1 AND kind = ANY ($2::smallint[]) AND answered IS NULL GROUP BY site, epoch, bucket",
        person, [int(LeaseKind.RECALL), int(LeaseKind.SHRINK)],
    )  # fmt: skip
    return {(row[0], row[1], row[2]): row[3] for row in rows}

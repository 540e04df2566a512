"""The public door of audit: take records in, search them, verify the chain."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asyncpg import Record

from cloud.core.database import Transaction
from cloud.domains.audit import rules

_VERIFY_STEP = 5_000


@dataclass(frozen=True)
class Verification:
    """What a walk over the whole chain found; `broken_at` is the first record that does not follow, None for none."""

    records: int
    head: str
    broken_at: int | None


async def append(
    tx: Transaction, *, event_id: int, at: datetime, actor: str, action: str, target: str, before: Any, after: Any
) -> int:
    """Chain one more record to the organisation's trail and answer its number."""
    assert tx.organisation_id is not None
    await tx.execute(
        "INSERT INTO audit_heads (organisation_id, id, hash) VALUES ($1, 0, $2) ON CONFLICT DO NOTHING",
        tx.organisation_id,
        rules.genesis(tx.organisation_id),
    )
    query = "SELECT id, hash FROM audit_heads WHERE organisation_id = $1 FOR UPDATE"
    head = await tx.fetchrow(query, tx.organisation_id)
    assert head is not None
    number = int(head["id"]) + 1
    texts = (actor, action, target, rules.canonical(before), rules.canonical(after))
    made = rules.link(bytes(head["hash"]), number=number, at=at, texts=texts)
    await tx.execute(
        "INSERT INTO audit_records (id, at, actor, action, target, before, after, hash, event_id) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        number,
        at,
        *texts,
        made,
        event_id,
    )
    query = "UPDATE audit_heads SET id = $2, hash = $3 WHERE organisation_id = $1"
    await tx.execute(query, tx.organisation_id, number, made)
    return number


async def page(
    tx: Transaction, *, before_id: int, fetch: int, search: str, actor: str | None, target: str | None
) -> list[Record]:
    """Records, newest first, below `before_id`."""
    where: list[str] = ["organisation_id = $1", "id < $2"]
    arguments: list[Any] = [tx.organisation_id, before_id, fetch]
    for column, value in (("actor", actor), ("target", target)):
        if value:
            arguments.append(value)
            where.append(f"{column} = ${len(arguments)}")
    if search:
        arguments.append("%" + search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%")
        n = len(arguments)
        where.append(f"(action ILIKE ${n} OR target ILIKE ${n} OR before ILIKE ${n} OR after ILIKE ${n})")
    query = f"SELECT * FROM audit_records WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT $3"  # noqa: S608 - bound
    return await tx.fetch(query, *arguments)


async def verify(tx: Transaction) -> Verification:
    """Walk the whole chain: every record follows the one before it, and the head is the last of them."""
    assert tx.organisation_id is not None
    number, previous = 0, rules.genesis(tx.organisation_id)
    while True:
        rows = await tx.fetch(
            "SELECT * FROM audit_records WHERE organisation_id = $1 AND id > $2 ORDER BY id LIMIT $3",
            tx.organisation_id,
            number,
            _VERIFY_STEP,
        )
        broken = rules.first_break(rows, previous, number)
        if broken is not None:
            return Verification(number, previous.hex(), broken)
        if not rows:
            break
        number, previous = rows[-1]["id"], bytes(rows[-1]["hash"])
    head = await tx.fetchrow("SELECT id, hash FROM audit_heads WHERE organisation_id = $1", tx.organisation_id)
    whole = head is None or (head["id"] == number and bytes(head["hash"]) == previous)
    return Verification(number, previous.hex(), None if whole else number + 1)

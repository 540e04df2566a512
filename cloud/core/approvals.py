"""Two persons for a weighty act: one asks, another agrees, then it may be done once, exactly as asked."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cloud.core.database import Transaction
from cloud.core.errors import Conflict, Forbidden, NotFound
from cloud.core.sessions import User


class SamePerson(Forbidden):
    """Who asked may not agree."""

    code = "same_person"
    title = "Another person has to agree"


@dataclass(frozen=True)
class Approval:
    """A request for a second person. `granted` is None while nobody decided."""

    id: int
    action: str
    subject: str
    payload: dict[str, Any]
    requested_by: int
    requested_at: datetime
    ends_at: datetime
    decided_by: int | None
    granted: bool | None
    used_at: datetime | None


async def ask(
    tx: Transaction, user: User, *, action: str, subject: str, payload: dict[str, Any], now: datetime, ends_s: int
) -> int:
    """Ask for agreement to `action` on `subject`; `payload` is exactly what will be done. Answers its id."""
    made = await tx.fetchval(
        "INSERT INTO core_approvals (organisation_id, action, subject, payload, requested_by, requested_at, ends_at) "
        "VALUES ($1, $2, $3, $4::jsonb, $5, $6, $7) RETURNING id",
        tx.organisation_id,
        action,
        subject,
        json.dumps(payload),
        user.id,
        now,
        now + timedelta(seconds=ends_s),
    )
    return int(made)


async def decide(tx: Transaction, user: User, approval_id: int, *, granted: bool, now: datetime) -> Approval:
    """Agree or refuse. Raises SamePerson for who asked, Conflict where it was decided or has ended, NotFound."""
    approval = await find(tx, approval_id, lock=True)
    if approval.requested_by == user.id:
        raise SamePerson
    if approval.granted is not None or approval.ends_at <= now:
        raise Conflict("this request was decided already or has ended")
    await tx.execute(
        "UPDATE core_approvals SET decided_by = $2, decided_at = $3, granted = $4 WHERE id = $1",
        approval_id,
        user.id,
        now,
        granted,
    )
    return await find(tx, approval_id)


async def use(tx: Transaction, approval_id: int, *, action: str, now: datetime) -> Approval:
    """Take a granted approval for the act, which happens in `tx`. Raises Conflict unless it is granted and unused."""
    approval = await find(tx, approval_id, lock=True)
    if approval.action != action or not approval.granted or approval.used_at or approval.ends_at <= now:
        raise Conflict("no second person agreed to this, or it was done already")
    await tx.execute("UPDATE core_approvals SET used_at = $2 WHERE id = $1", approval_id, now)
    return approval


async def find(tx: Transaction, approval_id: int, *, lock: bool = False) -> Approval:
    """One request. Raises NotFound."""
    query = (
        "SELECT id, action, subject, payload, requested_by, requested_at, ends_at, decided_by, granted, used_at "
        "FROM core_approvals WHERE id = $1"
    )
    row = await tx.fetchrow(query + (" FOR UPDATE" if lock else ""), approval_id)
    if row is None:
        raise NotFound
    return _approval(row)


async def waiting(tx: Transaction, *, limit: int = 200) -> list[Approval]:
    """What waits for a second person, oldest first."""
    rows = await tx.fetch(
        "SELECT id, action, subject, payload, requested_by, requested_at, ends_at, decided_by, granted, used_at "
        "FROM core_approvals WHERE decided_by IS NULL ORDER BY id LIMIT $1",
        limit,
    )
    return [_approval(row) for row in rows]


def _approval(row: Any) -> Approval:
    return Approval(**{**dict(row), "payload": json.loads(row["payload"])})

"""What is set aside, as people see it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cloud.core.database import Transaction
from cloud.core.errors import NotFound
from cloud.sync.entries import decoded, kind_name, to_fields
from protocols.journal.messages import Entry
from protocols.values.ids import EntryId

_ITEM: Final = """
SELECT q.id, q.device, q.epoch, q.branch, q.seq, q.kind, q.subject, q.state, q.reason_code, q.reason, q.behind_seq,
       q.received_at, q.resolved_at,
       (SELECT count(*) FROM quarantine AS b WHERE b.device = q.device AND b.epoch = q.epoch AND b.branch = q.branch
          AND b.state = 'parked' AND b.behind_seq = q.seq) AS parked_behind
FROM quarantine AS q
"""
_LIST: Final = f"""{_ITEM}
WHERE q.id > $1 AND ($2 = '' AND q.state <> 'replayed' OR q.state = $2) AND ($3::bigint IS NULL OR q.device = $3)
ORDER BY q.id LIMIT $4
"""
_BODY: Final = """
SELECT i.body, i.hash, c.id AS correction_id, c.payload, c.note, c.people_needed, c.made_by, c.made_at
FROM inbox AS i LEFT JOIN corrections AS c
    ON c.device = i.device AND c.epoch = i.epoch AND c.branch = i.branch AND c.seq = i.seq AND NOT c.withdrawn
WHERE i.device = $1 AND i.epoch = $2 AND i.branch = $3 AND i.seq = $4
"""


@dataclass(frozen=True, slots=True)
class QuarantineItem:
    """One entry that waits or waited. `state`: waiting (for a person), parked, mended, replayed."""

    id: int
    entry_id: EntryId
    branch: int
    kind: str
    subject: str
    state: str
    reason_code: str
    reason: str
    behind_seq: int
    parked_behind: int
    received_at: datetime
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class Approval:
    """Who stands behind a correction."""

    person: int
    approved_at: datetime


@dataclass(frozen=True, slots=True)
class Correction:
    """A mend: payload by field names, who made it, who approved it, and how many people it needs."""

    id: int
    payload: Any
    note: str
    people_needed: int
    made_by: int
    made_at: datetime
    approvals: tuple[Approval, ...]

    @property
    def approved(self) -> bool:
        """Whether enough people stand behind it."""
        return len(self.approvals) >= self.people_needed


@dataclass(frozen=True, slots=True)
class QuarantineDetail:
    """An item with its bytes as they came in, and what they say (None where unreadable)."""

    item: QuarantineItem
    body: bytes
    hash: bytes
    entry: Any
    payload: Any
    correction: Correction | None


async def list_quarantine(
    tx: Transaction, *, state: str, device: int | None, after_id: int, limit: int
) -> list[QuarantineItem]:  # fmt: skip
    """Items after an id, oldest first."""
    return [_item(row) for row in await tx.fetch(_LIST, after_id, state, device, limit)]


async def read_quarantine(tx: Transaction, item_id: int) -> QuarantineDetail:
    """One item. Raises NotFound."""
    row = await tx.fetchrow(f"{_ITEM} WHERE q.id = $1", item_id)
    if row is None:
        raise NotFound("nothing of that number is set aside")
    item = _item(row)
    stored = await tx.fetchrow(_BODY, item.entry_id.device, item.entry_id.epoch, item.branch, item.entry_id.seq)
    if stored is None:
        raise NotFound("the entry's bytes are not here")
    body = bytes(stored["body"])
    entry, payload = decoded(body, None)
    correction = None
    if stored["correction_id"] is not None:
        _, mended = decoded(body, stored["payload"])
        approvals = await tx.fetch(
            "SELECT person, approved_at FROM correction_approvals WHERE correction_id = $1"
            " ORDER BY approved_at, person",
            stored["correction_id"],
        )
        correction = Correction(
            stored["correction_id"], to_fields(mended), stored["note"], stored["people_needed"], stored["made_by"],
            stored["made_at"], tuple(Approval(*approval) for approval in approvals),
        )  # fmt: skip
    return QuarantineDetail(item, body, bytes(stored["hash"]), shown_entry(entry), to_fields(payload), correction)


def shown_entry(entry: Entry | None) -> Any:
    """An entry's own fields by name, without its payload; None for what cannot be read."""
    return {name: value for name, value in to_fields(entry).items() if name != "payload"} if entry else None


def _item(row: Any) -> QuarantineItem:
    return QuarantineItem(
        row["id"], EntryId(row["device"], row["epoch"], row["seq"]), row["branch"], kind_name(row["kind"]),
        row["subject"], row["state"], row["reason_code"], row["reason"], row["behind_seq"], row["parked_behind"],
        row["received_at"], row["resolved_at"],
    )  # fmt: skip

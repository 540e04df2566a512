"""SQL of replays: what is open in a stream, and how it ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cloud.core.database import Transaction
from cloud.sync.state import Problem, StreamState

_OPEN: Final = """
SELECT q.seq, q.state, q.reason_code, q.lane, q.hour, i.body, c.payload
FROM quarantine AS q JOIN inbox AS i USING (device, epoch, branch, seq)
LEFT JOIN corrections AS c ON c.device = q.device AND c.epoch = q.epoch AND c.branch = q.branch AND c.seq = q.seq
    AND NOT c.withdrawn AND c.people_needed <= (
        SELECT count(*) FROM correction_approvals AS a WHERE a.correction_id = c.id)
WHERE q.device = $1 AND q.epoch = $2 AND q.branch = $3 AND q.state <> 'replayed' ORDER BY q.seq
"""
_COUNT: Final = """
UPDATE completeness AS c SET applied = c.applied + k.many, quarantined = c.quarantined - k.quarantined,
    parked = c.parked - k.parked
FROM unnest($2::bigint[], $3::timestamptz[], $4::bigint[], $5::bigint[], $6::bigint[])
    AS k (lane, hour, many, quarantined, parked)
WHERE c.device = $1 AND c.lane = k.lane AND c.hour = k.hour
"""


@dataclass(frozen=True, slots=True)
class Open:
    """An entry that waits, with its bytes and (approved) mended payload."""

    seq: int
    state: str
    code: str
    lane: int
    hour: datetime
    body: bytes
    payload: bytes | None


async def open_items(tx: Transaction, stream: StreamState) -> list[Open]:
    """Everything of a stream that waits, in order of seq."""
    rows = await tx.fetch(_OPEN, stream.device, stream.epoch, stream.branch)
    return [Open(row[0], row[1], row[2], row[3], row[4], bytes(row[5]), row[6]) for row in rows]


async def finish(
    tx: Transaction, stream: StreamState, items: Sequence[Open], *,
    applied: Sequence[int], still: dict[int, Problem], now: datetime,
) -> None:  # fmt: skip
    """Mark what was applied, give the others their present reasons, and move the counts."""
    key = (stream.device, stream.epoch, stream.branch)
    if applied:
        await tx.execute(
            "UPDATE quarantine SET state = 'replayed', resolved_at = $5"
            " WHERE device = $1 AND epoch = $2 AND branch = $3 AND seq = ANY ($4::bigint[])",
            *key, list(applied), now,
        )  # fmt: skip
        await tx.execute(
            "UPDATE inbox SET state = 1 WHERE device = $1 AND epoch = $2 AND branch = $3 AND seq = ANY ($4::bigint[])",
            *key, list(applied),
        )  # fmt: skip
    if still:
        await tx.execute(
            "UPDATE quarantine SET reason_code = k.code, reason = k.words"
            " FROM unnest($4::bigint[], $5::text[], $6::text[]) AS k (seq, code, words)"
            " WHERE device = $1 AND epoch = $2 AND branch = $3 AND quarantine.seq = k.seq"
            " AND quarantine.state <> 'replayed'",
            *key, list(still), [p.code for p in still.values()], [p.words.replace("\x00", "?") for p in still.values()],
        )  # fmt: skip
    await _move_counts(tx, stream, [item for item in items if item.seq in set(applied)])


async def _move_counts(tx: Transaction, stream: StreamState, items: Sequence[Open]) -> None:
    moved: dict[tuple[int, datetime], list[int]] = {}
    for item in items:
        counts = moved.setdefault((item.lane, item.hour), [0, 0, 0])
        counts[0] += 1
        counts[2 if item.state == "parked" else 1] += 1
    if moved:
        columns = list(zip(*moved.values(), strict=True))
        await tx.execute(
            _COUNT, stream.device, [lane for lane, _ in moved], [hour for _, hour in moved],
            *[list(column) for column in columns],
        )  # fmt: skip

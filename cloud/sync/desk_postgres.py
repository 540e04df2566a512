"""What the desk reads and writes on PostgreSQL: items that wait, corrections, and how replays end."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from cloud.sync.quarantine import QuarantineDetail, read_quarantine
from cloud.sync.sites_postgres import PostgresSites
from cloud.sync.state import Open, Problem, StreamState, counted, for_a_person
from cloud.sync.store import MendRecord

_OPEN: Final = """
SELECT q.seq, q.state, q.reason_code, q.lane, q.hour, i.body, c.payload
FROM quarantine AS q JOIN inbox AS i USING (device, epoch, branch, seq)
LEFT JOIN corrections AS c ON c.device = q.device AND c.epoch = q.epoch AND c.branch = q.branch AND c.seq = q.seq
    AND NOT c.withdrawn AND c.people_needed <= (
        SELECT count(*) FROM correction_approvals AS a WHERE a.correction_id = c.id)
WHERE q.device = $1 AND q.epoch = $2 AND q.branch = $3 AND q.state <> 'replayed' ORDER BY q.seq
"""
_COUNT: Final = """
UPDATE completeness AS c SET applied = c.applied + k.applied, quarantined = c.quarantined + k.quarantined,
    parked = c.parked + k.parked
FROM unnest($2::bigint[], $3::timestamptz[], $4::bigint[], $5::bigint[], $6::bigint[])
    AS k (lane, hour, applied, quarantined, parked)
WHERE c.device = $1 AND c.lane = k.lane AND c.hour = k.hour
"""


class PostgresDesk(PostgresSites):
    """The part of `PostgresStore` that the desk uses."""

    async def waiting_item(self, item_id: int) -> QuarantineDetail:
        """One item with its bytes and correction. Raises NotFound."""
        return await read_quarantine(self.tx, item_id)

    async def add_mend(self, mend: MendRecord) -> int:
        """Keep a correction, which replaces one before."""
        await self.tx.execute(
            "UPDATE corrections SET withdrawn = true WHERE device = $1 AND epoch = $2 AND branch = $3 AND seq = $4"
            " AND NOT withdrawn",
            *mend.key,
        )
        return int(
            await self.tx.fetchval(
                "INSERT INTO corrections (organisation_id, device, epoch, branch, seq, payload, note, people_needed,"
                " made_by, made_at, signature) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id",
                self.tx.organisation_id, *mend.key, mend.payload, mend.note, mend.people_needed, mend.made_by,
                mend.made_at, mend.signature,
            )
        )  # fmt: skip

    async def add_approval(self, correction: int, *, by: int, at: datetime, signature: bytes) -> None:
        """A person stands behind a correction; once each."""
        await self.tx.execute(
            "INSERT INTO correction_approvals (correction_id, person, organisation_id, approved_at, signature)"
            " VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
            correction, by, self.tx.organisation_id, at, signature,
        )  # fmt: skip

    async def set_mended(self, item_id: int) -> None:
        """The item has a correction."""
        await self.tx.execute("UPDATE quarantine SET state = 'mended' WHERE id = $1", item_id)

    async def open_items(self, stream: StreamState) -> list[Open]:
        """Everything of a stream that waits, in order of seq."""
        rows = await self.tx.fetch(_OPEN, stream.device, stream.epoch, stream.branch)
        return [Open(row[0], row[1], row[2], row[3], row[4], bytes(row[5]), row[6]) for row in rows]

    async def blocked(self, stream: StreamState, tried: Iterable[int]) -> dict[str, int]:
        """Subject -> first seq that waits."""
        rows = await self.tx.fetch(
            "SELECT subject, min(seq) FROM quarantine WHERE device = $1 AND epoch = $2 AND branch = $3"
            " AND state <> 'replayed' AND subject <> '' AND NOT seq = ANY ($4::bigint[]) GROUP BY subject",
            stream.device, stream.epoch, stream.branch, sorted(tried),
        )  # fmt: skip
        return {row[0]: row[1] for row in rows}

    async def close_items(
        self, stream: StreamState, items: Sequence[Open], *,
        applied: Sequence[int], still: dict[int, Problem], now: datetime,
    ) -> None:  # fmt: skip
        """Mark what was applied, give the others their present reasons, and move the counts."""
        key = (stream.device, stream.epoch, stream.branch)
        if applied:
            await self.tx.execute(
                "UPDATE quarantine SET state = 'replayed', resolved_at = $5"
                " WHERE device = $1 AND epoch = $2 AND branch = $3 AND seq = ANY ($4::bigint[])",
                *key, list(applied), now,
            )  # fmt: skip
            await self.tx.execute(
                "UPDATE inbox SET state = 1"
                " WHERE device = $1 AND epoch = $2 AND branch = $3 AND seq = ANY ($4::bigint[])",
                *key, list(applied),
            )  # fmt: skip
        judged = [item.seq for item in items if for_a_person(item, still)]
        if judged:
            await self.tx.execute(
                "WITH now_waiting AS (UPDATE quarantine SET state = 'waiting'"
                " WHERE device = $1 AND epoch = $2 AND branch = $3 AND seq = ANY ($4::bigint[]))"
                " UPDATE inbox SET state = 3"
                " WHERE device = $1 AND epoch = $2 AND branch = $3 AND seq = ANY ($4::bigint[])",
                *key, judged,
            )  # fmt: skip
        if still:
            await self.tx.execute(
                "UPDATE quarantine SET reason_code = k.code, reason = k.words"
                " FROM unnest($4::bigint[], $5::text[], $6::text[]) AS k (seq, code, words)"
                " WHERE device = $1 AND epoch = $2 AND branch = $3 AND quarantine.seq = k.seq"
                " AND quarantine.state <> 'replayed'",
                *key, list(still), [problem.code for problem in still.values()],
                [problem.words.replace("\x00", "?") for problem in still.values()],
            )  # fmt: skip
        moved: dict[tuple[int, datetime], list[int]] = {}
        for item in items:
            counts = moved.setdefault((item.lane, item.hour), [0, 0, 0])
            for place, by in enumerate(counted(item, set(applied), set(judged))):
                counts[place] += by
        await self._move_counts(stream, moved)

    async def _move_counts(self, stream: StreamState, moved: dict[tuple[int, datetime], list[int]]) -> None:
        if moved:
            columns = list(zip(*moved.values(), strict=True))
            await self.tx.execute(
                _COUNT, stream.device, [lane for lane, _ in moved], [hour for _, hour in moved],
                *[list(column) for column in columns],
            )  # fmt: skip

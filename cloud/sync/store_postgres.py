"""The store on PostgreSQL: slices by a few set-based reads, effects by COPY and one UPDATE of balances."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg

from cloud.core.database import Transaction
from cloud.core.errors import Unavailable
from cloud.ledger.books import TRUSTED, Books, Question, Sale
from cloud.ledger.line_copy import LinePacker
from cloud.ledger.posting import LINE_COLUMNS
from cloud.sync.branch_keys import Rotation
from cloud.sync.desk_postgres import PostgresDesk
from cloud.sync.entries import settlement_amounts
from cloud.sync.inbox_copy import INBOX_COLUMNS, pack_entries
from cloud.sync.registry import EntryContext, Registry, Row
from cloud.sync.slices import NotHeld, accounts_of
from cloud.sync.state import Effects, EntryState, Reading, Received, Slice, StreamState, Wants, with_lineage
from cloud.sync.store import Prepared
from protocols.journal.chain import genesis
from protocols.journal.kinds import Kind
from protocols.ledger.accounts import Account

_STREAM: Final = (
    "device, epoch, branch, site, forked_after, applied_through, head, safe_through, state, state_reason,"
    " streak_reason, streak, sum_fen, parent"
)
_ROTATIONS: Final = """
SELECT i.epoch, i.branch, i.seq, i.body FROM streams AS s
JOIN inbox AS i ON i.device = s.device AND i.epoch = s.epoch AND i.branch = s.branch AND i.seq > s.forked_after
WHERE s.device = $1 AND s.branch > 0 AND i.kind = $2 AND i.state = $3 ORDER BY i.epoch, i.branch, i.seq
"""
_BRANCHES: Final = f"SELECT {_STREAM} FROM streams WHERE device = $1 AND epoch = $2 ORDER BY branch FOR UPDATE"  # noqa: S608
_SCOPE: Final = """
SELECT s.state, s.bearer, s.released_at IS NOT NULL, s.declared_generation < g.generation
FROM lease_sites AS s, core_generation AS g WHERE s.site = $1 AND s.epoch = $2
"""
_BUCKETS: Final = """
SELECT coalesce(c.bucket, t.bucket), c.business_day IS NOT NULL, p.passed_seq IS NOT NULL, t.organisation_id IS NOT NULL
FROM lease_cutoffs AS c FULL JOIN ledger_counting_buckets AS t USING (bucket)
LEFT JOIN lease_cutoff_sites AS p ON p.bucket = c.bucket AND p.site = $1 AND p.epoch = $2
"""
_COUNTS: Final = """
INSERT INTO completeness AS c (device, lane, hour, organisation_id, applied, quarantined, parked)
SELECT $1, k.lane, k.hour, $2, k.applied, k.quarantined, k.parked
FROM unnest($3::bigint[], $4::timestamptz[], $5::bigint[], $6::bigint[], $7::bigint[])
    AS k (lane, hour, applied, quarantined, parked)
ON CONFLICT (device, hour, lane) DO UPDATE SET applied = c.applied + excluded.applied,
    quarantined = c.quarantined + excluded.quarantined, parked = c.parked + excluded.parked
"""
_DUPLICATES: Final = """
INSERT INTO completeness AS c (device, lane, hour, organisation_id, duplicates)
VALUES ($1, 0, date_trunc('hour', $2::timestamptz), $3, $4)
ON CONFLICT (device, hour, lane) DO UPDATE SET duplicates = c.duplicates + excluded.duplicates
"""
_ADVANCE: Final = """
UPDATE streams SET applied_through = $4, head = $5, sum_fen = sum_fen + $6, streak_reason = $7, streak = $8,
    state = CASE WHEN $9 = '' THEN state ELSE 'stopped' END,
    state_reason = CASE WHEN $9 = '' THEN state_reason ELSE $9 END,
    checkpoint_seq = $10, checkpoint = $11, last_batch_at = $12
WHERE device = $1 AND epoch = $2 AND branch = $3
"""
_SET_ASIDE: Final = """
INSERT INTO quarantine (organisation_id, device, epoch, branch, seq, kind, subject, lane, hour, state, reason_code,
                        reason, behind_seq, received_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
"""
_TRANSIENT: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.TransactionRollbackError,  # deadlock, serialisation
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.LockNotAvailableError,
    asyncpg.PostgresSystemError,
    asyncpg.InternalServerError,
    TimeoutError,
    OSError,
    MemoryError,
    Unavailable,
)
_INT64: Final = 2**63


class PostgresStore(PostgresDesk):
    """One transaction, entered into the device's organisation."""

    def __init__(self, tx: Transaction) -> None:
        super().__init__(tx)
        self._held: dict[Account, int] = {}
        self._trusting = False

    async def branches(self, device: int, epoch: int) -> list[StreamState]:
        """The stream and its forks, locked."""
        return with_lineage([StreamState(*row) for row in await self.tx.fetch(_BRANCHES, device, epoch)])

    async def hashes(self, stream: StreamState, first: int, last: int) -> dict[int, bytes]:
        """Stored hashes; seq 0 is the genesis."""
        rows = await self.tx.fetch(
            "SELECT seq, hash FROM inbox, unnest($3::smallint[], $4::bigint[], $5::bigint[]) AS k (branch, first, last)"
            " WHERE device = $1 AND epoch = $2 AND inbox.branch = k.branch AND seq BETWEEN k.first AND k.last",
            stream.device, stream.epoch, *stream.stretches(first, last),
        )  # fmt: skip
        found = {row[0]: bytes(row[1]) for row in rows}
        if first <= 0:
            found[0] = genesis(stream.device, stream.epoch)
        return found

    async def rotations(self, device: int) -> list[Rotation]:
        """Applied entries that bring keys, on branches that are not the first."""
        rows = await self.tx.fetch(_ROTATIONS, device, int(Kind.KEY_ROTATED), int(EntryState.APPLIED))
        return [Rotation(row[0], row[1], row[2], bytes(row[3])) for row in rows]

    async def load(self, stream: StreamState, wants: Wants, organisation: int) -> Slice:
        """The slice that the wanted entries touch."""
        books = await self._books(stream, organisation)
        self._trusting = False
        self._held = await self.ledger.balances(accounts_of(books, wants))
        books.balances.update(self._held.items())
        if books.recovering:
            await self.ledger.balances([a for a in self._held if not a.site], locked=True)
        if wants.questions:
            await self._load_questions(books, wants.questions)
        if wants.sales:
            await self._load_sales(books, stream, wants.sales)
        return await self._slice(stream, books)

    async def load_on_trust(self, stream: StreamState, organisation: int) -> Slice | None:
        """A slice without what is held; not for lost and forked sites, nor for a cloud that has been restored."""
        books = await self._books(stream, organisation)
        if books.lost or books.recovering or books.branch:
            return None
        self._trusting, self._held = True, {}
        books.assumed = TRUSTED
        return await self._slice(stream, books)

    async def _books(self, stream: StreamState, organisation: int) -> Books:
        books = Books(organisation, stream.site, stream.epoch, stream.branch, {}, device=stream.device)
        scope = await self.tx.fetchrow(_SCOPE, stream.site, stream.epoch)
        if scope is not None:
            books.lost, books.bearer = scope[0] == "lost", scope[1]
            books.released, books.recovering = scope[2], scope[3] and scope[0] != "lost"
        rows = await self.tx.fetch(_BUCKETS, books.site, books.epoch)
        books.cut = frozenset(row[0] for row in rows if row[1])
        books.passed = {row[0] for row in rows if row[2]}
        books.counting = frozenset(row[0] for row in rows if row[3])
        return books

    async def _slice(self, stream: StreamState, books: Books) -> Slice:
        state = Slice(stream, books)
        rows = await self.tx.fetch(
            "SELECT seq, subject FROM quarantine WHERE device = $1 AND epoch = $2 AND branch = $3"
            " AND state <> 'replayed' ORDER BY seq",
            stream.device, stream.epoch, stream.branch,
        )  # fmt: skip
        for seq, subject in rows:
            state.waiting.add(seq)
            if subject:
                state.blocked.setdefault(subject, seq)
        return state

    async def add_branch(self, stream: StreamState) -> None:
        """Keep a further successor of one hash; the site's leases are frozen."""
        await self.tx.execute(
            "INSERT INTO streams (device, epoch, branch, organisation_id, site, forked_after, applied_through, head,"
            " safe_through, state, state_reason, parent)"
            " VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $6, 'frozen', 'fork', $8)",
            stream.device, stream.epoch, stream.branch, self.tx.organisation_id, stream.site, stream.forked_after,
            stream.head, stream.parent,
        )  # fmt: skip
        await self.tx.execute(
            "UPDATE streams SET state = 'frozen', state_reason = 'fork' WHERE device = $1 AND epoch = $2",
            stream.device, stream.epoch,
        )  # fmt: skip
        await self.tx.execute(
            "UPDATE lease_sites SET state = 'frozen' WHERE site = $1 AND epoch = $2 AND state = 'open'",
            stream.site, stream.epoch,
        )  # fmt: skip

    async def set_state(self, stream: StreamState, state: str, reason: str) -> None:
        """Hold, stop or freeze a stream."""
        await self.tx.execute(
            "UPDATE streams SET state = $4, state_reason = $5 WHERE device = $1 AND epoch = $2 AND branch = $3",
            stream.device, stream.epoch, stream.branch, state, reason,
        )  # fmt: skip

    def prepare(self, context: EntryContext, reading: Reading, effects: Effects) -> Prepared:
        """The bytes of COPY for inbox and lines, and the domains' rows."""
        lines, rows = effects.drain()
        return pack_entries(context, reading), _packer(context).pack(lines) if lines else b"", rows

    async def write_part(self, prepared: Prepared, registry: Registry) -> None:
        """Keep the very bytes of the part, and its lines and rows."""
        if prepared is None:
            return
        entries, lines, rows = prepared
        await self._copy("inbox_rows", INBOX_COLUMNS, entries)
        await self._write_rows(lines, rows, registry)

    async def finish(self, context: EntryContext, effects: Effects, state: Slice, received: Received) -> None:
        """Move the balances and the stream, and set aside what waits."""
        deltas = {Account(*key): delta for key, delta in effects.deltas.items()}
        if not self._trusting:
            await self.ledger.move(self._held, deltas)
        elif not await self.ledger.spend_trusted(deltas):
            raise NotHeld
        await self._write_set_aside(context, effects)
        await self._count(context, effects)
        stream = state.stream
        await self.tx.execute(
            _ADVANCE, stream.device, stream.epoch, stream.branch, effects.through, effects.head, effects.sum_fen,
            effects.streak_reason, effects.streak, effects.stopped, received.checkpoint_seq, received.checkpoint,
            received.at,
        )  # fmt: skip

    async def write_again(self, context: EntryContext, effects: Effects, registry: Registry) -> None:
        """Write what a replay brought about; the stream stays where it is."""
        lines, rows = effects.drain()
        await self._write_rows(_packer(context).pack(lines) if lines else b"", rows, registry)
        await self.ledger.move(self._held, {Account(*key): delta for key, delta in effects.deltas.items()})
        await self.tx.execute(
            "UPDATE streams SET sum_fen = sum_fen + $4 WHERE device = $1 AND epoch = $2 AND branch = $3",
            context.device, context.epoch, context.branch, effects.sum_fen,
        )  # fmt: skip

    async def _write_rows(self, lines: bytes, rows: dict[str, list[Row]], registry: Registry) -> None:
        if lines:
            await self._copy("ledger_transfers_rows", LINE_COLUMNS, lines)
        for table, made in rows.items():
            if made:
                await self._put(table, registry.tables[table], made)

    async def _copy(self, table: str, columns: tuple[str, ...], packed: bytes) -> None:
        source = memoryview(packed)  # asyncpg takes plain bytes for the name of a file
        await self.tx.connection.copy_to_table(table, source=source, columns=columns, format="binary")

    async def keep_refunds(self, context: EntryContext, refunds: Sequence[tuple[int, int, int, int]]) -> None:
        """Keep what was given back, once under each number."""
        await self.tx.connection.executemany(
            "INSERT INTO ledger_refunds (device, epoch, branch, organisation_id, seq, refund_no, amount, refund_seq)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            [(context.device, context.epoch, context.branch, context.organisation, *refund) for refund in refunds],
        )

    async def tell(self, context: EntryContext, effects: Effects, registry: Registry) -> None:
        """Tell the domains what was applied."""
        for handler in registry.handlers:
            facts = [fact for fact in effects.facts if fact[0].kind in handler.kinds]
            if facts:
                await handler.applied(self.tx, context, facts)

    async def count_duplicates(self, context: EntryContext, many: int) -> None:
        """Count entries that had come before, by the hour they came again."""
        await self.tx.execute(_DUPLICATES, context.device, context.received_at, context.organisation, many)

    def savepoint(self) -> AbstractAsyncContextManager[object]:
        """A nested transaction."""
        nested: AbstractAsyncContextManager[object] = self.tx.connection.transaction()
        return nested

    def deterministic(self, error: Exception) -> bool:
        """Whether the same write would fail the same way again."""
        return not isinstance(error, _TRANSIENT)

    async def _put(self, table: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
        connection = self.tx.connection
        target = f"{table}_rows"
        if await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", target):
            await connection.copy_records_to_table(target, records=rows, columns=columns)
            return
        marks = ", ".join(f"${n}" for n in range(1, len(columns) + 1))
        names = ", ".join(columns)
        await connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)  # noqa: S608

    async def _write_set_aside(self, context: EntryContext, effects: Effects) -> None:
        if not effects.set_aside:
            return
        await self.tx.connection.executemany(
            _SET_ASIDE,
            [
                (context.organisation, context.device, context.epoch, context.branch, item.seq, item.kind, item.subject,
                 item.lane, _moment(item.hour_ms), "parked" if item.state is EntryState.PARKED else "waiting",
                 item.code, item.words, item.behind_seq, context.received_at)
                for item in effects.set_aside
            ],
        )  # fmt: skip
        await self.tx.execute(
            "UPDATE inbox SET state = k.state FROM unnest($4::bigint[], $5::smallint[]) AS k (seq, state)"
            " WHERE device = $1 AND epoch = $2 AND branch = $3 AND inbox.seq = k.seq",
            context.device, context.epoch, context.branch,
            [item.seq for item in effects.set_aside], [int(item.state) for item in effects.set_aside],
        )  # fmt: skip

    async def _count(self, context: EntryContext, effects: Effects) -> None:
        if not effects.counts:
            return
        keys = sorted(effects.counts)
        columns = list(zip(*(effects.counts[key] for key in keys), strict=True))
        await self.tx.execute(
            _COUNTS, context.device, context.organisation,
            [lane for lane, _ in keys], [_moment(hour) for _, hour in keys], *[list(column) for column in columns],
        )  # fmt: skip

    async def _load_questions(self, books: Books, numbers: set[int]) -> None:
        rows = await self.tx.fetch(
            "SELECT n, amount, counter_owner_kind, counter_owner, for_site, for_epoch FROM lease_messages"
            " WHERE site = $1 AND epoch = $2 AND n = ANY ($3::bigint[]) AND answered IS NULL",
            books.site, books.epoch, [n for n in numbers if -_INT64 <= n < _INT64],
        )  # fmt: skip
        for n, asked, kind, owner, for_site, for_epoch in rows:
            counter = None if kind is None else (kind, owner)
            books.questions[n] = Question(asked, counter, for_site, for_epoch)

    async def _load_sales(self, books: Books, stream: StreamState, wanted: set[int]) -> None:
        seqs = [seq for seq in sorted(wanted) if 0 <= seq < _INT64]
        amounts = await settlement_amounts(self.tx, stream, seqs)
        books.sales = {seq: Sale(amounts.get(seq, 0)) for seq in seqs}
        shared = [(branch, seq) for seq in seqs for branch in stream.shared_with(seq)]
        rows = await self.tx.fetch(
            "SELECT seq, refund_no, amount FROM ledger_refunds"
            " JOIN unnest($3::smallint[], $4::bigint[]) AS k (branch, seq) USING (branch, seq)"
            " WHERE device = $1 AND epoch = $2",
            stream.device, stream.epoch, [branch for branch, _ in shared], [seq for _, seq in shared],
        )  # fmt: skip
        for seq, number, amount in rows:
            sale = books.sales[seq]
            sale.numbers.add(number)
            sale.refunded += amount


def _packer(context: EntryContext) -> LinePacker:
    return LinePacker(
        organisation=context.organisation, posting_day=context.posting_day, at=context.received_at,
        device=context.device, epoch=context.epoch, branch=context.branch,
    )  # fmt: skip


def _moment(instant_ms: int) -> datetime:
    return datetime.fromtimestamp(instant_ms / 1000, UTC)

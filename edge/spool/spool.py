"""Samples on their way to the time series: bounded in bytes and age, acknowledged end to end (rule 31)."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

import msgspec

from edge.core.clock import SiteTime
from edge.core.log import logger
from edge.store.connection import Reader
from edge.store.errors import StoreError
from edge.store.schema import Schema
from edge.store.transaction import Transaction
from edge.store.writer import Writer
from protocols.telemetry.messages import Priority, Sample

SPOOL_SCHEMA = Schema(
    "spool",
    (
        """
        CREATE TABLE samples (
            id INTEGER PRIMARY KEY AUTOINCREMENT, series TEXT NOT NULL, at_ms INTEGER NOT NULL,
            priority INTEGER NOT NULL, size INTEGER NOT NULL, body BLOB NOT NULL, UNIQUE (series, at_ms)
        );
        CREATE INDEX samples_thinning ON samples (priority, at_ms);
        """,
    ),
)

_MS_A_DAY: Final = 86_400_000
_ROW_BYTES: Final = 64  # what a row costs beside its body
_THIN_TO: Final = 0.9
_THIN_STEP: Final = 500

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Sample).decode
_log = logger("spool")


@dataclass(frozen=True)
class SpoolBounds:
    """How much may wait for a broker."""

    max_bytes: int = 64 * 1024 * 1024
    max_age_days: int = 30
    max_buffered: int = 2_000


class Spool:
    """`offer` never waits: samples gather in memory until `flush` keeps them. Alarms ask for a flush at once."""

    def __init__(self, writer: Writer, reader: Reader, time: SiteTime, bounds: SpoolBounds) -> None:
        self._writer, self._reader, self._time, self._bounds = writer, reader, time, bounds
        self._buffer: dict[tuple[str, int], Sample] = {}
        self._urgent = asyncio.Event()
        self.dropped = 0
        row = reader.row("SELECT coalesce(sum(size), 0) FROM samples")
        self.bytes: int = row[0] if row else 0

    def offer(self, sample: Sample) -> bool:
        """Take a sample; False where the buffer is full and it was no alarm (it is counted as dropped)."""
        place = (sample.series, sample.at_ms)
        alarm = sample.priority == Priority.ALARM
        if len(self._buffer) >= self._bounds.max_buffered and place not in self._buffer and not alarm:
            self.dropped += 1
            return False
        self._buffer[place] = sample
        if alarm:
            self._urgent.set()
        return True

    async def wait_urgent(self, timeout_s: float) -> None:
        """Return when an alarm is offered, or after the time."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._urgent.wait()
        except TimeoutError:
            return
        finally:
            self._urgent.clear()

    async def flush(self) -> int:
        """Keep what was offered within the bounds; how many were kept. On a low disk all but alarms stay in memory."""
        samples = list(self._buffer.values())
        if not samples:
            return 0
        self._buffer.clear()
        try:
            alarm = any(sample.priority == Priority.ALARM for sample in samples)
            await self._writer.submit(partial(self._keep, samples), in_hand=alarm)
        except StoreError as error:
            _log.warning("%d samples could not be kept: %s", len(samples), error)
            for sample in samples:
                self.offer(sample)
            return 0
        return len(samples)

    def oldest(self, count: int) -> list[tuple[int, Sample]]:
        """The next samples to send with their ids, alarms first, then by age."""
        sql = "SELECT id, body FROM samples ORDER BY priority > 0, id LIMIT ?"
        return [(number, _decode(body)) for number, body in self._reader.rows(sql, (count,))]

    async def acknowledged(self, ids: Iterable[int]) -> None:
        """The cloud has these."""
        await self._writer.submit_lazily(partial(self._forget, list(ids)))

    @property
    def waiting(self) -> int:
        """Samples on the disk."""
        row = self._reader.row("SELECT count(*) FROM samples")
        return row[0] if row else 0

    def _keep(self, samples: list[Sample], tx: Transaction) -> None:
        before = self.bytes
        tx.on_rollback(lambda: setattr(self, "bytes", before))
        sql = (
            "INSERT OR IGNORE INTO samples (series, at_ms, priority, size, body) VALUES (?, ?, ?, ?, ?) RETURNING size"
        )
        for sample in samples:
            body = _encode(sample)
            size = len(body) + len(sample.series) + _ROW_BYTES
            kept = tx.execute(sql, (sample.series, sample.at_ms, sample.priority, size, body)).fetchall()
            self.bytes += size if kept else 0
        self._thin(tx)

    def _thin(self, tx: Transaction) -> None:
        """Out of age, then out of bytes: the least important first, the oldest of them first, alarms never."""
        oldest_ms = self._time.now_ms() - self._bounds.max_age_days * _MS_A_DAY
        old = "DELETE FROM samples WHERE priority > 0 AND at_ms < ? RETURNING size"
        self._count_gone(tx.execute(old, (oldest_ms,)).fetchall())
        if self.bytes <= self._bounds.max_bytes:
            return
        sql = (
            "DELETE FROM samples WHERE id IN (SELECT id FROM samples WHERE priority > 0 "
            "ORDER BY priority DESC, at_ms LIMIT ?) RETURNING size"
        )
        while self.bytes > self._bounds.max_bytes * _THIN_TO:
            gone = tx.execute(sql, (_THIN_STEP,)).fetchall()
            if not gone:
                return
            self._count_gone(gone)

    def _count_gone(self, gone: list[tuple[int]]) -> None:
        self.bytes -= sum(size for (size,) in gone)
        self.dropped += len(gone)

    def _forget(self, ids: list[int], tx: Transaction) -> None:
        before = self.bytes
        tx.on_rollback(lambda: setattr(self, "bytes", before))
        for number in ids:
            for (size,) in tx.execute("DELETE FROM samples WHERE id = ? RETURNING size", (number,)).fetchall():
                self.bytes -= size

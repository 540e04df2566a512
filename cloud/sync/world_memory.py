"""The whole of an organisation's books in memory, and its transactions, one at a time."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cloud.ledger.undo import Table
from cloud.ledger.world_memory import LedgerWorld
from cloud.sync.registry import Row
from cloud.sync.state import EntryState, StreamState
from cloud.sync.store import EntryKey, MendRecord
from protocols.payments.facts import Declaration
from protocols.sync.messages import Heartbeat

StreamKey = tuple[int, int, int]  # device, epoch, branch


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry as it came in."""

    kind: int
    state: EntryState
    received_at: datetime
    hash: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Aside:
    """A row of the quarantine."""

    id: int
    kind: int
    subject: str
    lane: int
    hour_ms: int
    state: str  # waiting, parked, mended, replayed
    code: str
    words: str
    behind_seq: int
    received_at: datetime
    resolved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Mend:
    """A correction with who stands behind it: person -> when."""

    record: MendRecord
    approvals: dict[int, datetime]
    withdrawn: bool = False

    @property
    def approved(self) -> bool:
        """Whether enough people stand behind it."""
        return len(self.approvals) >= self.record.people_needed


class World(LedgerWorld):
    """Every table of the ledger and of sync."""

    def __init__(self, organisation: int = 1) -> None:
        super().__init__(organisation)
        undo = self.undo
        self.streams: Table[StreamKey, StreamState] = Table(undo)
        self.checkpoints: Table[StreamKey, tuple[int, bytes, datetime]] = Table(undo)  # seq, bytes, last batch
        self.beats: Table[StreamKey, tuple[Heartbeat, datetime]] = Table(undo)
        self.inbox: Table[EntryKey, Kept] = Table(undo)
        self.quarantine: Table[EntryKey, Aside] = Table(undo, group=_of_stream)
        self.items: Table[int, EntryKey] = Table(undo)
        self.mends: Table[int, Mend] = Table(undo, group=_of_mend)
        self.counts: Table[tuple[int, int, int], tuple[int, int, int, int]] = Table(undo)  # as in `completeness`
        self.refunds: Table[tuple[int, int, int, int, int], int] = Table(undo, group=_of_refund)
        self.rows: Table[tuple[str, int], Row] = Table(undo)  # rows of domains, numbered
        self.declared: Table[tuple[int, int, int, int], Declaration] = Table(undo, group=_of_declared)
        self.heads: Table[tuple[int, str], tuple[int, bytes | None]] = Table(undo)
        self.replica: Table[tuple[int, str, str, int], tuple[int, bytes | None]] = Table(undo, group=_of_replica)
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def system_transaction(self) -> AsyncIterator["MemoryTransaction"]:
        """A transaction; it ends with the context, or leaves no trace."""
        async with self._turn:
            with self.undo.transaction():
                yield MemoryTransaction(self)


class MemoryTransaction:
    """An open transaction of a world; there is one organisation to enter."""

    def __init__(self, world: World) -> None:
        self.world = world

    @property
    def organisation_id(self) -> int:
        """Whose world it is."""
        return self.world.organisation

    async def enter(self, organisation_id: int) -> None:
        """Go on as the organisation."""
        assert organisation_id == self.world.organisation


def _of_stream(key: EntryKey, _row: object) -> Iterable[Any]:
    return (key[:3],)


def _of_mend(_number: int, mend: Mend) -> Iterable[Any]:
    return (mend.record.key,)


def _of_refund(key: tuple[int, int, int, int, int], _amount: int) -> Iterable[Any]:
    return (key[:4],)


def _of_declared(key: tuple[int, int, int, int], _part: Declaration) -> Iterable[Any]:
    return (key[:3],)


def _of_replica(key: tuple[int, str, str, int], _row: object) -> Iterable[Any]:
    return (key[:2],)

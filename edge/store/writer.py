"""The one writer of a store: units of all lanes share a transaction and one sync of the disk (group commit)."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import apsw

from edge.core.log import logger
from edge.store.checkpointer import WalCheckpointer
from edge.store.connection import StoreLock, check, open_connection
from edge.store.errors import StoreBroken, StoreBusy, StoreFull, StoreStopped
from edge.store.files import SYSTEM_FILES, Files
from edge.store.gate import Gate
from edge.store.room import Room, disk_free_bytes
from edge.store.schema import Schema, migrate
from edge.store.transaction import Transaction
from edge.store.turns import Pace, Turns

T = TypeVar("T")
Unit = Callable[[Transaction], T]

_MAX_GROUP: Final = 256
_MAX_RIDERS: Final = 64
_WAIT_SHARE: Final = 0.3  # of a sync's time, at most, is spent waiting for the lanes of the group before
_MAX_GATHER_S: Final = 0.002
_SYNC_WEIGHT: Final = 0.2

_log = logger("store.writer")


@dataclass(frozen=True)
class StoreOptions:
    """How a store is kept. Pages are of 4 KiB. With a `pace` it has no threads: its loop commits."""

    vfs: str = ""
    max_waiting: int = 1_000
    lazy_wait_s: float = 2.0
    minimum_free_mb: int = 200
    reserve_mb: int = 32
    wal_soft_pages: int = 4_000
    wal_hard_pages: int = 16_000
    free_bytes: Callable[[Path], int] = disk_free_bytes
    monotonic_s: Callable[[], float] = time.monotonic
    files: Files = SYSTEM_FILES
    pace: Pace | None = None


class _Item:
    """A unit that waits, and where its outcome goes: a future of the loop, or one a thread waits on."""

    __slots__ = ("error", "future", "in_hand", "result", "unit")

    def __init__(self, unit: Unit[Any], future: "asyncio.Future[Any] | Future[Any]", *, in_hand: bool) -> None:
        self.unit = unit
        self.future = future
        self.in_hand = in_hand
        self.result: Any = None
        self.error: BaseException | None = None


class Writer:
    """Owns the store's only writing connection and the thread that uses it.

    `submit` answers after the unit's commit has been synced. A unit that raises is undone alone; the others stand.
    """

    def __init__(self, path: Path, schemas: Iterable[Schema], options: StoreOptions | None = None) -> None:
        """Lock, check and migrate the store. Raises StoreLocked or StoreBroken."""
        self.path = path
        self.options = options or StoreOptions()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = StoreLock(path.with_suffix(".lock"))
        try:
            self._connection, self._checkpointer = _opened(path, schemas, self.options)
        except BaseException as error:
            self._lock.release()
            if isinstance(error, apsw.Error):
                raise StoreBroken(f"{path.name} cannot be opened: {error}") from error
            raise
        self.room = Room(
            path.with_suffix(".reserve"),
            minimum_free_mb=self.options.minimum_free_mb,
            reserve_mb=self.options.reserve_mb,
            free_bytes=self.options.free_bytes,
            monotonic_s=self.options.monotonic_s,
            files=self.options.files,
        )
        self.room.look()
        self.commits = 0
        self._tx = Transaction(self._connection)
        self._pending: deque[_Item] = deque()
        self._riders: deque[_Item] = deque()
        self._wanted = 1
        self._expected = 1
        self._grouped = 0
        self._sync_s = 0.0
        self._wal_pages = 0
        self._stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connection.set_wal_hook(self._on_wal)
        self._turns: Turns | None = None
        self._thread: threading.Thread | None = None
        self._wake: Gate | Turns = self._start()

    def _start(self) -> "Gate | Turns":
        pace = self.options.pace
        if pace is not None:
            self._loop = pace.loop
            self._turns = Turns(pace, self, lazy_wait_s=self.options.lazy_wait_s, look=self._checkpointer.look)
            return self._turns
        gate = self._gate = Gate()
        self._thread = threading.Thread(target=self._run, name=f"writer {self.path.name}", daemon=True)
        self._thread.start()
        self._checkpointer.start()
        return gate

    def submit(self, unit: Unit[T], *, in_hand: bool = False) -> "asyncio.Future[T]":
        """Run `unit(tx)` and await its result, durable.

        `in_hand` marks a fact that has already happened (a refund paid out, a pass through the gate, a lease given
        back): it is kept even when the disk is too low for new business. Raises what the unit raised, StoreFull,
        StoreBusy, StoreBroken or StoreStopped. Cancelling the wait does not undo the unit.
        """
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._enqueue(self._pending, _Item(unit, future, in_hand=in_hand))
        if len(self._pending) >= self._wanted:
            self._wake.set()
        return future

    def submit_lazily(self, unit: Unit[T]) -> "asyncio.Future[T]":
        """As `submit`, riding with the next commit or alone after `lazy_wait_s`; for what may be lost and redone."""
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._enqueue(self._riders, _Item(unit, future, in_hand=True))
        if len(self._riders) == 1:
            self._wake.set()  # starts the wait of the first; later ones ride with it
        return future

    def run(self, unit: Unit[T], *, in_hand: bool = True) -> T:
        """As `submit`, blocking the calling thread: for start-up, before lanes open."""
        future: Future[T] = Future()
        self._enqueue(self._pending, _Item(unit, future, in_hand=in_hand))
        self._hurry()
        return future.result()

    @property
    def waiting(self) -> int:
        """Units not yet committed."""
        return len(self._pending) + len(self._riders)

    def close(self) -> None:
        """Finish what waits, then release the store. Blocks; at most one group is under way."""
        if self._stopping:
            return
        self._stopping = True
        self._hurry()
        if self._thread is not None:
            self._thread.join()
        if self._turns is not None:
            self._turns.stop()
        left = [*self._pending, *self._riders]  # came in while the thread was ending
        _fail(left, StoreStopped("the store is closing"))
        self._deliver(left)
        with ExitStack() as last:  # a disk that fails now must not keep the lock
            last.callback(self._lock.release)
            last.callback(self._connection.close)
            last.callback(self._checkpointer.stop)

    def _hurry(self) -> None:
        if self._turns is not None:
            self._turns.hurry()
        else:
            self._wake.set()

    def _enqueue(self, queue: deque[_Item], item: _Item) -> None:
        if self._stopping:
            raise StoreStopped("the store is closing")
        if len(queue) >= self.options.max_waiting:
            raise StoreBusy(f"{len(queue)} units wait already")
        queue.append(item)

    # What follows runs in the writer's thread, or in turns of its loop.

    def waits(self) -> tuple[int, int]:
        """Units and riders that wait."""
        return len(self._pending), len(self._riders)

    def take_group(self) -> list[_Item]:
        """What is committed together next; for the driver alone, as the two that follow."""
        pending, riders = self._pending, self._riders
        group = [pending.popleft() for _ in range(min(len(pending), _MAX_GROUP))]
        self._grouped = len(group)
        group += [riders.popleft() for _ in range(min(len(riders), _MAX_RIDERS))]
        return group

    def commit_group(self, group: list[_Item]) -> None:
        """Commit, and bound the log."""
        self._commit_whatever_happens(group)
        if self._checkpointer.asked:
            self._checkpointer.look()
        if self._wal_pages >= self.options.wal_hard_pages:
            self._bound_wal()

    def tell_group(self, group: list[_Item]) -> None:
        """Deliver the outcomes, in the loop."""
        for item in group:
            _resolve(item)

    def _run(self) -> None:
        while True:
            group = self._collect()
            if not group:
                if self._stopping:
                    return
                continue
            self._commit_whatever_happens(group)
            # Lanes come in step: those just answered and those that queued meanwhile belong in one group. One lane
            # alone is never made to wait, whatever rode along with it.
            waiting, answered = len(self._pending), self._grouped
            self._expected = min(answered + waiting, _MAX_GROUP) if waiting or answered > 1 else 1
            self._deliver(group)
            if self._wal_pages >= self.options.wal_hard_pages:
                self._bound_wal()

    def _collect(self) -> list[_Item]:
        pending = self._pending
        if not pending:
            self._sleep()
        if self._expected > 1 and len(pending) < self._expected and not self._stopping:
            self._await_units(self._expected, min(_MAX_GATHER_S, self._sync_s * _WAIT_SHARE))
        return self.take_group()

    def _sleep(self) -> None:
        """Wait for the first unit; riders alone wait a while for one to ride with."""
        while not self._pending and not self._stopping:
            if self._riders:
                self._await_units(1, self.options.lazy_wait_s)
                return
            self._await_units(1, None)

    def _await_units(self, count: int, timeout_s: float | None) -> None:
        self._wanted = count
        self._gate.clear()
        riders = len(self._riders)
        if len(self._pending) < count and not self._stopping and (timeout_s is not None or not riders):
            self._gate.wait(timeout_s)
        self._wanted = 1

    def _commit_whatever_happens(self, group: list[_Item]) -> None:
        """A defect must not leave lanes waiting for ever: the group fails, the thread goes on."""
        try:
            self._commit(group)
        except Exception as error:  # noqa: BLE001  as said above
            _log.exception("the writer failed")
            self._roll_back()
            _fail(group, StoreBroken(f"the writer failed: {type(error).__name__}: {error}"))

    def _commit(self, group: list[_Item]) -> None:
        """Run and commit a group; on a full disk, once more without new business."""
        if self.room.low():
            _refuse(group, "the disk is low: no new business until there is room")
        try:
            self._transact(group)
        except apsw.FullError:
            self._roll_back()
            had_reserve = self.room.give_up_reserve()
            _log.error("the disk is full; reserve %s", "given up" if had_reserve else "already gone")
            _refuse(group, "the disk is full")
            self._commit_in_hand(group)
        except apsw.Error as error:
            self._roll_back()
            _log.exception("commit failed")
            _fail(group, StoreBroken(f"the disk failed a write: {error}"))

    def _commit_in_hand(self, group: list[_Item]) -> None:
        try:
            self._transact(group)
        except apsw.FullError:
            self._roll_back()
            _fail(group, StoreFull("the disk is full and the reserve used up"))
        except apsw.Error as error:
            self._roll_back()
            _fail(group, StoreBroken(f"the disk failed a write: {error}"))

    def _transact(self, group: list[_Item]) -> None:
        items = [item for item in group if item.error is None]
        if not items:
            return
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        alone = len(items) == 1
        for item in items:
            if not self._run_unit(item, alone=alone) and alone:
                return
        began_s = time.perf_counter()
        execute("COMMIT")
        self._sync_s += (time.perf_counter() - began_s - self._sync_s) * _SYNC_WEIGHT
        self.commits += 1
        self._tx.finish()

    def _run_unit(self, item: _Item, *, alone: bool) -> bool:
        """Whether the unit's writes stand. A disk error is the group's and passes through."""
        execute = self._connection.execute
        mark = self._tx.mark()
        if not alone:
            execute("SAVEPOINT unit")
        try:
            item.result = item.unit(self._tx)
        except (apsw.FullError, apsw.IOError, apsw.CorruptError):
            raise
        except BaseException as error:  # noqa: BLE001  whatever a unit raises is its caller's, in the caller's task
            item.error = error
            self._tx.undo_to(mark)
            execute("ROLLBACK" if alone else "ROLLBACK TO unit; RELEASE unit")
            return False
        if not alone:
            execute("RELEASE unit")
        return True

    def _roll_back(self) -> None:
        self._tx.undo_to((0, 0))
        if self._connection.in_transaction:  # SQLite may have rolled back by itself
            self._connection.execute("ROLLBACK")

    def _deliver(self, group: list[_Item]) -> None:
        in_loop = [item for item in group if not isinstance(item.future, Future)]
        for item in group:
            if isinstance(item.future, Future):
                _resolve(item)
        if in_loop and self._loop is not None:
            try:
                self._loop.call_soon_threadsafe(_resolve_all, in_loop)
            except RuntimeError:  # the loop has ended; what is committed stays committed
                _log.debug("%d results had no loop to go to", len(in_loop))

    def _on_wal(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._wal_pages = pages
        self._checkpointer.grown(pages)
        return apsw.SQLITE_OK

    def _bound_wal(self) -> None:
        """The other thread has moved all but the newest pages; move those while no lane can add more."""
        try:
            in_log, done = self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.Error as error:
            _log.warning("checkpoint at the bound failed: %s", error)
            return
        if done >= in_log:
            self._wal_pages = 0


def _opened(path: Path, schemas: Iterable[Schema], options: StoreOptions) -> tuple[apsw.Connection, WalCheckpointer]:
    connection = open_connection(path, vfs=options.vfs)
    try:
        check(connection)
        migrate(connection, schemas)
        return connection, WalCheckpointer(path, vfs=options.vfs, soft_pages=options.wal_soft_pages)
    except BaseException:
        connection.close()
        raise


def _refuse(group: list[_Item], reason: str) -> None:
    for item in group:
        if not item.in_hand and item.error is None:
            item.error = StoreFull(reason)


def _fail(group: list[_Item], error: Exception) -> None:
    for item in group:
        if item.error is None:
            item.error = error


def _resolve_all(items: list[_Item]) -> None:
    for item in items:
        _resolve(item)


def _resolve(item: _Item) -> None:
    future = cast("Future[Any]", item.future)
    if future.done():
        return
    if item.error is None:
        future.set_result(item.result)
    else:
        future.set_exception(item.error)

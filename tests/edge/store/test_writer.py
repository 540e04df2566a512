"""Group commit: what is answered is durable, what fails is undone alone, lanes share one sync."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import apsw
import pytest

from edge.store.connection import Reader
from edge.store.errors import StoreBroken, StoreBusy, StoreFull, StoreLocked, StoreStopped
from edge.store.schema import Schema
from edge.store.transaction import Transaction
from edge.store.writer import StoreOptions, Writer
from tests.support.slow_vfs import SlowVfs

THINGS = Schema("things", ("CREATE TABLE things (id INTEGER PRIMARY KEY, said TEXT NOT NULL)",))
ROOMY = StoreOptions(minimum_free_mb=0, reserve_mb=0, lazy_wait_s=0.05)


def put(said: str) -> Any:
    return lambda tx: tx.execute("INSERT INTO things (said) VALUES (?) RETURNING id", (said,)).fetchone()[0]


def said_in(path: Path) -> list[str]:
    reader = Reader(path)
    try:
        return [row[0] for row in reader.rows("SELECT said FROM things ORDER BY id")]
    finally:
        reader.close()


def opened(folder: Path, options: StoreOptions = ROOMY) -> Writer:
    return Writer(folder / "s.db", (THINGS,), options)


async def test_a_result_comes_after_its_commit_is_seen_by_another_reader(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    try:
        assert await writer.submit(put("soup")) == 1
        assert said_in(writer.path) == ["soup"]
    finally:
        writer.close()


async def test_a_unit_that_raises_is_undone_alone_and_its_memory_with_it(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    memory: list[str] = []

    def failing(tx: Transaction) -> None:
        tx.execute("INSERT INTO things (said) VALUES ('never')")
        memory.append("never")
        tx.on_rollback(memory.pop)
        raise ValueError("refused")

    try:
        outcomes = await asyncio.gather(
            writer.submit(put("a")), writer.submit(failing), writer.submit(put("b")), return_exceptions=True
        )
        assert [outcomes[0], outcomes[2]] == [1, 2]
        assert isinstance(outcomes[1], ValueError)
        assert memory == []
        assert said_in(writer.path) == ["a", "b"]
        with pytest.raises(ValueError, match="refused"):
            await writer.submit(failing)
        assert memory == []
        assert await writer.submit(put("c")) == 3
    finally:
        writer.close()


async def test_on_commit_runs_only_for_what_stands(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    told: list[str] = []

    def failing(tx: Transaction) -> None:
        tx.on_commit(lambda: told.append("never"))
        raise ValueError

    def well(tx: Transaction) -> None:
        tx.on_commit(lambda: told.append("well"))

    try:
        await asyncio.gather(writer.submit(failing), writer.submit(well), return_exceptions=True)
        assert told == ["well"]
    finally:
        writer.close()


async def test_eight_lanes_share_commits_without_falling_into_two_groups(tmp_path: Path) -> None:
    slow = SlowVfs(0.004, name="slow-eight")
    writer = opened(tmp_path, StoreOptions(vfs=slow.name, minimum_free_mb=0, reserve_mb=0))

    async def lane(count: int) -> None:
        for _ in range(count):
            await writer.submit(put("x"))

    try:
        await asyncio.gather(*(lane(5) for _ in range(8)))
        before = writer.commits
        await asyncio.gather(*(lane(25) for _ in range(8)))
        assert writer.commits - before <= 25 * 1.4
        assert len(said_in_with(writer)) == 240
    finally:
        writer.close()


def said_in_with(writer: Writer) -> list[tuple[Any, ...]]:
    reader = Reader(writer.path, vfs=writer.options.vfs)
    try:
        return reader.rows("SELECT said FROM things")
    finally:
        reader.close()


async def test_one_lane_alone_never_waits_for_company(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    try:
        for _ in range(20):
            await writer.submit(put("x"))
            assert writer._expected == 1
    finally:
        writer.close()


async def test_acknowledgements_ride_along_and_go_alone_only_after_a_while(tmp_path: Path) -> None:
    writer = opened(tmp_path, StoreOptions(minimum_free_mb=0, reserve_mb=0, lazy_wait_s=0.3))
    try:
        rider = writer.submit_lazily(put("rider"))
        await asyncio.sleep(0.05)
        before = writer.commits
        await writer.submit(put("sale"))
        assert writer.commits == before + 1
        async with asyncio.timeout(1):
            await rider
        assert writer.commits == before + 1
        alone = writer.submit_lazily(put("alone"))
        async with asyncio.timeout(2):
            await alone
        assert writer.commits == before + 2
    finally:
        writer.close()


async def test_a_rider_beside_one_lane_does_not_make_the_lane_wait_next_time(tmp_path: Path) -> None:
    writer = opened(tmp_path, StoreOptions(minimum_free_mb=0, reserve_mb=0, lazy_wait_s=5.0))
    try:
        rider = writer.submit_lazily(put("rider"))
        await writer.submit(put("sale"))
        await rider
        assert writer._expected == 1
    finally:
        writer.close()


async def test_too_many_waiting_units_are_refused_not_kept_for_ever(tmp_path: Path) -> None:
    slow = SlowVfs(0.05, name="slow-busy")
    writer = opened(tmp_path, StoreOptions(vfs=slow.name, minimum_free_mb=0, reserve_mb=0, max_waiting=3))
    try:
        first = [writer.submit(put("a")) for _ in range(3)]
        await asyncio.sleep(0.01)
        second = [writer.submit(put("b")) for _ in range(3)]
        with pytest.raises(StoreBusy):
            writer.submit(put("c"))
        await asyncio.gather(*first, *second)
    finally:
        writer.close()


async def test_closing_finishes_what_waits_and_refuses_what_comes_later(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    waiting = [writer.submit(put(str(n))) for n in range(5)]
    await asyncio.to_thread(writer.close)
    assert await asyncio.gather(*waiting) == [1, 2, 3, 4, 5]
    with pytest.raises(StoreStopped):
        writer.submit(put("late"))
    assert len(said_in(writer.path)) == 5


def test_a_second_process_or_writer_is_locked_out(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    try:
        with pytest.raises(StoreLocked):
            opened(tmp_path)
    finally:
        writer.close()
    opened(tmp_path).close()


def test_a_damaged_store_is_named_at_the_start(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    for number in range(400):
        writer.run(put(f"{number} " + "x" * 500))
    writer.close()
    path = tmp_path / "s.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    damaged = bytearray(path.read_bytes())
    damaged[8_192:16_384] = b"\x5a" * 8_192
    path.write_bytes(damaged)
    with pytest.raises(StoreBroken):
        opened(tmp_path)


def test_a_store_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    newer = Schema("things", (*THINGS.steps, "CREATE TABLE more (id INTEGER)"))
    Writer(tmp_path / "s.db", (newer,), ROOMY).close()
    with pytest.raises(StoreBroken, match="upgrade"):
        opened(tmp_path)
    Writer(tmp_path / "s.db", (newer,), ROOMY).close()


def test_migrations_run_once_and_in_order(tmp_path: Path) -> None:
    opened(tmp_path).close()
    grown = Schema("things", (*THINGS.steps, "ALTER TABLE things ADD COLUMN note TEXT"))
    for _ in range(2):
        writer = Writer(tmp_path / "s.db", (grown,), ROOMY)
        writer.run(lambda tx: tx.execute("INSERT INTO things (said, note) VALUES ('a', 'b')") and None)
        writer.close()
    assert len(said_in(tmp_path / "s.db")) == 2


class Disk:
    """How much room the disk claims to have."""

    def __init__(self, free_mb: int) -> None:
        self.free_mb = free_mb

    def __call__(self, _folder: Path) -> int:
        return self.free_mb * 1024 * 1024


@pytest.mark.rule(18)
async def test_disk_low_refuses_business_while_facts_in_hand_are_kept(tmp_path: Path) -> None:
    disk = Disk(1_000)
    writer = opened(tmp_path, StoreOptions(minimum_free_mb=100, reserve_mb=1, free_bytes=disk))
    try:
        assert await writer.submit(put("lunch")) == 1
        assert (tmp_path / "s.reserve").stat().st_size == 1024 * 1024
        disk.free_mb = 50
        writer.room.look()
        with pytest.raises(StoreFull):
            await writer.submit(put("another lunch"))
        assert await writer.submit(put("refund paid out"), in_hand=True) == 2
        disk.free_mb = 1_000
        writer.room.look()
        assert await writer.submit(put("lunch again")) == 3
    finally:
        writer.close()


class FullVfs(apsw.VFS):
    """A disk that is full as long as `full`, until `reserve` is given up."""

    def __init__(self, name: str, reserve: Path) -> None:
        super().__init__(name, "")
        self.name = name
        self.full = False
        self.reserve = reserve

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return _FullFile(self, name, flags)


class _FullFile(apsw.VFSFile):
    def __init__(self, vfs: FullVfs, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._vfs = vfs

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        if self._vfs.full and self._vfs.reserve.exists():
            raise apsw.FullError("no space left on device")
        super().xWrite(data, offset)


async def test_a_disk_that_fills_up_gives_its_reserve_to_the_facts_in_hand(tmp_path: Path) -> None:
    vfs = FullVfs("full", tmp_path / "s.reserve")
    options = StoreOptions(vfs=vfs.name, minimum_free_mb=1, reserve_mb=1, free_bytes=Disk(1_000))
    writer = opened(tmp_path, options)
    memory: list[str] = []

    def noted(said: str) -> Any:
        def unit(tx: Transaction) -> int:
            memory.append(said)
            tx.on_rollback(memory.pop)
            return int(put(said)(tx))

        return unit

    try:
        await writer.submit(noted("lunch"))
        vfs.full = True
        outcomes = await asyncio.gather(
            writer.submit(noted("sale")), writer.submit(noted("refund"), in_hand=True), return_exceptions=True
        )
        assert isinstance(outcomes[0], StoreFull)
        assert outcomes[1] == 2
        assert memory == ["lunch", "refund"]
        assert not vfs.reserve.exists()
    finally:
        writer.close()


async def test_the_write_ahead_log_stays_bounded_under_a_steady_load(tmp_path: Path) -> None:
    options = StoreOptions(minimum_free_mb=0, reserve_mb=0, wal_soft_pages=100, wal_hard_pages=400)
    writer = opened(tmp_path, options)
    try:
        for number in range(1_500):
            await writer.submit(put(f"{number} " + "x" * 1_000))
        log = (tmp_path / "s.db-wal").stat().st_size
        assert log < 4_096 * 400 * 3
    finally:
        writer.close()

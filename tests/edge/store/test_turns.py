"""A writer without threads commits the same groups in turns of its loop."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edge.store.connection import Reader
from edge.store.errors import StoreFull, StoreStopped
from edge.store.schema import Schema
from edge.store.transaction import Transaction
from edge.store.turns import Pace
from edge.store.writer import StoreOptions, Writer

SCHEMA = Schema("test", ("CREATE TABLE t (n INTEGER PRIMARY KEY)",))
ROOMY = StoreOptions(minimum_free_mb=0, reserve_mb=0, lazy_wait_s=0.05)


def opened(folder: Path, options: StoreOptions = ROOMY, *, tell_after_s: float = 0.0) -> Writer:
    pace = Pace(asyncio.get_running_loop(), tell_after_s)
    return Writer(folder / "a.db", (SCHEMA,), replace(options, pace=pace))


@pytest.fixture
async def writer(tmp_path: Path) -> AsyncIterator[Writer]:
    made = opened(tmp_path)
    yield made
    made.close()


def insert(number: int) -> Callable[[Transaction], int]:
    def unit(tx: Transaction) -> int:
        tx.execute("INSERT INTO t VALUES (?)", (number,))
        return number

    return unit


def kept(folder: Path) -> list[int]:
    reader = Reader(folder / "a.db")
    try:
        return [number for (number,) in reader.rows("SELECT n FROM t ORDER BY n")]
    finally:
        reader.close()


async def test_what_is_submitted_in_one_turn_shares_a_commit(writer: Writer, tmp_path: Path) -> None:
    before = writer.commits
    assert await asyncio.gather(*(writer.submit(insert(n)) for n in range(5))) == list(range(5))
    assert writer.commits == before + 1
    assert kept(tmp_path) == list(range(5))


async def test_what_comes_while_a_commit_is_not_told_shares_the_next(tmp_path: Path) -> None:
    writer = opened(tmp_path, tell_after_s=0.05)
    first = writer.submit(insert(1))
    await asyncio.sleep(0.01)
    assert kept(tmp_path) == [1]
    assert not first.done()
    rest = [writer.submit(insert(n)) for n in (2, 3)]
    assert writer.waiting == 2
    assert await asyncio.gather(first, *rest) == [1, 2, 3]
    assert writer.commits == 2
    writer.close()


async def test_a_unit_that_raises_is_undone_alone(writer: Writer, tmp_path: Path) -> None:
    undone: list[str] = []

    def refuses(tx: Transaction) -> None:
        tx.execute("INSERT INTO t VALUES (9)")
        tx.on_rollback(lambda: undone.append("memory"))
        raise ValueError("no")

    outcomes = await asyncio.gather(
        writer.submit(insert(1)), writer.submit(refuses), writer.submit(insert(2)), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [int, ValueError, int]
    assert undone == ["memory"]
    assert kept(tmp_path) == [1, 2]


async def test_a_lazy_unit_rides_with_the_next_commit_or_goes_alone(writer: Writer, tmp_path: Path) -> None:
    lazy = writer.submit_lazily(insert(1))
    await asyncio.sleep(0.01)
    assert kept(tmp_path) == []
    await writer.submit(insert(2))
    assert await lazy == 1
    assert writer.commits == 1
    await writer.submit_lazily(insert(3))
    assert kept(tmp_path) == [1, 2, 3]


async def test_a_blocking_run_commits_at_once_in_the_loop(writer: Writer, tmp_path: Path) -> None:
    waiting = writer.submit(insert(1))
    assert writer.run(insert(2)) == 2
    assert kept(tmp_path) == [1, 2]
    assert await waiting == 1


async def test_closing_finishes_what_waits_and_takes_nothing_more(tmp_path: Path) -> None:
    writer = opened(tmp_path, tell_after_s=5.0)
    told = writer.submit(insert(1))
    await asyncio.sleep(0)
    late = writer.submit(insert(2))
    writer.close()
    assert (await told, await late) == (1, 2)
    with pytest.raises(StoreStopped):
        writer.submit(insert(3))
    assert kept(tmp_path) == [1, 2]


async def test_a_low_disk_refuses_new_business_here_too(tmp_path: Path) -> None:
    options = StoreOptions(minimum_free_mb=100, reserve_mb=0, free_bytes=lambda _folder: 0)
    writer = opened(tmp_path, options)
    with pytest.raises(StoreFull):
        await writer.submit(insert(1))
    assert await writer.submit(insert(2), in_hand=True) == 2
    writer.close()


async def test_the_log_is_moved_when_it_has_grown_and_when_it_is_quiet(tmp_path: Path) -> None:
    writer = opened(tmp_path, replace(ROOMY, wal_soft_pages=40))
    for number in range(60):
        await writer.submit(insert(number))
    log, held = tmp_path / "a.db-wal", tmp_path / "a.db"
    assert log.stat().st_size < 90 * 4_120, "it begins again instead of growing for ever"
    before = held.read_bytes()
    for number in range(60, 85):
        await writer.submit(insert(number))
    await asyncio.sleep(2.5)
    assert held.read_bytes() != before
    writer.close()

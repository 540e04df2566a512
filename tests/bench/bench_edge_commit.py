"""What a settlement costs beyond the commit it needs: one lane, eight lanes, processor time."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import apsw

from tests.bench.harness import Pair, Run, alternate_async, bench
from tests.support.lunch import LANES, Lunch, lunch_at
from tests.support.slow_vfs import NAME, SlowVfs, bare_store

COMMITS = 50
CPU_SETTLEMENTS = 400


@bench("edge_commit_one_lane", target=0.9, better="higher")
async def edge_commit_one_lane(run: Run) -> AsyncIterator[Pair]:
    """Durable settlements a second of one lane over bare commits of the same bytes, each sync taking 5 ms."""
    async for pair in _commits(run, lanes=1):
        yield pair


@bench("edge_commit_eight_lanes", target=6, better="higher")
async def edge_commit_eight_lanes(run: Run) -> AsyncIterator[Pair]:
    """Durable settlements a second of eight lanes over bare commits of one, each sync taking 5 ms."""
    async for pair in _commits(run, lanes=LANES):
        yield pair


async def _commits(run: Run, *, lanes: int) -> AsyncIterator[Pair]:
    slow = SlowVfs()
    with lunch_at(run.folder, vfs=slow.name) as lunch:
        await lunch.settle_many(0, 5)
        body = lunch.gateway.site.journal.read(lunch.gateway.site.journal.head_seq - 1, max_entries=1, max_bytes=1)[1][
            0
        ]
        bare = _bare(run.folder / "bare.db", body)

        async def ours() -> float:
            began_s = time.perf_counter()
            await asyncio.gather(*(lunch.settle_many(lane, COMMITS) for lane in range(lanes)))
            return lanes * COMMITS / (time.perf_counter() - began_s)

        async def bare_rate() -> float:
            return await asyncio.to_thread(bare)

        run.note(f"{len(body)} bytes a settlement, syncs of 5 ms")
        async for pair in alternate_async(run, ours=ours, bare=bare_rate):
            yield pair


def _bare(path: Path, body: bytes) -> Callable[[], float]:
    connection = bare_store(path, NAME)

    def rate() -> float:
        began_s = time.perf_counter()
        for _ in range(COMMITS):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO bare (b) VALUES (?)", (body,))
            connection.execute("COMMIT")
        return COMMITS / (time.perf_counter() - began_s)

    return rate


@bench("edge_cpu", target=2.5, better="lower")
async def edge_cpu(run: Run) -> AsyncIterator[Pair]:
    """Processor time a settlement over that of the very SQL statements it runs, alone, on the plain disk."""
    with lunch_at(run.folder / "ours") as lunch, lunch_at(run.folder / "traced") as traced:
        alone = _copy(traced, run.folder / "alone.db")
        spent: list[float] = []

        async def ours() -> float:
            began_s = time.process_time()
            await lunch.settle_many(0, CPU_SETTLEMENTS)
            spent.append((time.process_time() - began_s) / CPU_SETTLEMENTS)
            return spent[-1]

        async def bare() -> float:
            statements = await _trace(traced, CPU_SETTLEMENTS)
            began_s = time.process_time()
            for sql, bindings in statements:
                alone.execute(sql, bindings)
            return (time.process_time() - began_s) / CPU_SETTLEMENTS

        async for pair in alternate_async(run, ours=ours, bare=bare):
            yield pair
        run.note(f"one lane, a commit a settlement; ours {min(spent) * 1e6:.0f} us at best")


def _copy(lunch: Lunch, path: Path) -> apsw.Connection:
    """The traced store as it stands now, to run its coming statements on."""
    source = apsw.Connection(str(lunch.writer.path))
    connection = apsw.Connection(str(path))
    with connection.backup("main", source, "main") as backup:
        backup.step()
    source.close()
    connection.pragma("journal_mode", "wal")
    connection.execute("PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8000")
    connection.wal_autocheckpoint(0)
    return connection


async def _trace(lunch: Lunch, count: int) -> list[tuple[str, tuple[object, ...]]]:
    """The statements of some settlements as they ran."""
    said: list[tuple[str, tuple[object, ...]]] = []

    def note(_cursor: apsw.Cursor, sql: str, bindings: object) -> bool:
        said.append((sql, tuple(bindings) if isinstance(bindings, tuple) else ()))
        return True

    lunch.writer._connection.set_exec_trace(note)
    try:
        await lunch.settle_many(0, count)
    finally:
        lunch.writer._connection.set_exec_trace(None)
    return said

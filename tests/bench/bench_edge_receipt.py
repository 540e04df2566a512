"""From the last tag seen to a durable receipt, through the lane, the machine, the checkout and the writer."""

import asyncio
import itertools
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from edge.core.log import configure
from edge.store.transaction import Transaction
from protocols.journal.kinds import Kind
from tests.bench.harness import Pair, Run, bench
from tests.support.edge import gateway_settings, settlement
from tests.support.lunch import PLATES, POOL, Lunch, card, lunch_at, plate
from tests.support.plate_lanes import TimedLane, plate_lanes
from tests.support.sink import DRAINED
from tests.support.slow_vfs import NAME, SlowVfs, bare_store

EVERY_S = 1.0
A_WINDOW = 8
BUSY_LANES = 5
TRAY_PLATES = 20
ROUNDS_A_SECOND = 10


@bench("tag_to_receipt_p99", target=1.5, better="lower")
async def tag_to_receipt(run: Run) -> AsyncIterator[Pair]:
    """Last tag seen to durable receipt, p99 over that of a bare commit, one settlement a second, syncs of 5 ms."""
    slow = SlowVfs()
    with lunch_at(run.folder / "ours", vfs=slow.name) as lunch:
        async with plate_lanes(lunch, 1) as lanes:
            async for pair in _windows(run, lanes[0]):
                yield pair


@bench("tag_to_receipt_p99_draining", target=2.5, better="lower")
async def tag_to_receipt_draining(run: Run) -> AsyncIterator[Pair]:
    """The same while 100,000 entries drain to a local HTTP sink and 1,000 tag reads a second come in."""
    slow = SlowVfs()
    sys.setswitchinterval(0.0005)  # as `python -m edge` sets it
    configure(level="error", style="text")
    with (
        _sink(run.folder) as url,
        lunch_at(run.folder / "ours", vfs=slow.name, settings=gateway_settings(url)) as lunch,
    ):
        await _fill(lunch)
        async with plate_lanes(lunch, 1 + BUSY_LANES) as lanes, _busy(lanes[1:]), _draining(lunch) as drained:
            await asyncio.sleep(1.0)
            began, began_s = drained(), time.perf_counter()
            async for pair in _windows(run, lanes[0]):
                yield pair
            rate = (drained() - began) / (time.perf_counter() - began_s)
            run.note(f"{rate:.0f} entries a second drained meanwhile")


async def _windows(run: Run, lane: TimedLane) -> AsyncIterator[Pair]:
    """Settlements and bare commits in turn, half a second apart; a window's p99 is its slowest."""
    bare = _bare(run.folder / "bare.db")
    plates = (plate(number % POOL) for number in itertools.count())
    people = itertools.count(1)
    all_ours: list[float] = []
    all_bare: list[float] = []
    await _one(lane, plates, people)
    for _ in range(run.windows):
        ours, alone = [], []
        for _ in range(A_WINDOW):
            began_s = time.perf_counter()
            ours.append(await _one(lane, plates, people))
            await asyncio.sleep(max(0.0, EVERY_S / 2 - (time.perf_counter() - began_s)))
            alone.append(await asyncio.to_thread(bare))
            await asyncio.sleep(max(0.0, EVERY_S - (time.perf_counter() - began_s)))
        all_ours += ours
        all_bare += alone
        yield Pair(max(ours), max(alone))
    run.note(
        f"p99 of all: {_p99(all_ours) * 1e3:.1f} ms over {_p99(all_bare) * 1e3:.1f} ms, "
        f"median {sorted(all_ours)[len(all_ours) // 2] * 1e3:.1f} ms"
    )


async def _one(lane: TimedLane, plates: Iterator[str], people: Iterator[int]) -> float:
    return await lane.settle([next(plates) for _ in range(PLATES)], card(next(people)))


def _bare(path: Path) -> Callable[[], float]:
    connection = bare_store(path, NAME)
    body = bytes(200)

    def commit() -> float:
        began_s = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO bare (b) VALUES (?)", (body,))
        connection.execute("COMMIT")
        return time.perf_counter() - began_s

    return commit


def _p99(times: list[float]) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * 0.99))]


async def _fill(lunch: Lunch) -> None:
    """The backlog of a long cut."""
    journal = lunch.gateway.site.journal
    sale = settlement(1, 100)

    def unit(tx: Transaction) -> None:
        for _ in range(1_000):
            journal.append(tx, Kind.SETTLEMENT, sale, subject="p1")

    for _ in range(DRAINED // 1_000):
        await lunch.writer.submit(unit)


@asynccontextmanager
async def _draining(lunch: Lunch) -> AsyncIterator[Callable[[], int]]:
    """Sync at work; tells how many entries went up so far."""
    task = asyncio.create_task(lunch.gateway.sync.run())
    counted = 0
    journal = lunch.gateway.site.journal
    uploader = lunch.gateway.sync.uploader
    send_once = uploader.send_once

    async def counting():  # type: ignore[no-untyped-def]  # noqa: ANN202
        nonlocal counted
        generation = journal.generation
        answer = await send_once()
        counted += answer.applied if answer else 0
        if journal.generation != generation:  # round again: signatures too are made anew
            await lunch.writer.submit(lambda tx: tx.execute("DELETE FROM checkpoints") and None)
        return answer

    uploader.send_once = counting  # type: ignore[method-assign]
    try:
        yield lambda: counted
    finally:
        task.cancel()
        await asyncio.wait([task])


@asynccontextmanager
async def _busy(lanes: list[TimedLane]) -> AsyncIterator[None]:
    """Trays that lie on the other readers: 1,000 tag reads a second in all."""

    async def keep() -> None:
        while True:
            for number, lane in enumerate(lanes):
                lane.reader.hear(plate(POOL - 1 - number * TRAY_PLATES - place) for place in range(TRAY_PLATES))
                await asyncio.sleep(1 / ROUNDS_A_SECOND / len(lanes))

    task = asyncio.create_task(keep())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


@contextmanager
def _sink(folder: Path) -> Iterator[str]:
    port_file = folder / "port"
    process = subprocess.Popen([sys.executable, "-m", "tests.support.sink", str(port_file)])
    try:
        deadline_s = time.monotonic() + 20
        while not (port_file.exists() and port_file.read_text()):
            if time.monotonic() > deadline_s:
                raise TimeoutError("the sink did not start")
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port_file.read_text()}"
    finally:
        process.terminate()
        process.wait(timeout=10)

"""Samples wait within bounds: the least important and oldest go first, alarms never."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.core.clock import ManualClock, SiteTime
from edge.spool.spool import SPOOL_SCHEMA, Spool, SpoolBounds
from edge.store.connection import Reader
from edge.store.writer import StoreOptions, Writer
from protocols.telemetry.messages import Priority, Sample

OPTIONS = StoreOptions(minimum_free_mb=0, reserve_mb=0, lazy_wait_s=0.02)


@contextmanager
def spool_at(
    folder: Path,
    *,
    bounds: SpoolBounds | None = None,
    clock: ManualClock | None = None,
    options: StoreOptions = OPTIONS,
) -> Iterator[Spool]:
    writer = Writer(folder / "spool.db", (SPOOL_SCHEMA,), options)
    reader = Reader(writer.path)
    try:
        yield Spool(writer, reader, SiteTime(clock or ManualClock()), bounds or SpoolBounds())
    finally:
        writer.close()
        reader.close()


def sample(series: str, at_ms: int, priority: Priority = Priority.MEASURE, text: str = "x") -> Sample:
    return Sample(series, at_ms, {"value": 1.5, "text": text}, priority)


@pytest.mark.rule(31)
async def test_rule_31_the_same_series_and_time_again_is_the_same_sample(tmp_path: Path) -> None:
    now = ManualClock().now_ms()
    with spool_at(tmp_path) as spool:
        for _ in range(3):
            spool.offer(sample("scale", now))
            await spool.flush()
        spool.offer(sample("scale", now + 1))
        await spool.flush()
        assert spool.waiting == 2


@pytest.mark.rule(31)
@pytest.mark.lesson("greengrass-spool")
async def test_rule_31_past_its_bytes_the_oldest_of_the_least_priority_go_and_alarms_stay(tmp_path: Path) -> None:
    now = ManualClock().now_ms()
    with spool_at(tmp_path, bounds=SpoolBounds(max_bytes=200_000)) as spool:
        for n in range(300):
            spool.offer(sample("door", now - 400_000 + n, Priority.ALARM, "a" * 200))
            spool.offer(sample("state", now - 300_000 + n, Priority.STATE, "s" * 200))
            spool.offer(sample("detail", now - 200_000 + n, Priority.DETAIL, "d" * 200))
        await spool.flush()
        kept = [one for _, one in spool.oldest(10_000)]
        by_series = {name: [s.at_ms for s in kept if s.series == name] for name in ("door", "state", "detail")}
        assert len(by_series["door"]) == 300
        assert by_series["detail"] == []
        assert spool.dropped == 900 - len(kept)
        assert spool.bytes <= 200_000
        assert by_series["state"] == sorted(by_series["state"])


@pytest.mark.rule(31)
async def test_rule_31_alarms_alone_may_pass_the_bound(tmp_path: Path) -> None:
    now = ManualClock().now_ms()
    with spool_at(tmp_path, bounds=SpoolBounds(max_bytes=10_000)) as spool:
        for n in range(100):
            spool.offer(sample("door", now + n, Priority.ALARM, "a" * 200))
        await spool.flush()
        assert spool.waiting == 100


@pytest.mark.rule(31)
async def test_rule_31_samples_too_old_go_but_for_alarms(tmp_path: Path) -> None:
    clock = ManualClock()
    with spool_at(tmp_path, bounds=SpoolBounds(max_age_days=2), clock=clock) as spool:
        spool.offer(sample("a", clock.now_ms()))
        spool.offer(sample("b", clock.now_ms(), Priority.ALARM))
        await spool.flush()
        clock.advance(3 * 86_400_000)
        spool.offer(sample("c", clock.now_ms()))
        await spool.flush()
        assert [one.series for _, one in spool.oldest(10)] == ["b", "c"]


@pytest.mark.rule(31)
async def test_rule_31_a_sample_leaves_by_the_clouds_acknowledgement_alone(tmp_path: Path) -> None:
    now = ManualClock().now_ms()
    with spool_at(tmp_path) as spool:
        for n in range(5):
            spool.offer(sample("a", now + n))
        await spool.flush()
        ids = [number for number, _ in spool.oldest(3)]
    with spool_at(tmp_path) as spool:
        assert spool.waiting == 5
        held = spool.bytes
        await spool.acknowledged(ids)
        assert spool.waiting == 2
        assert spool.bytes == held * 2 // 5


async def test_a_full_buffer_counts_what_it_turns_away_but_takes_alarms(tmp_path: Path) -> None:
    with spool_at(tmp_path, bounds=SpoolBounds(max_buffered=2)) as spool:
        assert spool.offer(sample("a", 1))
        assert spool.offer(sample("a", 2))
        assert not spool.offer(sample("a", 3))
        assert spool.offer(sample("a", 4, Priority.ALARM))
        assert spool.dropped == 1


async def test_an_alarm_wakes_whoever_flushes(tmp_path: Path) -> None:
    with spool_at(tmp_path) as spool:
        waiting = asyncio.create_task(spool.wait_urgent(5.0))
        await asyncio.sleep(0.01)
        spool.offer(sample("a", 1))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        spool.offer(sample("a", 2, Priority.ALARM))
        async with asyncio.timeout(1):
            await waiting


async def test_on_a_low_disk_samples_stay_in_memory_and_only_alarms_are_written(tmp_path: Path) -> None:
    low = StoreOptions(minimum_free_mb=100, reserve_mb=0, free_bytes=lambda _folder: 0)
    now = ManualClock().now_ms()
    with spool_at(tmp_path, options=low) as spool:
        spool.offer(sample("a", now))
        assert await spool.flush() == 0
        assert spool.waiting == 0
        spool.offer(sample("door", now, Priority.ALARM))
        assert await spool.flush() == 2

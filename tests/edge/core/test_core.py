"""Time, supervision and logging."""

import asyncio
import io
import json
import logging
from itertools import pairwise
from random import Random

import pytest

from edge.core.clock import ManualClock, SiteTime, SystemClock
from edge.core.log import configure, logger
from edge.core.supervisor import Service, Supervisor


def test_before_the_cloud_told_the_time_the_wall_clock_counts_with_a_wide_uncertainty() -> None:
    clock = ManualClock()
    time = SiteTime(clock, unanchored_uncertainty_ms=60_000)
    assert (time.now_ms(), time.stamp().uncertainty_ms) == (clock.now_ms(), 60_000)


def test_uncertainty_grows_with_the_time_since_the_anchor() -> None:
    clock = ManualClock()
    time = SiteTime(clock, drift_ppm=100)
    time.anchor(server_ms=clock.now_ms(), round_trip_ms=20)
    clock.advance(10_000_000)
    assert time.stamp().uncertainty_ms == 10 + 1_000 + 1


def test_a_less_sure_anchor_does_not_replace_a_surer_one() -> None:
    clock = ManualClock()
    time = SiteTime(clock)
    time.anchor(server_ms=1_000_000, round_trip_ms=20)
    time.anchor(server_ms=9_000_000, round_trip_ms=4_000)
    assert time.now_ms() == 1_000_010
    clock.advance(100_000_000)
    time.anchor(server_ms=101_000_500, round_trip_ms=4_000)
    assert time.now_ms() == 101_002_500


def test_the_machines_clock_never_runs_backwards() -> None:
    clock = SystemClock()
    first = clock.monotonic_ms()
    assert clock.monotonic_ms() >= first
    assert abs(clock.now_ms() - SystemClock().now_ms()) < 1_000


async def test_a_service_that_fails_is_started_again_after_a_jittered_wait() -> None:
    runs: list[float] = []

    async def failing() -> None:
        runs.append(asyncio.get_running_loop().time())
        raise ValueError("broken")

    supervisor = Supervisor([Service("weak", failing)], Random(1), first_wait_s=0.02, most_wait_s=0.05)
    supervisor.start()
    await asyncio.sleep(0.3)
    await supervisor.stop()
    assert 4 <= len(runs) <= 20
    assert min(b - a for a, b in pairwise(runs)) >= 0.01
    health = supervisor.health["weak"]
    assert (health.state, health.last_error) == ("stopped", "ValueError: broken")
    assert health.restarts == len(runs)


async def test_one_service_failing_leaves_the_others_alone() -> None:
    ticks = 0

    async def well() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.01)

    async def failing() -> None:
        raise ValueError

    supervisor = Supervisor([Service("well", well), Service("weak", failing)], Random(1), first_wait_s=0.01)
    supervisor.start()
    await asyncio.sleep(0.1)
    assert supervisor.health["well"].state == "running"
    assert supervisor.health["well"].restarts == 0
    await supervisor.stop()
    assert ticks > 3


async def test_services_stop_in_reverse_order_and_a_stubborn_one_within_its_budget() -> None:
    stopped: list[str] = []

    def service(name: str, *, stubborn: bool = False) -> Service:
        async def run() -> None:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                stopped.append(name)
                if stubborn:
                    await asyncio.sleep(0.5)
                raise

        return Service(name, run, stop_budget_s=0.05)

    supervisor = Supervisor([service("store"), service("stubborn", stubborn=True), service("lane")], Random(1))
    supervisor.start()
    await asyncio.sleep(0.01)
    began = asyncio.get_running_loop().time()
    await supervisor.stop()
    assert asyncio.get_running_loop().time() - began < 0.4
    assert stopped == ["lane", "stubborn", "store"]
    await asyncio.sleep(0.6)


async def test_a_service_that_returns_is_done_and_not_started_again() -> None:
    runs = 0

    async def once() -> None:
        nonlocal runs
        runs += 1

    supervisor = Supervisor([Service("once", once)], Random(1), first_wait_s=0.01)
    supervisor.start()
    await asyncio.sleep(0.05)
    assert (runs, supervisor.health["once"].state) == (1, "done")
    await supervisor.stop()


async def test_a_service_that_fails_while_it_is_stopped_is_not_started_again() -> None:
    runs = 0

    async def child() -> None:
        await asyncio.sleep(0.03)
        raise OSError("its file is closed by now")

    async def run() -> None:
        nonlocal runs
        runs += 1
        if runs > 1:
            return
        try:
            await asyncio.sleep(60)
        finally:
            await child()

    supervisor = Supervisor([Service("late", run, stop_budget_s=1.0)], Random(1), first_wait_s=0.01)
    supervisor.start()
    await asyncio.sleep(0.01)
    await supervisor.stop()
    await asyncio.sleep(0.05)
    assert runs == 1
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "late"]


async def test_two_services_of_one_name_are_refused() -> None:
    async def rest() -> None:
        await asyncio.sleep(3600)

    supervisor = Supervisor([Service("a", rest), Service("a", rest)], Random(1))
    with pytest.raises(ValueError, match="'a'"):
        supervisor.start()
    await supervisor.stop()


def test_a_json_line_names_part_level_and_text(monkeypatch: pytest.MonkeyPatch) -> None:
    said = io.StringIO()
    monkeypatch.setattr("sys.stderr", said)
    configure(level="info", style="json")
    try:
        logger("sync").warning("waits %d s", 5)
        logger("sync").debug("not this")
    finally:
        root = logging.getLogger("edge")
        root.handlers[:] = []
        root.propagate = True
    line = json.loads(said.getvalue())
    assert (line["level"], line["part"], line["text"]) == ("warning", "edge.sync", "waits 5 s")


async def test_a_service_whose_group_of_tasks_fails_is_started_again() -> None:
    """A task group marks the task it runs in as cancelled and never unmarks it, which is no reason to stop."""
    runs = 0
    third = asyncio.Event()

    async def fails() -> None:
        raise OSError("a sector cannot be read")

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs >= 3:
            third.set()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(fails())
            tasks.create_task(asyncio.sleep(60))

    supervisor = Supervisor([Service("sync", work)], Random(1), first_wait_s=0.001, most_wait_s=0.001)
    supervisor.start()
    async with asyncio.timeout(5):
        await third.wait()
    await supervisor.stop()
    assert runs >= 3

"""A day cut at every write, sync, truncate, delete and rename, each followed by several kinds of loss and a recovery.

`python -m tests.simulation.crash_points` goes through all of them and prints one JSON line.
"""

import copy
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from edge.sync.settings import SyncSettings
from tests.simulation.clockwork import SimClock, SimLoop, run, sealed_world
from tests.simulation.crash_day import NOON_MS, Broken, Day, DirectApi, check, new_cloud, outcome
from tests.simulation.disk import SimDisk
from tests.simulation.losses import Fate
from tests.simulation.site_side import Died, SiteMachine

VARIANTS: Final = 5
KILLED, DROPPED, TORN, TWICE = "killed", "dropped", "torn", "twice"
_SYNC: Final = SyncSettings(poll_s=0.5, heartbeat_s=2.0, retry_first_s=0.5, retry_most_s=1.0, keep_days=0)
_WAL_PAGES: Final = 60
_MEMORY: Final = Path("/dev/shm")  # noqa: S108  a disk in memory where the system has one; folders are made privately


@dataclass
class Figures:
    """What a run of crash points came to."""

    points: int = 0
    variants: int = 0
    recovered: int = 0
    told: int = 0
    operations: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


class Points:
    """The scripted day and its crash points. Everything follows from `seed`."""

    def __init__(self, folder: Path, *, seed: int = 1, variants: int = VARIANTS) -> None:
        self._folder, self._seed, self._variants = folder, seed, variants
        self.figures = Figures()
        self._made = 0
        self._expected: tuple[Any, ...] = ()

    def all_operations(self) -> list[str]:
        """Live the day once without a fault; its operations in order."""
        kinds: list[str] = []
        with sealed_world(self._seed):
            loop = SimLoop()
            run(self._whole_day(loop, kinds), loop=loop)
        return kinds

    def cut_at(self, point: int, kind: str) -> None:
        """Cut the day at one operation, and recover from each kind of loss."""
        self.figures.points += 1
        self.figures.operations[kind.split(maxsplit=1)[0]] += 1
        with sealed_world(self._seed):
            loop = SimLoop()
            run(self._cut_day(loop, point, kind), loop=loop)

    async def live(self, loop: SimLoop) -> Day:
        """The day without a fault."""
        day = self._day(loop)
        await day.go_on()
        return day

    async def _whole_day(self, loop: SimLoop, kinds: list[str]) -> None:
        day = self._day(loop)
        day.machine.disk.kinds = kinds
        await day.go_on()
        self._expected = outcome(day)
        self.figures.told = len(day.told)
        day.machine.disk.discard()

    async def _cut_day(self, loop: SimLoop, point: int, kind: str) -> None:
        day = self._day(loop)
        disk = day.machine.disk
        disk.cut_at = point
        day.machine.dies_of_cut(power=False)  # the loss is drawn for each variant, below
        with suppress(Died):
            await day.go_on()
        if day.machine.died.is_set():
            for number in range(self._variants):
                await self._recover(loop, day, point, kind, number)
        else:
            self.figures.failures.append(f"{point} ({kind}): the day did not reach it")
        disk.discard()

    async def _recover(self, loop: SimLoop, day: Day, point: int, kind: str, number: int) -> None:
        """One variant of what is left: boot, check, go on with the day, and compare how it ends."""
        self.figures.variants += 1
        random = Random(f"{self._seed}:{point}:{number}")
        disk = day.machine.disk.clone(self._fresh(), random)
        how = _lose(disk, random, number)
        cloud = copy.deepcopy(day.cloud)
        clock = SimClock(loop, NOON_MS, offset_ms=random.choice((0, -3_600_000, 60_000)))
        again = Day(cloud, _machine_on(loop, disk, clock, DirectApi(cloud), random), day.step, dict(day.told))
        try:
            if how == TWICE:
                await self._boot_in_vain(again.machine, random)
            await again.machine.boot()
            check(again)
            await again.go_on()
            if outcome(again) != self._expected:
                raise Broken("the day ends otherwise than without the crash")  # noqa: TRY301
        except Exception as error:  # noqa: BLE001  whatever it is, it is this variant's finding
            self.figures.failures.append(f"{point} ({kind}), {how} {number}: {type(error).__name__}: {error}")
        else:
            self.figures.recovered += 1
        finally:
            if again.machine.alive:
                again.machine.die(power=False)
            disk.discard()

    async def _boot_in_vain(self, machine: SiteMachine, random: Random) -> None:
        """The power fails again while it recovers."""
        machine.disk.cut_at = machine.disk.operations + random.randint(1, 40)
        machine.dies_of_cut(power=True)
        with suppress(Died):
            await machine.boot()
            machine.disk.cut_at = None
            machine.die(power=True)

    def _day(self, loop: SimLoop) -> Day:
        cloud = new_cloud()
        disk = SimDisk(self._fresh(), Random(self._seed))
        clock = SimClock(loop, NOON_MS)
        machine = _machine_on(loop, disk, clock, DirectApi(cloud), Random(self._seed))
        return Day(cloud, machine)

    def _fresh(self) -> Path:
        self._made += 1
        return self._folder / f"disk{self._made}"


def _machine_on(loop: SimLoop, disk: SimDisk, clock: SimClock, api: DirectApi, random: Random) -> SiteMachine:
    return SiteMachine(
        loop, disk.folder, random, clock=clock, disk=disk, api=api, code="CODE", sync=_SYNC, wal_pages=_WAL_PAGES
    )


def _lose(disk: SimDisk, random: Random, number: int) -> str:
    """What becomes of the writes that were not synced; the word for it."""
    if number == 0:
        return KILLED  # the process alone: the system still writes everything
    if number == 1:
        disk.lose_power(random, Fate.DROP)
        return DROPPED
    twice = number % 3 == 0
    if not (twice and random.random() < 0.5):  # else what the killed process left unsynced is lost later
        disk.lose_power(random)
    return TWICE if twice else TORN


def chosen(kinds: list[str], most: int | None, seed: int) -> list[int]:
    """All crash points, or a fixed sample: `most` spread over the day, and one of each kind of operation."""
    count = len(kinds)
    if most is None or most >= count:
        return list(range(1, count + 1))
    random = Random(f"{seed}:sample")
    found = {int((place + random.random()) * count / most) + 1 for place in range(most)}
    for name in sorted({kind.split(maxsplit=1)[0] for kind in kinds}):
        found.add(random.choice([point for point, kind in enumerate(kinds, 1) if kind.startswith(name)]))
    return sorted(found)


def measure(*, most: int | None = None, seed: int = 1, variants: int = VARIANTS) -> Figures:
    """Go through all crash points, or a sample (see `chosen`)."""
    folder = Path(tempfile.mkdtemp(prefix="crash-", dir=_MEMORY if _MEMORY.is_dir() else None))
    try:
        points = Points(folder, seed=seed, variants=variants)
        kinds = points.all_operations()
        for point in chosen(kinds, most, seed):
            points.cut_at(point, kinds[point - 1])
        return points.figures
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def line(figures: Figures, took_s: float) -> str:
    """One JSON line of the figures."""
    return json.dumps(
        {
            "name": "crash_points",
            "points": figures.points,
            "variants": figures.variants,
            "recovered": figures.recovered,
            "told": figures.told,
            "operations": dict(sorted(figures.operations.items())),
            "failures": figures.failures[:20],
            "seconds": round(took_s, 1),
        }
    )


def main(arguments: Iterable[str]) -> int:
    """`python -m tests.simulation.crash_points [most points [seed]]`."""
    began_s = time.perf_counter()
    wanted = [int(argument) for argument in arguments]
    figures = measure(most=wanted[0] if wanted else None, seed=wanted[1] if len(wanted) > 1 else 1)
    sys.stdout.write(line(figures, time.perf_counter() - began_s) + "\n")
    return 1 if figures.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

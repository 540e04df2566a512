"""What happens in a world: meals and an office by the clock, weather, deaths and clocks by chance, a plot or two."""

import shutil
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.simulation import plots as every_plot
from tests.simulation.auditor import Violation
from tests.simulation.clockwork import SimLoop, sealed_world
from tests.simulation.exceptions_desk import look_after
from tests.simulation.faults import Troubles
from tests.simulation.office import Office
from tests.simulation.sizes import small_parts
from tests.simulation.workload import Diners
from tests.simulation.world import DAY_S, HOUR_S, Size, World

_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder in memory, where there is one


def size_of(seed: int) -> Size:
    """Drawn from the seed: two to four sites, and days enough for a long cut."""
    return Size(sites=2 + seed % 3, lanes=1 + seed % 2, people=16 + seed % 4 * 6, days=2 + (seed % 5 == 0) * 2)


async def _desk(world: World) -> None:
    while not world.ending:
        await world.wait(5 * HOUR_S)
        await look_after(world)


async def play(world: World, plots: tuple[str, ...] | None = None) -> None:
    """Open, live through the days, heal, and be audited. Raises Violation."""
    office = Office(world)
    await office.open()
    diners = Diners(world)
    troubles = Troubles(world)
    chosen = every_plot.chosen(world) if plots is None else plots
    world.tell(f"{world.size}, plots: {', '.join(chosen) or 'none'}")
    acts = [diners.eat(), office.work(), troubles.brew(), _desk(world)]
    acts += [every_plot.PLOTS[name](world, office) for name in chosen]
    tasks = [world.spawn(act) for act in acts]
    await world.wait(world.size.days * DAY_S)
    for task in tasks:
        task.cancel()
    await world.wait(1.0)
    for site in world.machines:
        world.look(site)
    await world.heal(look_after)
    world.check()
    world.check_failed()


@dataclass
class Outcome:
    """What a seed brought."""

    seed: int
    terminal_hours: float
    settlements: int
    faults: int
    reached: Counter[str]
    violation: str = ""
    story: list[str] = field(default_factory=list)


def run_seed(seed: int, *, plots: tuple[str, ...] | None = None) -> Outcome:
    """One world, from its opening to its audit."""
    size = size_of(seed)
    folder = Path(tempfile.mkdtemp(prefix="qm-world-", dir=_MEMORY if _MEMORY.is_dir() else None))
    loop = SimLoop()
    violation = ""
    with sealed_world(seed), small_parts(seed):
        world = World(seed, folder, loop, size)
        try:
            loop.run_until_complete(play(world, plots))
        except Violation as broken:
            violation = str(broken)
        except Exception as error:  # noqa: BLE001 - a world that cannot go on has noticed something
            violation = f"{type(error).__name__}: {error}"
        finally:
            with suppress(Exception):
                loop.run_until_complete(world.close())
            loop.close()
            shutil.rmtree(folder, ignore_errors=True)
    hours = size.days * 24.0 * size.lanes * len(world.machines)
    faults = world.faults + sum(site.wire.faults for site in world.machines)
    return Outcome(seed, hours, world.auditor.settlements, faults, world.reached.counts, violation, world.story)

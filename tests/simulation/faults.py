"""Weather on the wires, machines that die at any step, disks that fill and clocks that lie: drawn per seed."""

import asyncio

from tests.simulation.lane import Till, must_have_stood
from tests.simulation.network import Weather
from tests.simulation.site_side import Refused
from tests.simulation.world import DAY_S, HOUR_S, Site, World


class Troubles:
    """How bad this world is, and what goes wrong when."""

    def __init__(self, world: World) -> None:
        self.world = world
        random = self.random = world.chance("troubles")
        self.lost = random.uniform(0.0, 0.30)
        self.repeated = random.uniform(0.0, 0.50)
        self.delay_s = random.choice((0.02, 0.2, 2.0))
        self.straggle_s = random.choice((60.0, HOUR_S, 12 * HOUR_S, 2 * DAY_S))
        self.deaths_a_day = random.choice((0.5, 2.0, 6.0))
        self.cuts_a_day = random.choice((0.5, 2.0, 4.0))
        self.disks_a_day = random.choice((0.0, 1.0))
        self.clocks_a_day = random.choice((0.0, 2.0))
        self.long_cut = random.random() < 0.3

    async def brew(self) -> None:
        """Until the world ends."""
        world = self.world
        for site in world.machines:
            self.blow(site)
        if self.long_cut:
            world.spawn(self._long_cut())
        kinds = [
            (self.deaths_a_day, self._death),
            (self.cuts_a_day, self._cut),
            (self.disks_a_day, self._disk),
            (self.clocks_a_day, self._clock),
            (2.0, self._weather),
        ]
        total = sum(rate for rate, _ in kinds)
        while not world.ending:
            await world.wait(self.random.expovariate(total * max(1, len(world.machines)) / DAY_S))
            site = self.random.choice(world.machines)
            act = self.random.choices([act for _, act in kinds], [rate for rate, _ in kinds])[0]
            world.spawn(act(site))

    def blow(self, site: Site, *, up_cut: bool = False, down_cut: bool = False) -> None:
        """Set a wire's weather."""
        share = self.random.random()
        site.wire.weather = Weather(
            lost=self.lost * share, repeated=self.repeated * share, unavailable=0.05 * share, delay_s=self.delay_s,
            straggle_s=self.straggle_s, up_cut=up_cut, down_cut=down_cut,
        )  # fmt: skip

    async def _weather(self, site: Site) -> None:
        if not site.wire.weather.cut:
            self.blow(site)

    async def _cut(self, site: Site) -> None:
        one_way = self.random.random() < 0.3
        up = not one_way or self.random.random() < 0.5
        self.world.fault("cut one way" if one_way else None, f"the wire of site {site.number} is cut")
        self.blow(site, up_cut=up, down_cut=not one_way or not up)
        await asyncio.sleep(min(self.random.lognormvariate(7.0, 1.5), 30 * HOUR_S))
        if not self.world.ending:
            self.blow(site)

    async def _long_cut(self) -> None:
        await asyncio.sleep(self.random.uniform(0, 0.4 * DAY_S))
        if self.world.ending:
            return
        site = self.random.choice(self.world.machines)
        self.world.fault("cut for a day or more", f"the wire of site {site.number} is cut for more than a day")
        until_s = self.world.loop.time() + self.random.uniform(1.0, 3.0) * DAY_S
        while self.world.loop.time() < until_s and not self.world.ending:
            self.blow(site, up_cut=True, down_cut=True)
            await asyncio.sleep(HOUR_S)
        if not self.world.ending:
            self.blow(site)

    async def _death(self, site: Site) -> None:
        """At once, or at some write or sync from now: in the midst of a commit as often as not."""
        world, machine, random = self.world, site.machine, self.random
        if not machine.alive or site.retired:
            return
        power = random.random() < 0.6
        if random.random() < 0.7:
            site.disk.cut_at = site.disk.operations + random.randint(1, 60)
            machine.dies_of_cut(power=power)
            await asyncio.wait({world.loop.create_task(machine.died.wait())}, timeout=6 * HOUR_S)
            if machine.alive:
                site.disk.cut_at = None
                return
            world.noticed_death(site, power=power)
        else:
            world.die(site, power=power, why="at once")
        await asyncio.sleep(random.choice((5.0, 60.0, 1_800.0)))
        if not site.lost and not world.ending:
            await world.boot(site)

    async def _disk(self, site: Site) -> None:
        full = self.random.random() < 0.7
        if full:
            self.world.fault(None, f"the disk of site {site.number} is full")
            site.disk.full = True
            self.world.spawn(self._press(site))
        else:
            self.world.fault("read error", f"the disk of site {site.number} reads badly")
            site.disk.read_errors = 0.02
        await asyncio.sleep(self.random.uniform(0.2, 3.0) * HOUR_S)
        site.disk.full, site.disk.read_errors = False, 0.0

    async def _press(self, site: Site) -> None:
        """On a full disk: two meals of one person at one moment, and what has happened and must be kept."""
        world, random = self.world, self.random
        till = Till(world, site, f"d{world.loop.time():.0f}.")
        for _ in range(4):
            await asyncio.sleep(random.uniform(60.0, 400.0))
            if not site.disk.full or world.ending or site.retired or site.lost:
                return
            person = random.choice(world.people)
            sales = [seq for seq in site.stream.sales if self._own(site, seq) and not site.stream.refunded[seq]][-3:]
            acts = [till.sell(person), till.sell(person, 10), till.cash(person, 300)]
            acts += [till.refund(seq) for seq in sales[:1]]
            for said in await asyncio.gather(*acts):
                if isinstance(said, Refused):
                    must_have_stood(site, said)

    def _own(self, site: Site, seq: int) -> bool:
        """Whether it is a sale that no copy of the disk knows: where two pay it back a person has to choose."""
        streams = [stream for stream in self.world.auditor.streams if stream is not site.stream]
        here = (site.stream.device, site.stream.epoch)
        if (*here, seq) in self.world.auditor.poison:
            return False
        return not any(seq in stream.sales for stream in streams if (stream.device, stream.epoch) == here)

    async def _clock(self, site: Site) -> None:
        random, clock = self.random, site.clock
        by_ms = int(random.choice((1, 60, 3_600, 86_400, 400 * 86_400)) * 1_000 * random.uniform(0.5, 1.0))
        match random.randrange(3):
            case 0:
                self.world.fault("clock set back", f"the clock of site {site.number} goes back {by_ms} ms")
                clock.jump(-by_ms)
            case 1:
                self.world.fault("clock set forward", f"the clock of site {site.number} goes on {by_ms} ms")
                clock.jump(by_ms)
            case _:
                self.world.fault("clock drifts", f"the clock of site {site.number} drifts")
                clock.drift_ppm = random.randrange(-200, 200)
        await asyncio.sleep(0)

"""Money that is asked back while it is spent, cleared while facts wait, and limits that people carry about."""

import asyncio
from typing import Final

from tests.simulation.incidents import nonsense, note_poison, somebody
from tests.simulation.lane import Till
from tests.simulation.network import Weather
from tests.simulation.office import Office
from tests.simulation.site_side import Refused, Told
from tests.simulation.world import HOUR_S, Site, World

_ASKED: Final = 5
_SALES: Final = 270


async def squeeze(world: World, office: Office) -> None:
    """A site is cut off; money it holds is asked back, corrected away and added to; people spend it meanwhile.

    When the wire is back the disk reads badly, while everything comes in at once.
    """
    site = await somebody(world, "squeeze")
    random = world.chance("squeeze money")
    diners = [person for person in world.people if world.home[person] == site.number and person not in world.left]
    cut = world.spawn(_keep_cut(world, site))
    for person in random.sample(diners, min(_ASKED, len(diners))):
        for _ in range(3):
            await office.tries(office.top_up(person, random.randrange(100, 900)))
        await office.tries(office.visit(person, random.choice(sorted(world.sites))))
        await office.tries(office.correct(person, random.randrange(2_000, 9_000)))
        till = Till(world, site, f"s{person}.")
        await till.sell(person, random.randrange(0, 2_500))
        await till.sell(person, random.randrange(0, 900))
        await world.wait(120.0)
    cut.cancel()
    site.wire.weather = Weather()
    bad = random.random() < 0.7
    if bad:
        world.fault("read error", f"site {site.number} hears everything at once and reads badly")
    site.disk.read_errors = 0.15 * bad
    site.machine.nudge() if site.machine.alive else None
    await world.wait(90.0)
    site.disk.read_errors = 0.0
    site.machine.nudge() if site.machine.alive else None


async def _keep_cut(world: World, site: Site) -> None:
    while not world.ending:
        site.wire.weather = Weather(up_cut=True, down_cut=True)
        await asyncio.sleep(60.0)


async def month_end(world: World, office: Office) -> None:
    """A subsidy is cleared; then meals that it paid for are given back, and the people come to eat once more."""
    site = await somebody(world, "month end", at=(0.3, 0.6))
    random = world.chance("month end refunds")
    bucket = office.month
    sales: list[Told] = []
    till = Till(world, site, "m")
    for person in [p for p in world.people if world.home[p] == site.number and p not in world.left][:6]:
        said = await till.sell(person, random.randrange(0, 400))
        if isinstance(said, Told) and any(share[0] == bucket for share in said.shares):
            sales.append(said)
    await office.tries(office.clear())
    for _ in range(200):
        if bucket in site.stream.cut:
            break
        await world.wait(300.0)
        world.look(site)
    for turn, sale in enumerate(sales):
        said = await till.refund(sale.seq, (0,) if turn % 2 else ())
        if isinstance(said, Told):
            world.reached.note("refund into a cleared bucket")
        if turn == 1 and site.machine.alive:
            world.die(site, power=False, why="after a refund of a cleared bucket")
            await world.boot(site)
        await till.sell(sale.person, 0)
    await world.wait(2 * HOUR_S)
    for sale in sales:
        await till.sell(sale.person, 0)


async def poisoned_month(world: World, office: Office) -> None:
    """An entry that spends a subsidy contradicts itself; before anybody mends it the subsidy is cleared."""
    site = await somebody(world, "poisoned month", at=(0.2, 0.6))
    rich = [p for p in world.people if site.machine.alive and site.machine.leases.balance(p, office.month) >= 100]
    if not rich:
        return
    person = world.chance("poisoned month").choice(rich)
    done, seq = await nonsense(world, site, person, bucket=office.month)
    if not done:
        return
    note_poison(world, site, seq)
    world.fault("poison in a bucket being cleared", f"site {site.number} writes entry {seq}, which contradicts itself")
    await office.tries(office.clear())


async def wander(world: World, office: Office) -> None:
    """People with a limit eat at home, twice at another site, and at home again, day after day; some move."""
    random = world.chance("wander")
    await asyncio.sleep(random.uniform(5, 6) * HOUR_S)  # at lunch
    limited = [person for person in world.people if person % 4 == 0 and person not in world.left]
    for _ in range(2 * world.size.days):
        for person in limited[:4]:
            if world.ending or len(world.sites) < 2:
                return
            home = world.home[person]
            if random.random() < 0.3:
                await office.tries(office.move(person))
            away = random.choice([number for number in sorted(world.sites) if number != home])
            for number in random.choice(((home, away, away, home), (away, away, home), (home, home), (away, home))):
                till = Till(world, world.sites[number], f"w{person}.{world.loop.time():.0f}.{number}.")
                said = await till.sell(person)
                if isinstance(said, Refused) and said.word == "limit_elsewhere":
                    world.reached.note("limit refused elsewhere")
                await world.wait(random.choice((1.0, 60.0, 400.0)))
        await world.wait(random.choice((2.0, 5.5, 6.5)) * HOUR_S)


async def fair(world: World, _office: Office) -> None:
    """A queue at the cash desk: a stream of many hundred entries."""
    site = await somebody(world, "fair")
    random = world.chance("fair people")
    till = Till(world, site, "f")
    for _ in range(_SALES):
        if world.ending or site.retired:
            return
        await till.cash(random.choice(world.people), random.randrange(1, 20))
        await world.wait(10.0)
    if len(site.stream.facts) > 256:
        world.reached.note("stream of more than 256 entries")

"""Things that happen once in a gateway's life, a few in each world: forks, restores, poison, bad deploys."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from cloud.core.errors import CloudError
from protocols.journal.kinds import Kind
from protocols.payments.facts import Settlement, Share
from tests.simulation import reference
from tests.simulation import wirewords as words
from tests.simulation.office import Office
from tests.simulation.site_side import Refused
from tests.simulation.world import DAY_S, HOUR_S, Site, World

Plot = Callable[[World, Office], Coroutine[Any, Any, None]]

_NEW_GATEWAYS: Final = frozenset({"add", "replace", "lose", "clone", "old image"})
_IN_DOUBT_DAYS: Final = 1.2


async def poison(world: World, _office: Office) -> None:
    """One entry that contradicts itself, amid good ones; later a person mends it."""
    site = await _somebody(world, "poison")
    person = world.chance("poison").choice(world.people)
    done, seq = await _nonsense(world, site, person)
    if not done:
        return
    _note(world, site, seq)
    world.look(site)
    world.fault(None, f"site {site.number} writes entry {seq}, which contradicts itself")
    for _ in range(3):  # what the same person does next waits behind it
        done, _said = await world.outcome(site.machine.sell(attempt=f"p{seq}{_}", lane=1, person=person, extra_fen=0))
        if not done:
            break
        world.look(site)


async def bad_deploy(world: World, _office: Office) -> None:
    """A gateway's new software writes nothing but nonsense for a while: the stream stops, and goes on when resumed."""
    site = await _somebody(world, "deploy")
    for person in (world.people * 3)[:24]:
        done, seq = await _nonsense(world, site, person)
        if not done:
            return
        _note(world, site, seq)
    world.look(site)
    world.fault(None, f"bad software at site {site.number}")


async def rotate(world: World, _office: Office) -> None:
    """A gateway changes its key while facts wait."""
    site = await _somebody(world, "rotate")
    done, _ = await world.outcome(site.machine.rotate_key())
    if done:
        world.look(site)
        world.reached.note("key rotated")
        world.tell(f"site {site.number} rotates its key")


async def replace(world: World, _office: Office) -> None:
    """A gateway breaks and another takes its site over; the old one is mended and says what it still knows."""
    site = await _somebody(world, "replace")
    world.die(site, power=True, why="it breaks")
    site.lost = True
    world.auditor.irregular.add((site.number, site.stream.epoch))
    after = await world.gateway(site.number)
    await world.boot(after)
    world.reached.note("gateway replaced")
    world.tell(f"site {site.number} has another gateway")
    await asyncio.sleep(world.chance("repair").uniform(1, 6) * HOUR_S)
    site.lost, site.retired = False, True
    await world.boot(site)
    await asyncio.sleep(3 * HOUR_S)
    world.retired.append((site.number, site.stream.epoch))  # what it still holds is released once somebody says so
    await world.declare_retired_lost()


async def lose(world: World, _office: Office) -> None:
    """A gateway is declared lost, its money released after the days that takes; then it turns up."""
    site = await _somebody(world, "lose", at=(0.05, 0.2))
    site.wire.weather.up_cut = True  # so that it knows what nobody else does
    await asyncio.sleep(3 * HOUR_S)
    if not site.machine.alive:
        return
    unsent = site.machine.journal.head_seq > site.machine.journal.applied_through
    world.die(site, power=True, why="it is gone")
    site.lost = True
    holder = (site.number, site.stream.epoch)
    world.auditor.irregular.add(holder)
    try:
        world.watchman.lost(holder, world.loop.time())
        await world.cloud.declare_lost(site.number)
    except CloudError as error:
        world.tell(f"declaring it lost: {error}")
    after = await world.gateway(site.number)
    await world.boot(after)
    await asyncio.sleep(_IN_DOUBT_DAYS * DAY_S)
    await world.cloud.size()
    if world.cloud.lease_sites()[holder]["released_at"] is not None:
        world.reached.note("site lost and released")
        if unsent:
            world.reached.note("late facts of a released site")
    site.lost, site.retired = False, True
    await world.boot(site)


async def clone(world: World, _office: Office) -> None:
    """A copy of a gateway's disk goes on beside it: two successors of one entry."""
    site = await _somebody(world, "clone")
    holder = (site.number, site.stream.epoch)
    world.auditor.irregular.add(holder)
    twin = await world.twin(site)
    world.fault(None, f"a copy of site {site.number}'s disk goes on beside it")
    for number in range(4):
        person = world.chance(f"twin{number}").choice(world.people)
        for one, name in ((site, "o"), (twin, "t")):
            if one.machine.alive:
                attempt = f"{name}{number}{one.stream.device}"
                await world.outcome(one.machine.sell(attempt=attempt, lane=1, person=person, extra_fen=number))
                world.look(one)
        await asyncio.sleep(600)


async def old_image(world: World, _office: Office) -> None:
    """An old copy of a disk is put back after everything newer was sent: the cloud knows more than the gateway."""
    site = await _somebody(world, "image")
    image, was = site.disk.image(), len(site.stream.facts)
    await asyncio.sleep(world.chance("image").uniform(2, 9) * HOUR_S)
    for _ in range(200):
        if (
            site.machine.alive
            and not site.retired
            and site.machine.journal.applied_through == site.machine.journal.head_seq
        ):
            break
        await asyncio.sleep(300)
    else:
        return
    world.look(site)
    world.die(site, power=False, why="an old image is put back")
    world.auditor.irregular.add((site.number, site.stream.epoch))
    world.auditor.streams.append(site.stream.until(was))
    site.stream = world.auditor.streams[-1]
    site.disk.put_back(image)
    world.reached.note("old image put back")
    await world.boot(site)


async def restore(world: World, office: Office) -> None:
    """The newest backup is put back in the midst of the day; what the office did since is not done any more."""
    random = world.chance("restore")
    await asyncio.sleep(random.uniform(0.2, 0.6) * world.size.days * DAY_S)
    if random.random() < 0.6:
        await office.back_up()
        await asyncio.sleep(random.uniform(0.5, 12) * HOUR_S)
    if world.ending or not world.backups:
        return
    world.fault("cloud restored from a backup", "the cloud is put back to its newest backup")
    await office.put_back(world.backups[-1])


async def add(world: World, _office: Office) -> None:
    """Another site opens."""
    await asyncio.sleep(world.chance("add").uniform(0.1, 0.5) * world.size.days * DAY_S)
    if world.ending:
        return
    number = max(world.sites) + 1
    await world.add_site(number)
    world.reached.note("gateway added")
    world.tell(f"site {number} opens")


def _note(world: World, site: Site, seq: int) -> None:
    world.look(site)
    (share,) = words.shares_of(site.stream.facts[seq - 1])
    world.auditor.poison[site.stream.device, site.stream.epoch, seq] = share[1]


async def _nonsense(world: World, site: Site, person: int) -> tuple[bool, int]:
    """An entry whose parts do not add up; whether it was kept, and its number."""
    leases = site.machine.leases
    share = Share(reference.CASH, min(100, leases.balance(person, reference.CASH)))
    head = site.machine.journal.head_seq
    fact = Settlement(
        attempt=f"x{site.stream.device}.{head}", lane=site.number * 10 + 1, canteen=site.number,
        stall=site.number * 100 + 1, person=person, period=0, business_day=world.business_day(), receipt_no=0,
        gross_fen=777, discount_fen=0, fee_fen=0, amount_fen=777, shares=(share,), uses=(), lines=(),
        credential_kind=1, credential=0, code_step=0,
    )  # fmt: skip

    def unit(tx: Any) -> int:
        leases.spend(tx, person, (share,))
        return site.machine.journal.append(tx, Kind.SETTLEMENT, fact, subject=f"p{person}").seq

    done, seq = await world.outcome(site.machine.write(unit))
    return done and not isinstance(seq, Refused), seq


async def _somebody(world: World, name: str, *, at: tuple[float, float] = (0.15, 0.6)) -> Site:
    """A gateway that lives and holds its site's rights, after a while."""
    random = world.chance(name)
    await asyncio.sleep(random.uniform(*at) * world.size.days * DAY_S)
    while True:
        able = [site for site in world.machines if site.machine.alive and not site.retired and not site.lost]
        if able and not world.ending:
            return random.choice(able)
        await asyncio.sleep(600)


PLOTS: Final[Mapping[str, Plot]] = {
    "poison": poison, "bad deploy": bad_deploy, "rotate": rotate, "replace": replace, "lose": lose, "clone": clone,
    "old image": old_image, "restore": restore, "add": add,
}  # fmt: skip


def chosen(world: World) -> tuple[str, ...]:
    """None to three, so that every plot comes in any nine seeds running, alone and in company."""
    names = list(PLOTS)
    first = names[world.seed % len(names)]
    random = world.chance("plots")
    others = random.sample([name for name in names if name != first], random.choice((0, 0, 1, 2)))
    found = {first, *others}
    if "restore" in found:  # a gateway made after the backup is unknown to the cloud that comes back
        found -= _NEW_GATEWAYS
    return tuple(sorted(found))

"""Things that happen once in a gateway's life, a few in each world: forks, restores, poison, bad deploys."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any, Final

from cloud.core.errors import CloudError
from protocols.sync.codec import encode
from tests.simulation import wirewords as words
from tests.simulation.auditor import Violation
from tests.simulation.forger import batch_under
from tests.simulation.incidents import nonsense, note_poison, somebody, unreadable
from tests.simulation.lane import Till
from tests.simulation.network import Weather
from tests.simulation.office import Office
from tests.simulation.plots_disk import bad_sector
from tests.simulation.plots_money import fair, month_end, poisoned_month, squeeze, wander
from tests.simulation.site_side import Refused, Told
from tests.simulation.world import DAY_S, HOUR_S, Site, World

Plot = Callable[[World, Office], Coroutine[Any, Any, None]]

_NEW_GATEWAYS: Final = frozenset({"add", "replace", "lose", "clone", "old image"})
_IN_DOUBT_DAYS: Final = 1.2
_RUSH: Final = 30


async def poison(world: World, _office: Office) -> None:
    """Entries that contradict themselves or cannot be read, amid good ones; later a person mends the first."""
    site = await somebody(world, "poison")
    person = world.chance("poison").choice(world.people)
    done, seq = await nonsense(world, site, person)
    if not done:
        return
    note_poison(world, site, seq)
    world.look(site)
    world.fault(None, f"site {site.number} writes entry {seq}, which contradicts itself")
    till = Till(world, site, f"p{seq}.")
    for _ in range(3):  # what the same person does next waits behind it, the last of it for the one before as well
        said = await till.sell(person)
        if isinstance(said, Told) and isinstance(await till.refund(said.seq), Told):
            world.reached.note("sale and its refund wait behind poison")
    if not world.auditor.restored and site.machine.alive:
        await unreadable(world, site)


async def bad_deploy(world: World, _office: Office) -> None:
    """A gateway's new software writes nothing but nonsense for a while: the stream stops, and goes on when resumed."""
    site = await somebody(world, "deploy")
    site.wire.weather = Weather(up_cut=True, down_cut=True)  # so that all of it comes in one after another
    for turn, person in enumerate((world.people * 3)[:26]):
        done, seq = await nonsense(world, site, person, subject=f"x{turn}")
        if not done:
            return
        note_poison(world, site, seq)
    world.look(site)
    world.fault(None, f"bad software at site {site.number}")
    await asyncio.sleep(120)
    site.wire.weather = Weather()


async def rotate(world: World, _office: Office) -> None:
    """A gateway changes its key while facts wait."""
    site = await somebody(world, "rotate")
    done, said = await world.outcome(site.machine.rotate_key())
    if done and not isinstance(said, Refused):
        world.look(site)
        world.reached.note("key rotated")
        world.tell(f"site {site.number} rotates its key")
        await _old_key(world, site)


async def _old_key(world: World, site: Site) -> None:
    """Somebody who kept the old key signs what the gateway has not sent yet: it signs nothing after the change."""
    rotated = len(site.stream.facts)
    till = Till(world, site, "k")
    for _ in range(100):
        await asyncio.sleep(300)
        if not site.machine.alive or site.retired or world.ending:
            return
        journal = site.machine.journal
        if journal.applied_through >= rotated:
            break
    else:
        return
    await till.cash(world.people[0], 30)
    if not site.machine.alive:
        return
    after = site.machine.journal.applied_through
    batch = batch_under(site.machine.stores.secrets.keys[0], site.machine.journal, after)
    through = world.cloud.streams()[batch.device, batch.epoch, 0]["applied_through"]
    if batch.bodies and through == after:
        status, _said = await world.cloud.call("POST", "batches", token=site.wire.token, body=encode(batch))
        world.fault("batch under a key of before", f"an old key signs entry {after + 1} of site {site.number}")
        if status == HTTPStatus.OK:
            raise Violation(f"an old key signs entry {after + 1} of site {site.number}, and the cloud takes it")


async def replace(world: World, office: Office) -> None:
    """A gateway breaks and another takes its site over; the old one is mended and says what it still knows."""
    site = await somebody(world, "replace")
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
    await _speaks_again(world, office, site)
    world.retired.append((site.number, site.stream.epoch))  # what it still holds is released once somebody says so
    await world.declare_retired_lost()


async def _speaks_again(world: World, office: Office, site: Site) -> None:
    """One that was replaced beats on while its successor gets leases; its backlog waits until a person accepts it."""
    key = (site.stream.device, site.stream.epoch, 0)
    through = world.cloud.streams()[key]["applied_through"]
    site.wire.weather = Weather()
    diners = [person for person in world.people if world.home[person] == site.number and person not in world.left]
    for turn in range(180):
        if turn % 20 == 0 and diners:
            await office.tries(office.top_up(diners[turn % len(diners)], 400))
            site.machine.nudge() if site.machine.alive else None
        row = world.cloud.streams().get(key)
        if row is None or row["state_reason"] == "accepted":
            continue
        if row["state"] == "held":
            world.reached.note("backlog of a revoked key waits")
        if row["applied_through"] > through:
            raise Violation(f"the backlog of {key} was applied under a revoked key, and nobody has accepted it")
        await asyncio.sleep(60)


async def lose(world: World, office: Office) -> None:
    """A gateway is declared lost, its money released after the days that takes; then it turns up."""
    site = await somebody(world, "lose", at=(0.05, 0.2))
    site.wire.weather.up_cut = True  # so that it knows what nobody else does
    await asyncio.sleep(3 * HOUR_S)
    await _late_facts(world, office, site)
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
        again = await world.cloud.declare_lost(site.number, epoch=site.stream.epoch)
        if again:
            raise Violation(f"a site that is lost is declared lost again, and {again} are in doubt twice")
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


async def _late_facts(world: World, office: Office, site: Site) -> None:
    """What a site did that nobody heard of before it went: sales, one of them given back, and cash."""
    site.wire.weather.up_cut = True
    await world.boot(site)
    random, till = world.chance("late facts"), Till(world, site, "l")
    for person in [person for person in world.people if world.home[person] == site.number][:6]:
        said = await till.sell(person, 150)
        if isinstance(said, Told) and person % 2:
            await till.refund(said.seq, (0,) if person % 3 else ())
        await till.cash(person, 700)
        await office.tries(office.visit(person, random.choice(sorted(world.sites))))  # asked, and never to be answered
        await office.tries(office.correct(person, random.randrange(1_000, 6_000)))


async def clone(world: World, _office: Office) -> None:
    """A copy of a gateway's disk goes on beside it: two successors of one entry.

    Both have entries that the cloud took without their hearing of it. The first is ahead when the copy speaks.
    """
    site = await somebody(world, "clone")
    holder = (site.number, site.stream.epoch)
    world.auditor.irregular.add(holder)
    random = world.chance("clone")
    site.wire.weather = Weather(down_cut=True)
    ours = Till(world, site, "q")
    for person in random.sample(world.people, 6):
        await ours.cash(person, 20)
    await asyncio.sleep(300)
    twin = await world.twin(site)
    world.fault(None, f"a copy of site {site.number}'s disk goes on beside it")
    twin.wire.weather = Weather(up_cut=True, down_cut=True)
    site.wire.weather = Weather()
    theirs = Till(world, twin, "t")
    for turn, person in enumerate(random.choices(world.people, k=12)):
        await theirs.cash(person, 30)
        if turn < 5:
            await ours.sell(person, turn)
            await theirs.sell(person, turn)
            await asyncio.sleep(400)
    twin.wire.weather = Weather()


async def old_image(world: World, _office: Office) -> None:
    """An old copy of a disk is put back after everything newer was sent: the cloud knows more than the gateway."""
    site = await somebody(world, "image")
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
    """The newest backup is put back, as often as not at lunch; what the office did since is not done any more.

    Batches that lay about somewhere come in first. Now and then it has to be put back once more, while what sites
    declare is still on its way.
    """
    random = world.chance("restore")
    await asyncio.sleep(random.uniform(0.2, 0.6) * world.size.days * DAY_S)
    if random.random() < 0.6:
        await office.back_up()
        await asyncio.sleep(random.uniform(0.5, 12) * HOUR_S)
    if random.random() < 0.6:
        noon_s = -(-(world.hour_s - 12 * HOUR_S) // DAY_S) * DAY_S + 12 * HOUR_S
        await asyncio.sleep(max(0.0, noon_s - world.hour_s))
    if world.ending or not world.backups:
        return
    await _put_back(world, office)
    if random.random() < 0.5:  # while nobody has declared anything
        await office.tries(office.clear())
    if random.random() < 0.6:
        late = world.spawn(_cut_once_declared(world))
        await asyncio.sleep(random.uniform(0.1, 1.5) * HOUR_S)
        late.cancel()
        if not world.ending:
            await _put_back(world, office)
            world.reached.note("cloud restored twice")


async def _put_back(world: World, office: Office) -> None:
    world.fault("cloud restored from a backup", "the cloud is put back to its newest backup")
    await office.put_back(world.backups[-1])
    for site in world.machines:
        await site.wire.straggle()
        world.spawn(_rush(world, site))


async def _rush(world: World, site: Site) -> None:
    """People come while their site declares what it holds."""
    random, till = world.chance(f"rush {site.number}"), Till(world, site, f"r{world.cloud.generation}.")
    people = [person for person in world.people if world.home[person] == site.number]
    for _ in range(_RUSH if people else 0):
        if world.ending or site.retired:
            return
        await till.sell(random.choice(people), 100)
        await till.cash(random.choice(people), 40)
        await world.wait(random.uniform(5.0, 40.0))


async def _cut_once_declared(world: World) -> None:
    """The first site that declares is cut off before the cloud hears of it."""
    site = world.sites[min(world.sites)]
    known = sum(fact.kind == words.DECLARATION for fact in site.stream.facts)
    while sum(fact.kind == words.DECLARATION for fact in site.stream.facts) == known:
        await asyncio.sleep(2.0)
        world.look(site)
    site.wire.weather = Weather(up_cut=True, down_cut=True)


async def add(world: World, _office: Office) -> None:
    """Another site opens."""
    await asyncio.sleep(world.chance("add").uniform(0.1, 0.5) * world.size.days * DAY_S)
    if world.ending:
        return
    number = max(world.sites) + 1
    await world.add_site(number)
    world.reached.note("gateway added")
    world.tell(f"site {number} opens")


PLOTS: Final[Mapping[str, Plot]] = {
    "poison": poison, "bad deploy": bad_deploy, "rotate": rotate, "replace": replace, "lose": lose, "clone": clone,
    "old image": old_image, "restore": restore, "add": add, "squeeze": squeeze, "month end": month_end,
    "poisoned month": poisoned_month, "wander": wander, "fair": fair, "bad sector": bad_sector,
}  # fmt: skip


def chosen(world: World) -> tuple[str, ...]:
    """One to three, so that every plot comes in any fifteen seeds running, alone and in company."""
    names = list(PLOTS)
    first = names[world.seed % len(names)]
    random = world.chance("plots")
    others = random.sample([name for name in names if name != first], random.choice((0, 0, 1, 2)))
    found = {first, *others}
    if "restore" in found:  # a gateway made after the backup is unknown to the cloud that comes back
        found -= _NEW_GATEWAYS
    return tuple(sorted(found))

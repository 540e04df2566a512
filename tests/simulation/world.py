"""One world from one seed: gateways and a cloud of the real code, and what the world knows of them."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

import apsw

from cloud.core.errors import CloudError
from tests.simulation import reference, wirewords
from tests.simulation.auditor import Auditor, Stream
from tests.simulation.clockwork import SimClock, SimLoop
from tests.simulation.cloud_side import CloudMachine
from tests.simulation.disk import SimDisk
from tests.simulation.journals import Journal, check_counted_once
from tests.simulation.network import Wire
from tests.simulation.reached import Reached
from tests.simulation.settled import Settled, check_at_rest
from tests.simulation.site_side import Died, SiteMachine, Told
from tests.simulation.sizes import sync_of
from tests.simulation.watchman import Watchman
from tests.simulation.witness import Witness

START_MS: Final = 1_793_570_400_000  # 2026-11-02 06:00 at Shanghai
HOUR_S: Final = 3_600.0
DAY_S: Final = 86_400.0
_REST_ROUNDS: Final = 60
_REST_STEP_S: Final = 900.0


@dataclass(frozen=True)
class Size:
    """How large a world is."""

    sites: int
    lanes: int
    people: int
    days: int


@dataclass
class Site:
    """A gateway of the world, dead or alive, with its wire and the auditor's stream of its disk."""

    number: int
    machine: SiteMachine
    wire: Wire
    clock: SimClock
    disk: SimDisk
    stream: Stream
    retired: bool = False  # another gateway holds the site's rights; this one only says what it still knows
    lost: bool = False  # it is not to come back before the end
    deaths: int = 0
    switch: asyncio.Lock = field(default_factory=asyncio.Lock)
    unheard: dict[str, Any] = field(default_factory=dict)  # attempts whose outcome nobody was told


@dataclass(frozen=True)
class Backup:
    """The cloud's image, and what the world knew at that moment."""

    image: Any
    office: tuple[Counter[tuple[int, int]], set[int]]
    home: dict[int, int]
    left: frozenset[int]
    buckets: tuple[int, ...]
    month: int
    swaps: Counter[tuple[int, int]]


class World:
    """Runs to its end in `run`; raises Violation."""

    def __init__(self, seed: int, folder: Path, loop: SimLoop, size: Size) -> None:
        self.seed, self.folder, self.loop, self.size = seed, folder, loop, size
        self.reached, self.auditor = Reached(), Auditor()
        self.sync = sync_of(seed)
        self.clock = SimClock(loop, START_MS)
        self.cloud = CloudMachine(self.clock, self.chance("cloud"), in_doubt_days=1)
        self.witness = Witness(self.cloud, doubt_days=1)
        self.sites: dict[int, Site] = {}  # who holds each site's rights now
        self.machines: list[Site] = []
        self.people = list(range(1, size.people + 1))
        self.home: dict[int, int] = {}
        self.left: set[int] = set()
        self.swaps: Counter[tuple[int, int]] = Counter()
        self.buckets = [reference.CASH, reference.PASSES, reference.SUBSIDY]
        self.faults = 0
        self.watchman = Watchman(self.cloud, DAY_S)
        self.backups: list[Backup] = []
        self.retired: list[tuple[int, int]] = []  # holders that another gateway took over from
        self.awaited: set[int] = set()  # visitors whose money was asked back from elsewhere
        self.story: list[str] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._often = self.chance("checks")
        self._failed: BaseException | None = None
        self.ending = False

    def chance(self, name: str) -> Random:
        """A stream of chances of its own: drawing more in one place moves nothing in another."""
        return Random(f"{self.seed}:{name}")

    @property
    def hour_s(self) -> float:
        """Seconds since the beginning of the first day, 00:00."""
        return self.loop.time() + 6 * HOUR_S

    def business_day(self) -> int:
        """Today, yyyymmdd."""
        return 20_261_102 + int(self.hour_s // DAY_S)

    def tell(self, what: str) -> None:
        """A line of the story that a replayed seed prints."""
        at_s = self.hour_s
        self.story.append(
            f"day {int(at_s // DAY_S) + 1} {int(at_s % DAY_S // HOUR_S):02}:{int(at_s % HOUR_S // 60):02} {what}"
        )

    def random_check(self) -> bool:
        """Now and then everything told is looked for."""
        return self._often.random() < 0.05

    def fault(self, state: str | None, what: str) -> None:
        """Something goes wrong."""
        self.faults += 1
        if state is not None:
            self.reached.note(state)
        self.tell(what)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Let something happen beside; the first that fails fails the world."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None and self._failed is None:
            self._failed = task.exception()

    def check_failed(self) -> None:
        """Raise what a task failed with."""
        if self._failed is not None:
            raise self._failed

    async def wait(self, seconds: float) -> None:
        """Time passes."""
        await asyncio.sleep(seconds)
        self.check_failed()

    # Gateways

    async def add_site(self, number: int) -> Site:
        """A site with its first gateway."""
        await self.cloud.open_site(number)
        for collection, rows in reference.fixed(range(number, number + 1), self.size.lanes).items():
            await self.cloud.publish(collection, reference.changes(rows), site=number)
        site = await self.gateway(number)
        await self.boot(site)
        return site

    async def gateway(self, number: int) -> Site:
        """Another gateway for a site, with a code of its own; it takes the site over once it boots."""
        code = await self.cloud.code_for(number)
        name = f"g{len(self.machines)}"
        random = self.chance(name)
        site = self._machine(number, name, random, code)
        self.sites[number] = site
        return site

    async def twin(self, site: Site) -> Site:
        """A second machine that runs from a copy of a disk."""
        self.look(site)
        name = f"g{len(self.machines)}"
        other = self._machine(site.number, name, self.chance(name), "")
        other.disk.put_back(site.disk.image())
        other.stream = site.stream.copy()
        self.auditor.streams.append(other.stream)
        await self.boot(other)
        return other

    def _machine(self, number: int, name: str, random: Random, code: str) -> Site:
        folder = self.folder / name
        clock, disk = SimClock(self.loop, START_MS), SimDisk(folder, self.chance(f"{name} disk"))
        wire = Wire(number, self.cloud, self.chance(f"{name} wire"), self.auditor, self.reached, self.spawn)
        machine = SiteMachine(self.loop, folder, random, clock=clock, disk=disk, api=wire, code=code, sync=self.sync)
        site = Site(number, machine, wire, clock, disk, Stream(number, 0, 0))
        self.machines.append(site)
        return site

    async def boot(self, site: Site) -> bool:
        """Switch a gateway on, unless somebody did; False where it died again meanwhile."""
        async with site.switch:
            return site.machine.alive or await self._boot(site)

    async def _boot(self, site: Site) -> bool:
        if not await self.lives(site.machine.boot()) or not site.machine.alive:
            return False
        stream, identity = site.stream, site.machine.identity
        if not stream.device:
            stream.device, stream.epoch = identity.device, identity.epoch
            self.auditor.streams.append(stream)
        self.look(site)
        self.auditor.check_told(stream)
        self.auditor.check_book(stream, site.machine.held(), site.machine.leases.n)
        return True

    async def lives(self, work: Coroutine[Any, Any, Any]) -> bool:
        """Await something of a machine; False where the machine dies first."""
        done, _outcome = await self.outcome(work)
        return done

    async def outcome(self, work: Coroutine[Any, Any, Any]) -> tuple[bool, Any]:
        """(True, answer), or (False, None) where the machine dies before it can tell."""
        try:
            answer = await work
            if isinstance(answer, Told) and answer.mark:
                self.auditor.marks[answer.attempt] = (answer.seq, answer.mark)
            return True, answer
        except Died:
            self.check_failed()
            return False, None

    def look(self, site: Site) -> None:
        """Let the auditor read what is new in a journal."""
        machine = site.machine
        if not machine.alive:
            return
        stream = site.stream
        known = len(stream.facts)
        try:
            bodies = machine.committed(known)
        except (Died, apsw.Error):  # it dies at this moment, or its disk reads badly: another time
            return
        if bodies and stream.facts:  # what was pruned before anybody looked is what the cloud was sent
            pruned = range(known + 1, wirewords.fact_of(bodies[0]).seq)
            sent = {row[0]: row[3] for row in self.cloud.inbox(stream.device, stream.epoch)} if pruned else {}
            bodies = [*(sent[seq] for seq in pruned if seq in sent), *bodies]
        self.auditor.read(stream, bodies)
        self.watchman.check(self.loop.time())

    def die(self, site: Site, *, power: bool, why: str) -> None:
        """The process, or the whole machine, ends here."""
        if not site.machine.alive:
            return
        site.deaths += 1
        self._note_death(site, power=power)
        self.fault("power lost" if power else "process killed", f"site {site.number}: {why}")
        site.machine.die(power=power)

    async def declare_retired_lost(self) -> None:
        """A person says that what replaced gateways held is not spent by them any more."""
        for number, epoch in self.retired:
            self.watchman.lost((number, epoch), self.loop.time())
            await self.cloud.declare_lost(number, epoch=epoch)

    def noticed_death(self, site: Site, *, power: bool) -> None:
        """A machine died by itself, at some write."""
        site.deaths += 1
        self.fault("power lost" if power else "process killed", f"site {site.number}: in the midst of a write")

    def _note_death(self, site: Site, *, power: bool) -> None:
        if not power:
            return
        epoch = site.stream.epoch
        messages = self.cloud.lease_messages(site.number, epoch) if epoch else []
        n = site.machine.leases.n
        if any(row[1] == wirewords.RECALL and row[-1] is None for row in messages):
            self.reached.note("power lost while a recall is unanswered")
        if any(row[0] > n for row in messages):
            self.reached.note("power lost with a grant under way")
        if site.machine.journal.head_seq > site.machine.journal.applied_through:
            self.reached.note("power lost with facts unsent")

    # The end

    async def heal(self, look_after: "Callable[[World], Awaitable[None]]") -> None:
        """All faults end; whoever is to speak gets the time to."""
        self.ending = True
        self.tell("everything heals")
        for site in self.machines:
            site.wire.weather = type(site.wire.weather)()
            site.disk.full, site.disk.read_errors = False, 0.0
            site.disk.cut_at = None
            if not site.machine.alive:
                await self.boot(site)
        for _ in range(_REST_ROUNDS):
            await self.wait(_REST_STEP_S)
            for site in self.machines:
                site.machine.nudge()
            await look_after(self)
            worked = await self._office_rests()
            if not worked and all(self._rests(site) for site in self.machines):
                break
        await self.wait(_REST_STEP_S)

    async def _office_rests(self) -> int:
        with suppress(CloudError):
            return await self.cloud.size()
        return 1

    def _rests(self, site: Site) -> bool:
        journal = site.machine.journal
        row = self.cloud.lease_sites().get((site.number, site.stream.epoch), {})
        waiting = any(
            kind in (2, 3, 6) and answered is None
            for _n, kind, *_rest, answered in self.cloud.lease_messages(site.number, site.stream.epoch)
        )
        behind = row.get("state") == "open" and (site.machine.leases.n != row["newest_n"] or waiting)
        return bool(journal.applied_through == journal.head_seq and not behind)

    def check(self) -> None:
        """Everything that must be at the end."""
        for site in self.machines:
            self.look(site)
            self._note_end(site)
            self.auditor.check_told(site.stream)
            self.auditor.check_book(site.stream, site.machine.held(), site.machine.leases.n)
            check_at_rest(site.stream, site.machine, self.cloud)
            self._check_journal(site)
        self.auditor.check_marks()
        check_counted_once(self.auditor.streams, self.cloud, self.auditor.irregular)
        Settled(self.auditor, self.cloud, self.left, self.swaps).check()

    def _check_journal(self, site: Site) -> None:
        stream, auditor = site.stream, self.auditor
        holder = (stream.site, stream.epoch)
        if holder in auditor.irregular:
            return
        honest = site.clock.honest
        poison = frozenset(seq for *place, seq in auditor.poison if tuple(place) == (stream.device, stream.epoch))
        Journal(stream, auditor.messages[holder], honest=honest, poison=poison).check()

    def _note_end(self, site: Site) -> None:
        if site.disk.losses:
            self.reached.note("unsynced writes lost to power")
        oldest = site.machine.stores.reader.row("SELECT min(seq) FROM entries")
        if oldest is not None and oldest[0] > 1:
            self.reached.note("journal pruned")
            self.watchman.check_pruned(site.stream.device, site.stream.epoch, oldest[0])
        for state in self.auditor.rare(site.stream):
            self.reached.note(state)
        if any(key[2] for key in self.cloud.streams()):
            self.reached.note("journal cloned: fork found")

    async def close(self) -> None:
        """End every process and task."""
        for site in self.machines:
            if site.machine.alive:
                await site.machine.stop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

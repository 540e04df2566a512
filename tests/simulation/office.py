"""The office: tops up, subsidises, corrects, moves, clears, sees people off, and backs its books up."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any, Final

from cloud.core.errors import CloudError
from cloud.ledger.errors import LeasesWait
from tests.simulation import reference
from tests.simulation.auditor import Violation
from tests.simulation.world import DAY_S, HOUR_S, Backup, World

_MEAL_FEN: Final = 1_500
_SIZE_S: Final = 1_200.0
_PASSES: Final = 3


class Office:
    """What people do at the cloud; an act that the cloud did not take did not happen."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.random = world.chance("office")
        self.causes = 0
        self.month = reference.SUBSIDY
        self.price_fen = 1_200

    async def open(self) -> None:
        """Sites, buckets, people, their limits and first money."""
        world = self.world
        world.auditor.counting.add(reference.PASSES)
        for bucket in world.buckets:
            await world.cloud.open_bucket(bucket, counting=bucket == reference.PASSES)
        for number in range(1, world.size.sites + 1):
            await world.add_site(number)
        for person in world.people:
            world.home[person] = self.random.choice(sorted(world.sites))
            await world.cloud.hire(person, world.home[person], _MEAL_FEN)
        await self._publish_people(world.people)
        await self._publish_buckets()
        limited = [person for person in world.people if self._limited(person)]
        world.auditor.rights[reference.ONE_A_MEAL] = 1
        await world.cloud.give_rights(reference.ONE_A_MEAL, 1, limited)
        await self._subsidise()
        await self._pass_out()
        for person in world.people:
            await self.top_up(person, self.random.randrange(500, 9_000))
        await self._size()
        for site in world.machines:
            site.machine.nudge()
        await world.wait(300.0)

    async def work(self) -> None:
        """The minute's job, and acts by chance."""
        world = self.world
        world.spawn(self._sizing())
        world.spawn(self._nightly())
        while not world.ending:
            await world.wait(self.random.expovariate(1 / 1_500.0))
            await self._act()

    async def back_up(self) -> None:
        """A backup that was proved by restoring it."""
        world = self.world
        image = world.cloud.back_up()
        known = (world.auditor.office_image(), dict(world.home), frozenset(world.left), tuple(world.buckets))
        world.backups.append(Backup(image, *known, self.month, Counter(world.swaps)))
        world.watchman.backed_up()
        await world.cloud.verified(image)

    async def put_back(self, backup: Backup) -> None:
        """The cloud as it was; acts since then are done no more, and people know nothing of them."""
        world = self.world
        before = {key: row["applied_through"] for key, row in world.cloud.streams().items()}
        world.cloud.restore(backup.image)
        world.watchman.restored()
        after = {key: row["applied_through"] for key, row in world.cloud.streams().items()}
        if any(before[key] > seq for key, seq in after.items()):
            world.reached.note("entries sent again to a restored cloud")
        world.auditor.restore(backup.office, [(site.number, site.stream.epoch) for site in world.machines])
        world.home, world.left = dict(backup.home), set(backup.left)
        world.buckets, self.month = list(backup.buckets), backup.month
        world.swaps = Counter(backup.swaps)

    async def _nightly(self) -> None:
        while not self.world.ending:
            await self.world.wait(DAY_S / 2)
            await self.back_up()

    async def _sizing(self) -> None:
        while not self.world.ending:
            await self.world.wait(_SIZE_S)
            await self._size()

    async def _size(self) -> None:
        try:
            await self.world.cloud.size()
            self.world.watchman.check(self.world.loop.time())
        except LeasesWait:
            self.world.reached.note("lease withheld until all declared")

    async def _act(self) -> None:
        world, random = self.world, self.random
        person = random.choice(world.people)
        acts = (
            [self._top_up_some] * 8
            + [self._correct] * 3
            + [self._visit] * 3
            + [self._little] * 3
            + [self.move, self._price, self._block]
        )
        if random.random() < 0.06:
            acts = [self._leave, self._clear]
        if person in world.left:
            return
        await self.tries(random.choice(acts)(person))

    async def tries(self, act: Coroutine[Any, Any, None]) -> None:
        """An act that the cloud may refuse."""
        try:
            await act
        except LeasesWait:
            self.world.reached.note("lease withheld until all declared")
        except CloudError as error:
            self.world.tell(f"the cloud says no: {error}")

    async def _top_up_some(self, person: int) -> None:
        await self.top_up(person, self.random.randrange(300, 8_000))

    async def top_up(self, person: int, fen: int) -> None:
        """Money over the counter of the office."""
        cause = self._cause()
        for _ in range(self.random.choice((1, 1, 2))):  # a counter that tries twice
            if await self.world.cloud.top_up(person, reference.CASH, fen, cause=cause):
                self.world.auditor.pay_in(person, reference.CASH, fen)

    async def _subsidise(self) -> None:
        world = self.world
        persons = [person for person in world.people if person not in world.left]
        fen = self.random.randrange(1_000, 6_000)
        cause = self._cause()
        for _ in range(2):
            if await world.cloud.grant_all(self.month, fen, persons, cause=cause):
                for person in persons:
                    world.auditor.pay_in(person, self.month, fen)

    async def _little(self, person: int) -> None:
        """A subsidy smaller than a meal: the next one is paid from two buckets."""
        fen = self.random.randrange(100, 900)
        if await self.world.cloud.grant_all(self.month, fen, [person], cause=self._cause()):
            self.world.auditor.pay_in(person, self.month, fen)

    async def _pass_out(self) -> None:
        """Every third person has passes: times, not fen."""
        world = self.world
        persons = [person for person in world.people if person % 3 == 0]
        if await world.cloud.grant_all(reference.PASSES, _PASSES, persons, cause=self._cause()):
            for person in persons:
                world.auditor.pay_in(person, reference.PASSES, _PASSES)

    async def _correct(self, person: int) -> None:
        await self.correct(person, self.random.randrange(200, 4_000))

    async def correct(self, person: int, fen: int) -> None:
        """What was too much is taken back, wherever it is."""
        world = self.world
        done = await world.cloud.correct_down(person, reference.CASH, fen, cause=self._cause())
        if done is not None:
            world.auditor.pay_in(person, reference.CASH, -fen)
            if done.receivable:
                world.reached.note("receivable booked")

    async def _visit(self, person: int) -> None:
        await self.visit(person, self.random.choice(sorted(self.world.sites)))

    async def visit(self, person: int, number: int) -> None:
        """Somebody says that they will eat elsewhere."""
        world = self.world
        if number != world.home[person]:
            granted, asked = await world.cloud.announce_visit(person, number, self.world.business_day())
            if asked and not granted:
                world.awaited.add(person)

    async def move(self, person: int) -> None:
        """Somebody has another home from now on."""
        world = self.world
        world.home[person] = self.random.choice(sorted(world.sites))
        await world.cloud.move_home(person, world.home[person])
        await self._publish_people([person])
        world.reached.note("home moved")

    async def _price(self, _person: int) -> None:
        self.price_fen = self.random.choice((1_000, 1_100, 1_200, 1_300, 1_500))
        await self.world.cloud.publish(
            "prices", reference.changes({"1:0": reference.price(self.price_fen)}, self.world.clock.now_ms() + 60_000)
        )

    async def _block(self, person: int) -> None:
        """A lost card; found again an hour or two later."""
        await self._publish_people([person], blocked="lost")
        self.world.spawn(self._unblock(person))

    async def _unblock(self, person: int) -> None:
        await asyncio.sleep(self.random.uniform(1, 9) * HOUR_S)
        if person not in self.world.left:
            await self._publish_people([person])

    async def _leave(self, person: int) -> None:
        world = self.world
        if len(world.left) < len(world.people) // 4:
            world.left.add(person)
            await world.cloud.leave(person)
            await self._publish_people([person], blocked="left")
            world.tell(f"person {person} leaves")
            world.spawn(self._forget(person))

    async def _forget(self, person: int) -> None:
        """Hours later the leaver's record is taken away everywhere."""
        await asyncio.sleep(self.random.uniform(1, 12) * HOUR_S)
        if person in self.world.left:
            await self.world.cloud.publish("people", [(str(person), 0, None)])
            self.world.reached.note("record taken away")

    async def _clear(self, _person: int) -> None:
        await self.clear()

    async def clear(self) -> None:
        """Month end: the old subsidy is cleared while facts are in the field, the next one is granted."""
        world = self.world
        if len(world.auditor.cleared) >= 2:
            return
        old, self.month = self.month, self.month + 1
        await world.cloud.open_bucket(self.month)
        world.buckets.append(self.month)
        await self._publish_buckets()
        world.auditor.clear(old)
        await world.cloud.clear(old)
        if await world.cloud.clear(old):
            raise Violation(f"bucket {old} is being cleared, and is swept once more")
        world.reached.note("bucket cleared")
        world.tell(f"bucket {old} is cleared")
        await self._subsidise()
        for person in world.people[::5]:
            await self._true_up(person)

    async def _true_up(self, person: int) -> None:
        """What was eaten for cash while a subsidy lay elsewhere is swapped, once a month."""
        world = self.world
        swaps = await world.cloud.true_up(
            person, period=str(self.month), days=(20_261_101, world.business_day()),
            order=(self.month, reference.CASH),
        )  # fmt: skip
        for better, worse, amount in swaps:
            world.swaps[person, better] -= amount
            world.swaps[person, worse] += amount
            world.reached.note("payment swapped into the better bucket")

    async def _publish_people(self, persons: list[int], *, blocked: str = "") -> None:
        world = self.world
        rows = {
            str(number): reference.person(number, world.home[number], limited=self._limited(number), blocked=blocked)
            for number in persons
        }
        await world.cloud.publish("people", reference.changes(rows))

    async def _publish_buckets(self) -> None:
        rows = {str(number): reference.bucket(number) for number in self.world.buckets}
        await self.world.cloud.publish("buckets", reference.changes(rows))

    def _limited(self, person: int) -> bool:
        return person % 4 == 0

    def _cause(self) -> str:
        self.causes += 1
        return f"c{self.causes}"

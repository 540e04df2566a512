"""People who eat at peaks, and an office that tops up, subsidises, corrects, moves and clears."""

import asyncio
from typing import Final

from cloud.core.errors import CloudError
from cloud.ledger.errors import LeasesWait
from tests.simulation import reference
from tests.simulation import wirewords as words
from tests.simulation.auditor import Said
from tests.simulation.site_side import Refused, Told
from tests.simulation.world import DAY_S, HOUR_S, Backup, Site, World

_TRIES: Final = 4
_AGAIN_S: Final = 240.0
_MEAL_FEN: Final = 1_500
_SIZE_S: Final = 1_200.0
_TOO_MUCH: Final = frozenset({"refunded_before", "nothing_left", "all_back", "too_much", "not_here", "item_before"})


class Diners:
    """Two meals a day; most eat at home."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.random = world.chance("diners")
        self.attempts = 0
        self.prices: dict[int, int] = {}

    async def eat(self) -> None:
        """Every meal of every day."""
        world = self.world
        for day in range(world.size.days):
            for opens, closes in sorted(reference.PERIODS.values()):
                begin_s = day * DAY_S + opens * 60 - world.hour_s
                if begin_s > 0:
                    await world.wait(begin_s)
                for person in world.people:
                    if self.random.random() < 0.85:
                        late_s = self.random.triangular(0, (closes - opens) * 60, 30 * 60)
                        world.spawn(self._meal(person, late_s))
            world.spawn(self._closing(day))

    async def _meal(self, person: int, late_s: float) -> None:
        world, random = self.world, self.random
        number = world.home[person] if random.random() < 0.88 else random.choice(sorted(world.sites))
        times = 2 if random.random() < (0.25 if person % 4 else 0.6) else 1
        extras = [random.randrange(0, 900) for _ in range(times)]
        lane = random.randint(1, world.size.lanes)
        chance = random.random()
        await world.wait(late_s)
        if world.ending:
            return
        if chance < 0.05:
            await self._cash(number, lane, person, random.randrange(100, 5_000), void=chance < 0.02)
        for extra in extras:
            told = await self._buy(number, lane, person, extra)
            if self._limited_twice(person):  # a second meal elsewhere, where the limit may not be
                number = self.random.choice(sorted(self.world.sites))
            if told is not None and chance > 0.88:
                await world.wait(random.uniform(5, 3_000))
                await self._refund(told, lane, whole=chance > 0.94)

    def _limited_twice(self, person: int) -> bool:
        return person % 4 == 0 and self.random.random() < 0.6

    async def _buy(self, number: int, lane: int, person: int, extra_fen: int) -> "tuple[Site, Told] | None":
        world = self.world
        attempt = self._attempt()
        tried: Site | None = None
        for _ in range(_TRIES):
            site = world.sites[number]
            if not site.machine.alive or world.ending:
                await world.wait(_AGAIN_S)
                continue
            if site is not tried and tried is not None:
                attempt = self._attempt()  # another machine stands here now: the person tries anew
            known = f"{words.SETTLEMENT}:{attempt}" in site.stream.attempts
            tried = site
            if self.random.random() < 0.02:  # in the midst of this very payment
                site.disk.cut_at = site.disk.operations + self.random.randint(1, 14)
                site.machine.dies_of_cut(power=self.random.random() < 0.5)
            done, said = await world.outcome(
                site.machine.sell(attempt=attempt, lane=lane, person=person, extra_fen=extra_fen)
            )
            if not done:
                site.unheard[attempt] = person
                world.noticed_death(site, power=False)
                await world.wait(30.0)
                await world.boot(site) if not site.lost else None
                continue
            world.look(site)
            if known:
                world.reached.note("second try of one attempt")
                world.reached.note("killed between commit and screen")
            return self._heard(site, person, attempt, said)
        return None

    def _heard(self, site: Site, person: int, attempt: str, said: Told | Refused) -> "tuple[Site, Told] | None":
        world, reached = self.world, self.world.reached
        visiting = world.home[person] != site.number
        if isinstance(said, Refused):
            self._refused(site, said.word, visiting=visiting)
            return None
        world.auditor.told(site.stream, words.SETTLEMENT, Said(attempt, person, said.amount_fen))
        world.auditor.check_told(site.stream) if world.random_check() else None
        reached.note("sale by a visitor" if visiting else "sale by a home diner")
        if visiting and person in world.awaited:
            reached.note("visitor served from a recall")
            world.awaited.discard(person)
        price = said.price_fen
        if self.prices.setdefault(site.number, price) != price:
            self.prices[site.number] = price
            reached.note("price changed under way")
        return site, said

    def _refused(self, site: Site, word: str, *, visiting: bool) -> None:
        reached, world = self.world.reached, self.world
        if word == "store_full":
            reached.note("disk full: sale refused")
        elif word == "blocked":
            reached.note("lost card refused")
        elif word in ("left", "expired", "person_unknown"):
            reached.note("leaver refused")
        elif word == "limit_elsewhere":
            reached.note("limit refused elsewhere")
        elif visiting and word in ("no_lease", "not_enough") and site.wire.weather.cut:
            reached.note("visitor refused with no network")
        world.tell(f"site {site.number} refuses: {word}")

    async def _refund(self, bought: "tuple[Site, Told]", lane: int, *, whole: bool) -> None:
        site, sale = bought
        if not site.machine.alive or site.retired:
            return
        again = self.random.random() < 0.4
        cleared = any(bucket in self.world.auditor.cleared for bucket, _ in sale.shares)
        for _ in range(2 if again else 1):
            attempt = self._attempt()
            done, said = await self.world.outcome(
                site.machine.refund(attempt=attempt, lane=lane, seq=sale.seq, items=() if whole else (0,))
            )
            if not done:
                return
            self.world.look(site)
            if isinstance(said, Refused):
                if said.word in _TOO_MUCH or "refund" in said.word:
                    self.world.reached.note("refund refused as too much")
                continue
            self.world.auditor.told(site.stream, words.REFUND, Said(attempt, said.person, said.amount_fen))
            if site.disk.full:
                self.world.reached.note("disk full: fact in hand kept")
            self.world.reached.note("refund")
            if cleared:
                self.world.reached.note("refund into a cleared bucket")
            if whole and self.random.random() < 0.3:  # money back for money back: must be refused
                done, back = await self.world.outcome(
                    site.machine.refund(attempt=self._attempt(), lane=lane, seq=said.seq, items=())
                )
                if done and isinstance(back, Told):
                    self.world.look(site)

    async def _cash(self, number: int, lane: int, person: int, fen: int, *, void: bool) -> None:
        site = self.world.sites[number]
        if not site.machine.alive:
            return
        attempt = self._attempt()
        done, said = await self.world.outcome(site.machine.cash_in(attempt=attempt, lane=lane, person=person, fen=fen))
        if not done or isinstance(said, Refused):
            return
        self.world.look(site)
        self.world.auditor.told(site.stream, words.CASH_TAKEN, Said(attempt, person, fen))
        self.world.reached.note("cash taken")
        if site.disk.full:
            self.world.reached.note("disk full: fact in hand kept")
        if void and site.machine.alive:
            again = self._attempt()
            done, back = await self.world.outcome(
                site.machine.cash_void(attempt=again, lane=lane, person=person, seq=said.seq)
            )
            if done and isinstance(back, Told):
                self.world.look(site)
                self.world.auditor.told(site.stream, words.CASH_VOIDED, Said(again, person, fen))
                self.world.reached.note("cash voided")

    async def _closing(self, day: int) -> None:
        await self.world.wait(max(0.0, day * DAY_S + 21 * HOUR_S - self.world.hour_s))
        for site in list(self.world.sites.values()):
            for lane in range(1, self.world.size.lanes + 1):
                if site.machine.alive:
                    done, _ = await self.world.outcome(site.machine.close_day(lane=lane))
                    if done:
                        self.world.look(site)
                        self.world.reached.note("day closed")

    def _attempt(self) -> str:
        self.attempts += 1
        return f"a{self.attempts}"


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
        for bucket in world.buckets:
            await world.cloud.open_bucket(bucket)
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
        for person in world.people:
            await self._top_up(person, self.random.randrange(500, 9_000))
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
        world.backups.append(Backup(image, *known, self.month))
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
            [self._top_up_some] * 8 + [self._correct] * 2 + [self._visit] * 3 + [self._move, self._price, self._block]
        )
        if random.random() < 0.06:
            acts = [self._leave, self._clear]
        if person in world.left:
            return
        try:
            await random.choice(acts)(person)
        except LeasesWait:
            world.reached.note("lease withheld until all declared")
        except CloudError as error:
            world.tell(f"the cloud says no: {error}")

    async def _top_up_some(self, person: int) -> None:
        await self._top_up(person, self.random.randrange(300, 8_000))

    async def _top_up(self, person: int, fen: int) -> None:
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

    async def _correct(self, person: int) -> None:
        world = self.world
        fen = self.random.randrange(200, 4_000)
        done = await world.cloud.correct_down(person, reference.CASH, fen, cause=self._cause())
        if done is not None:
            world.auditor.pay_in(person, reference.CASH, -fen)
            if done.receivable:
                world.reached.note("receivable booked")

    async def _visit(self, person: int) -> None:
        world = self.world
        number = self.random.choice(sorted(world.sites))
        if number != world.home[person]:
            granted, asked = await world.cloud.announce_visit(person, number, self.world.business_day())
            if asked and not granted:
                world.awaited.add(person)

    async def _move(self, person: int) -> None:
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

    async def _clear(self, _person: int) -> None:
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
        world.reached.note("bucket cleared")
        world.tell(f"bucket {old} is cleared")
        await self._subsidise()

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

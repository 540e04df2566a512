"""People who eat at peaks, at home and elsewhere, pay in cash, want their money back and try again."""

from typing import Final

from tests.simulation import reference
from tests.simulation import wirewords as words
from tests.simulation.auditor import Said, Violation
from tests.simulation.lane import must_have_stood
from tests.simulation.site_side import Refused, Told
from tests.simulation.world import DAY_S, HOUR_S, Site, World

_TRIES: Final = 4
_AGAIN_S: Final = 240.0
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
        if chance < 0.07:
            await self._cash(number, lane, person, random.randrange(100, 5_000), void=chance < 0.04)
        if self.random.random() < 0.1:  # one for a friend, at the next till, at this very moment
            world.spawn(self._second(number, world.size.lanes - lane + 1, person))
        for extra in extras:
            told = await self._buy(number, lane, person, extra)
            if person % 4 == 0 and self.random.random() < 0.6:  # a further meal elsewhere, where the limit may not be
                number = self._elsewhere(person, number)
            if told is not None and chance > 0.82:
                await world.wait(random.choice((5.0, random.uniform(5, 3_000), random.uniform(2, 8) * HOUR_S)))
                await self._refund(told, lane, whole=chance > 0.91)

    async def _second(self, number: int, lane: int, person: int) -> None:
        await self._buy(number, lane, person, 100)

    def _elsewhere(self, person: int, number: int) -> int:
        """From home to any site, and from there as often home again as there once more."""
        if number == self.world.home[person]:
            return self.random.choice(sorted(self.world.sites))
        return self.random.choice((number, self.world.home[person]))

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
        again = self.random.random() < 0.5
        cleared = any(bucket in self.world.auditor.cleared for bucket, _ in sale.shares)
        for turn in range(2 if again else 1):
            attempt = self._attempt()
            items = () if whole else (turn,)
            said = await self._give_back(site, lane, sale.seq, attempt, items)
            if said is None:
                return
            if isinstance(said, Refused):
                continue
            self.world.reached.note("refund")
            if cleared:
                self.world.reached.note("refund into a cleared bucket")
            if turn and not whole:
                self.world.reached.note("refund of one item after another")
            if self.random.random() < 0.3:  # the screen hung: the same attempt once more is the same refund
                await self._give_back(site, lane, sale.seq, attempt, items)
            if whole and self.random.random() < 0.3:  # money back for money back: must be refused
                await self._give_back(site, lane, said.seq, self._attempt(), ())

    async def _give_back(
        self, site: Site, lane: int, seq: int, attempt: str, items: tuple[int, ...]
    ) -> "Told | Refused | None":
        if not site.machine.alive:
            return None
        done, said = await self.world.outcome(site.machine.refund(attempt=attempt, lane=lane, seq=seq, items=items))
        if not done:
            return None
        self.world.look(site)
        if isinstance(said, Refused):
            must_have_stood(site, said)
            if said.word in _TOO_MUCH or "refund" in said.word:
                self.world.reached.note("refund refused as too much")
            return said
        self.world.auditor.told(site.stream, words.REFUND, Said(attempt, said.person, said.amount_fen))
        if site.disk.full:
            self.world.reached.note("disk full: fact in hand kept")
        return Told(said.seq, attempt, said.person, said.amount_fen)

    async def _cash(self, number: int, lane: int, person: int, fen: int, *, void: bool) -> None:
        site = self.world.sites[number]
        if not site.machine.alive:
            return
        attempt = self._attempt()
        done, said = await self.world.outcome(site.machine.cash_in(attempt=attempt, lane=lane, person=person, fen=fen))
        if not done:
            return
        if isinstance(said, Refused):
            must_have_stood(site, said)
            return
        self.world.look(site)
        self.world.auditor.told(site.stream, words.CASH_TAKEN, Said(attempt, person, fen))
        self.world.reached.note("cash taken")
        if site.disk.full:
            self.world.reached.note("disk full: fact in hand kept")
        if void:
            self.world.spawn(self._void(site, lane, person, said.seq, fen))

    async def _void(self, site: Site, lane: int, person: int, seq: int, fen: int) -> None:
        """At once, or hours later when it may be eaten; and as often as not a second time, which must be refused."""
        await self.world.wait(self.random.choice((2.0, self.random.uniform(0.2, 5) * HOUR_S)))
        voided = False
        for _ in range(self.random.choice((1, 2))):
            if not site.machine.alive or site.retired or self.world.ending:
                return
            again = self._attempt()
            done, back = await self.world.outcome(
                site.machine.cash_void(attempt=again, lane=lane, person=person, seq=seq)
            )
            if not done:
                return
            if isinstance(back, Refused):
                self.world.reached.note("cash not given back twice" if voided else "cash void refused")
                continue
            self.world.look(site)
            self.world.auditor.told(site.stream, words.CASH_VOIDED, Said(again, person, fen))
            self.world.reached.note("cash voided")
            if voided:
                raise Violation(f"cash of entry {seq} of site {site.number} goes back twice")
            voided = True

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

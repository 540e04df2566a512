"""Our cashier: leases sized by the cloud's own code, spent by the edge's own, crossing only while a site is online."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, Final

from protocols.payments.periods import Moment
from protocols.payments.plan import Plan, RuleBook
from protocols.payments.reference import Bucket, BucketKind, LaneKind, Person, Scene
from protocols.values.instants import day_to_date
from tests.simulation.cashiers import Tally
from tests.simulation.lease_office import Office
from tests.simulation.lease_till import MENDABLE, Till
from tests.simulation.trace import (
    ANNOUNCED,
    MINUTES_A_DAY,
    SUBSIDY,
    TOP_UP,
    Calendar,
    Event,
    Trace,
    last_day_of_month,
)

CASH: Final = 10
MEAL_FEN: Final = 3_000  # as `cloud.domains.payments.events` has it
ROUNDS_MOST: Final = 6  # of heartbeats within a minute; one every 5 s is the default
CLEARING_MINUTE: Final = 540  # finance clears the old month on the first at nine
_PERIODS: Final = ((600, 1), (840, 2), (MINUTES_A_DAY, 3))


class Leases:
    """The product's own answer to a cut. `tally` as for all cashiers; `lost` says why what the ceiling took was not."""

    def __init__(self, trace: Trace, ceiling: Tally, *, meal_fen: int = MEAL_FEN) -> None:
        self.tally = Tally()
        self.lost: Counter[str] = Counter()
        self.lost_fen: Counter[str] = Counter()
        self.tapped_again = 0
        self._ceiling = ceiling
        self._calendar = Calendar(trace)
        self._months = sorted({last_day_of_month(self._calendar.day(event.minute)) for event in trace.events})
        self._order = [*self._months, CASH]
        rules = rule_book(self._months)
        self.office = Office(trace.sites, order=self._order, last_days={month: month for month in self._months})
        self.tills = {site: Till(site, rules) for site in trace.sites}
        self._people = {d.person: Person(d.person, "", "", d.group, d.home, 0, 0, "", 0) for d in trace.diners}
        self._clearings = [
            (minute, last_day_of_month(self._calendar.day(minute - MINUTES_A_DAY)))
            for minute in range(CLEARING_MINUTE, trace.events[-1].minute, MINUTES_A_DAY)
            if self._calendar.day(minute) % 100 == 1 and minute > MINUTES_A_DAY
        ][::-1]
        self._minute = 0
        self._changes = self._calendar.changes()[::-1]
        self._late: dict[int, Counter[int]] = defaultdict(Counter)  # site -> person -> money in since it was cut off
        self.put_in_fen: Counter[int] = Counter()
        self.eaten_fen: Counter[int] = Counter()
        self.beyond_put_in = 0  # purchases by people who had not put in so much
        for diner in trace.diners:
            self.office.hire(diner.person, diner.home, meal_fen)
            self._put(diner.person, CASH, diner.cash_fen)
            self._put(diner.person, self._months[0], diner.subsidy_fen)
        for site in self.tills:
            self._pull(site)

    def act(self, event: Event, *, visiting: bool) -> None:
        """One event, after whatever the network let through before it."""
        if event.minute != self._minute:
            self._until(event.minute)
        if event.kind == TOP_UP:
            self._put(event.person, CASH, event.fen)
        elif event.kind == SUBSIDY:
            self._put(event.person, last_day_of_month(self._calendar.day(event.minute)), event.fen)
        elif event.kind == ANNOUNCED:
            self.office.announce(event.place, event.person)
        else:
            self._want(event, "visiting" if visiting else "home")

    def settle_all(self) -> None:
        """Every site online until nothing is left to say."""
        self._exchange(list(self.tills))

    def fen_astray(self) -> int:
        """How far the books and what people put in and ate are apart; money cleared at month end is not theirs."""
        apart = 0
        for person in self._people:
            held = self.office.held(person)
            everywhere = sum(self.office.free(person).values()) + sum(held.values())
            left = self.put_in_fen[person] - self.eaten_fen[person] - self.office.cleared_fen[person]
            apart += abs(everywhere - left)
            for site, till in self.tills.items():
                here = till.book.balances(person)
                apart += sum(abs(here.get(b, 0) - held.get((site, b), 0)) for b in self._order)
        return apart

    def figures(self) -> dict[str, Any]:
        """For the report."""
        return {
            **self.tally.figures(self._ceiling),
            "overdrafts": self.office.overdrafts + self.beyond_put_in,
            "overdraft_fen": self.office.overdraft_fen,
            "set_aside": self.office.set_aside,
            "fen_astray": self.fen_astray(),
            "tapped_again": self.tapped_again,
            "lost": {
                reason: {"purchases": self.lost[reason], "fen": fen} for reason, fen in sorted(self.lost_fen.items())
            },
        }

    def _want(self, event: Event, who: str) -> None:
        taken = self._try(event)
        if not taken and self._calendar.online(event.place, event.minute):
            self._exchange(self._online())  # what was asked back is here some seconds later: the person taps again
            taken = self._try(event)
            self.tapped_again += taken
        if taken:
            self.eaten_fen[event.person] += event.fen
            self.beyond_put_in += self.eaten_fen[event.person] > self.put_in_fen[event.person]
        elif self._ceiling.accepted[len(self.tally.accepted)]:
            reason = f"{who}: {self._why(event)}"
            self.lost[reason] += 1
            self.lost_fen[reason] += event.fen
        self.tally.note(who, event.fen, taken=taken)

    def _try(self, event: Event) -> bool:
        till, person = self.tills[event.place], self._people[event.person]
        moment = self._moment(event.minute)
        online = self._calendar.online(event.place, event.minute)
        outcome = till.pay(person, event.fen, moment, online=online)
        for _ in range(2):  # so often a lane asks the cloud
            if isinstance(outcome, Plan) or outcome.reason not in MENDABLE or not online:
                break
            self.office.ask(event.place, event.person, outcome.amount_fen, n=till.book.n)
            self._pull(event.place)
            outcome = till.pay(person, event.fen, moment, online=online)
        return isinstance(outcome, Plan)

    def _until(self, minute: int) -> None:
        """Say what is to say, and at the last minute before each coming and going of a network in between."""
        self._exchange(self._online())
        while self._changes and self._changes[-1][0] <= minute:
            at, site = self._changes.pop()
            self._minute = max(self._minute, at - 1)
            self._exchange(self._online())
            self._late[site].clear()
        self._minute = minute
        self.office.day = self._calendar.day(minute)
        if self._clearings and self._clearings[-1][0] <= minute:
            self.office.clear(self._clearings.pop()[1])
        self._exchange(self._online())

    def _online(self) -> list[int]:
        return [site for site in self.tills if self._calendar.online(site, self._minute)]

    def _exchange(self, sites: Sequence[int]) -> None:
        for _ in range(ROUNDS_MOST):
            facts = {site: self.tills[site].unsent() for site in sites}
            for site, entries in facts.items():
                self.office.take(site, entries)
            sized = self.office.minute()
            pulled = [self._pull(site) for site in sites]
            for site in sites:
                self.office.beat(site, self.tills[site].book.n)
            if not any(pulled) and not any(facts.values()) and not sized:
                return

    def _pull(self, site: int) -> bool:
        till = self.tills[site]
        found = False
        while self.office.newest(site) > till.book.n:
            till.apply(self.office.page(site, till.book.n))
            found = True
        return found

    def _put(self, person: int, bucket: int, fen: int) -> None:
        if fen:
            self.office.put(person, bucket, fen)
            self.put_in_fen[person] += fen
            for site in self.tills:
                self._late[site][person] += fen

    def _moment(self, minute: int) -> Moment:
        of_day = minute % MINUTES_A_DAY
        return Moment(next(period for end, period in _PERIODS if of_day < end), self._calendar.day(minute))

    def _why(self, event: Event) -> str:
        """Where the money was that the all-knowing cashier took."""
        day, site, person = self._calendar.day(event.minute), event.place, event.person
        good = [bucket for bucket in self._order if bucket == CASH or bucket >= day]
        here = sum(self.tills[site].book.balance(person, bucket) for bucket in good)
        free = sum(self.office.free(person).get(bucket, 0) for bucket in good)
        late = min(free, self._late[site][person])
        missing = event.fen - here
        word = "online" if self._calendar.online(site, event.minute) else "offline"
        underway = self.office.given_since(site, person, self.tills[site].book.n)
        if missing <= underway:
            if missing > underway - self._late[site][person]:
                return f"{word}, put in during the cut"
            return f"{word}, granted during the cut"
        if missing <= underway + free - late:
            return f"{word}, kept by the cloud"
        if missing <= underway + free:
            return f"{word}, put in during the cut"
        elsewhere = sum(self.tills[at].book.balance(person, b) for at in self.tills if at != site for b in good)
        if missing <= underway + free + elsewhere:
            return f"{word}, at another site"
        return f"{word}, spent before on what the ceiling refused"


def rule_book(months: list[int]) -> RuleBook:
    """Cash, and a subsidy bucket for each month, named by its last day; subsidies pay first."""
    buckets = [_bucket(CASH, BucketKind.CASH, 0, 0)]
    for last_day in months:
        first = day_to_date(last_day).replace(day=1)
        buckets.append(_bucket(last_day, BucketKind.MEAL, first.year * 10_000 + first.month * 100 + 1, last_day))
    scene = Scene(1, LaneKind.PLATE, 0, (BucketKind.MEAL, BucketKind.CASH), (), 0, 0)
    return RuleBook(buckets=buckets, scenes=[scene])


def _bucket(number: int, kind: BucketKind, starts_on: int, expires_on: int) -> Bucket:
    return Bucket(number, kind, "", "", starts_on, expires_on, (), (), (), 0, 0, 0)

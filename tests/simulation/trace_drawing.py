"""How the fixed month was drawn: `python -m tests.simulation.trace_drawing FILE`. It knows nothing of any policy.

Everybody lives by themselves against one true balance, as with a cashier who knows all: they eat by habit, see their
balance on the screen, top up when it looks low (or only when they were refused), and have less to put in before
payday. One month before the first day is lived through and left out, so that balances are what such people carry.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Final

from protocols.values.instants import day_to_date
from tests.simulation.trace import (
    AGAIN,
    ANNOUNCED,
    MINUTES_A_DAY,
    SUBSIDY,
    TOP_UP,
    WANTED,
    Cut,
    Diner,
    Event,
    Trace,
    write,
)

SEED: Final = 20261016
PEOPLE: Final = 5_000
FIRST_DAY: Final = 20261016
DAYS: Final = 31
WARM_DAYS: Final = 30
HOME_OF_SITE_1: Final = 0.6
VISITING: Final = 0.05
ANNOUNCING: Final = 0.2  # of visits
PAYDAY_NEAR: Final = 24  # from this day of the month on, most put in little
LONGEST_MINUTES: Final = 3 * MINUTES_A_DAY
GRANT_MINUTE: Final = 30  # subsidies come on the first of the month at half past midnight

WORDS: Final = f"""The fixed month of two canteens, drawn by tests/simulation/trace_drawing.py with seed {SEED}.
{PEOPLE} people, {DAYS} days from {FIRST_DAY} after {WARM_DAYS} days that were left out; money in fen."""

# What is on sale, fen: meat, half meat, vegetables, staple, soup or drink; and breakfast
_MEAT: Final = (1200, 900, 850, 1500, 1300, 1600, 1000, 1400, 950)
_HALF: Final = (500, 600, 700, 750, 550)
_GREEN: Final = (350, 300, 450, 400)
_STAPLE: Final = (100, 60, 80, 200, 100)
_DRINK: Final = (150, 300, 200, 400)
_MORNING: Final = (60, 80, 100, 150, 200, 250, 400, 500)


@dataclass(frozen=True)
class Group:
    """How people of a kind live. Chances of breakfast, lunch, dinner on workdays and on other days."""

    share: float
    workdays: tuple[float, float, float]
    weekends: tuple[float, float, float]
    meat: float  # how often a second dish is meat
    subsidy_fen: int
    top_ups_fen: tuple[int, ...]


GROUPS: Final = (
    Group(0.40, (0.35, 0.85, 0.20), (0.03, 0.07, 0.04), 0.8, 40_000, (5_000, 10_000, 10_000, 20_000, 20_000)),
    Group(0.45, (0.50, 0.80, 0.70), (0.30, 0.60, 0.55), 0.5, 0, (5_000, 5_000, 10_000, 10_000, 20_000)),
    Group(0.15, (0.30, 0.90, 0.35), (0.10, 0.30, 0.15), 0.6, 30_000, (3_000, 5_000, 5_000, 10_000)),
)
_PEAKS: Final = ((450, 35, 375, 570), (725, 25, 665, 805), (1075, 28, 1020, 1165))  # minute, spread, first, last


def main(arguments: Sequence[str]) -> int:
    """Draw and write."""
    trace = draw(PEOPLE, SEED)
    size = write(trace, Path(arguments[0]))
    sys.stdout.write(f"{len(trace.events)} events, {len(trace.cuts)} cuts, {size} bytes\n")
    return 0


def draw(people: int, seed: int) -> Trace:
    """The month of so many people."""
    diners, events = [], []
    for person in range(1, people + 1):
        life = Life(person, Random(f"{seed} person {person}"))
        life.live()
        diners.append(life.opening)
        events += life.events
    events.sort(key=lambda event: (event.minute, event.kind in (WANTED, AGAIN), event.person))
    return Trace(FIRST_DAY, tuple(diners), tuple(draw_cuts(Random(f"{seed} cuts"))), tuple(events), WORDS)


def draw_cuts(random: Random) -> list[Cut]:
    """Cuts of a minute to three days, about one a day and site, a fifth of them of both sites.

    The tail is long: half last up to three minutes, one in ten over 45, one in forty over seven hours (Pareto, 0.6).
    Besides, each site has one of three whole days somewhere in the month.
    """
    spans: dict[int, list[tuple[int, int]]] = {1: [], 2: []}
    for site, mine in spans.items():
        start = random.randrange(DAYS * MINUTES_A_DAY - LONGEST_MINUTES)
        mine.append((start, start + LONGEST_MINUTES))
        minute = 0.0
        while (minute := minute + random.expovariate(1 / MINUTES_A_DAY)) < DAYS * MINUTES_A_DAY:
            length = _length(random)
            both = random.random() < 0.2
            for hit in spans if both else (site,):
                spans[hit].append((int(minute), int(minute + max(1.0, length))))
            minute += length
    cuts = []
    for site, found in spans.items():
        for start, back in _merged(found):
            recovery = max(1, min(10, round(random.lognormvariate(0.5, 0.6))))
            cuts.append(Cut(site, start, back, back + recovery))
    return cuts


def _length(random: Random) -> float:
    while (length := random.paretovariate(0.6)) > LONGEST_MINUTES:
        pass
    return length


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, back in sorted(spans):
        if merged and start <= merged[-1][1] + 10:
            merged[-1] = (merged[-1][0], min(max(merged[-1][1], back), merged[-1][0] + LONGEST_MINUTES))
        else:
            merged.append((start, back))
    return merged


@dataclass
class Life:
    """One person from the first warm day to the last."""

    person: int
    random: Random
    events: list[Event] = field(default_factory=list)
    cash_fen: int = 0
    subsidy_fen: int = 0
    next_top_up: int | None = None  # the minute, or -1: right before the next meal

    def __post_init__(self) -> None:
        random = self.random
        self.home = 1 if random.random() < HOME_OF_SITE_1 else 2
        self.number = random.choices(range(len(GROUPS)), [group.share for group in GROUPS])[0]
        self.group = GROUPS[self.number]
        self.appetite = random.lognormvariate(0, 0.12)
        self.habit = [random.betavariate(3, 3) * 2 for _ in range(3)]
        self.careless = random.random() < 0.25
        self.looks_low_fen = 0 if self.careless else int(random.lognormvariate(7.6, 0.5))
        self.cash_fen = random.choice(self.group.top_ups_fen)
        self.opening = Diner(self.person, self.home, self.number, 0, 0)

    def live(self) -> None:
        """Every day in turn; what came before the first day is left out."""
        first = day_to_date(FIRST_DAY) - timedelta(days=WARM_DAYS)
        self.subsidy_fen = self.group.subsidy_fen // 2
        for number in range(-WARM_DAYS, DAYS):
            if number == 0:
                self.opening = Diner(self.person, self.home, self.number, self.cash_fen, self.subsidy_fen)
                self.events.clear()
            self._day(first + timedelta(days=number + WARM_DAYS), number * MINUTES_A_DAY)
        self.events = [event for event in self.events if 0 <= event.minute < DAYS * MINUTES_A_DAY]

    def _day(self, today: date, midnight: int) -> None:
        if today.day == 1 and self.group.subsidy_fen:
            self.subsidy_fen = self.group.subsidy_fen  # the old month's is no longer good
            self._note(SUBSIDY, midnight + GRANT_MINUTE, 0, self.subsidy_fen)
        chances = self.group.weekends if today.weekday() > 4 else self.group.workdays
        for meal, chance in enumerate(chances):
            if self.random.random() < min(0.97, chance * self.habit[meal]):
                peak, spread, low, high = _PEAKS[meal]
                minute = round(min(high, max(low, self.random.gauss(peak, spread))))
                self._eat(midnight + minute, meal, today)

    def _eat(self, minute: int, meal: int, today: date) -> None:
        random = self.random
        place = self.home
        if random.random() < VISITING:
            place = 3 - self.home
            if random.random() < ANNOUNCING:
                self._note(ANNOUNCED, minute - random.randint(60, 720), place, 0)
        if self.next_top_up is not None and self.next_top_up < minute:
            at = self.next_top_up if self.next_top_up >= 0 else minute - random.randint(1, 10)
            self._top_up(at, today)
        price_fen = self._bill(meal)
        self._note(WANTED, minute, place, price_fen)
        if self.cash_fen + self.subsidy_fen >= price_fen:
            self._pay(price_fen)
            self._look_at_balance(minute)
        elif random.random() < 0.6:  # tops up by phone at the till and tries once more
            self._top_up(minute + random.randint(1, 2), today, least_fen=price_fen)
            self._note(AGAIN, minute + 3, place, price_fen)
            if self.cash_fen + self.subsidy_fen >= price_fen:
                self._pay(price_fen)
        elif random.random() < 0.7:
            self.next_top_up = self._evening(minute)

    def _look_at_balance(self, minute: int) -> None:
        if self.cash_fen + self.subsidy_fen >= self.looks_low_fen or self.next_top_up is not None:
            return
        chance = self.random.random()
        if chance < 0.15:
            self.next_top_up = minute + self.random.randint(1, 5)
        elif chance < 0.35:
            self.next_top_up = self._evening(minute)
        elif chance < 0.5:
            self.next_top_up = -1

    def _evening(self, minute: int) -> int:
        return minute - minute % MINUTES_A_DAY + self.random.randint(1200, 1380)

    def _top_up(self, minute: int, today: date, *, least_fen: int = 0) -> None:
        amount_fen = self.random.choice(self.group.top_ups_fen)
        if today.day >= PAYDAY_NEAR and self.random.random() < 0.6:
            amount_fen = self.random.choice((2_000, 3_000, 5_000))
        while self.cash_fen + self.subsidy_fen + amount_fen < least_fen:
            amount_fen += 1_000
        self.cash_fen += amount_fen
        self.next_top_up = None
        self._note(TOP_UP, minute, 0, amount_fen)

    def _pay(self, price_fen: int) -> None:
        part = min(self.subsidy_fen, price_fen)
        self.subsidy_fen -= part
        self.cash_fen -= price_fen - part

    def _bill(self, meal: int) -> int:
        pick: Callable[[Sequence[int]], int] = self.random.choice
        if meal == 0:
            dishes = [pick(_MORNING) for _ in range(self.random.choice((1, 2, 2, 3)))]
        else:
            dishes = [pick(_STAPLE), pick(_MEAT if self.random.random() < self.group.meat else _HALF), pick(_GREEN)]
            if self.random.random() < 0.25 * self.appetite:
                dishes.append(pick(_HALF))
            if self.random.random() < 0.3:
                dishes.append(pick(_DRINK))
        return sum(dishes)

    def _note(self, kind: str, minute: int, place: int, fen: int) -> None:
        self.events.append(Event(kind, minute, self.person, place, fen))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

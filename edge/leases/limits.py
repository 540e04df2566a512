"""Limits of times and fen: who may count them here, and what was counted (rule 3)."""

from calendar import monthrange
from collections.abc import Callable
from datetime import date, timedelta
from functools import lru_cache, partial
from typing import Final, NamedTuple, TypeVar

from edge.store.connection import Reader
from edge.store.transaction import Transaction
from protocols.values.errors import RuleViolation
from protocols.values.instants import date_to_day, day_to_date

K = TypeVar("K")
V = TypeVar("V")

_NO_END: Final = 99_991_231
_MEAL: Final = 1_000_000  # a meal's key is its day times this, plus its period (protocols/payments/periods.py)
_LEAST_MEAL: Final = 10_000_000_000
_LEAST_DAY: Final = 10_000_000


class Use(NamedTuple):
    """What was used of a limit: how many times, and how much."""

    times: int
    amount: int


_NOTHING: Final = Use(0, 0)


class Limits:
    """Standing rights [from_day, until_day), passes for one day, and counters; the mirror of their tables."""

    def __init__(self, reader: Reader) -> None:
        self._standing: dict[tuple[int, int], tuple[int, int]] = {
            (person, rule): (from_day, until_day)
            for person, rule, from_day, until_day in reader.rows("SELECT * FROM lease_standing")
        }
        self._passes: dict[tuple[int, int, int], int] = {
            (person, rule, day): amount for person, rule, day, amount in reader.rows("SELECT * FROM lease_passes")
        }
        self._uses: dict[tuple[int, int], dict[int, Use]] = {}
        for person, rule, key, times, amount in reader.rows("SELECT * FROM lease_uses"):
            self._uses.setdefault((person, rule), {})[key] = Use(times, amount)

    def standing(self) -> list[tuple[int, int, int]]:
        """Rights without an end: person, rule, from_day."""
        return sorted((*key, from_day) for key, (from_day, until) in self._standing.items() if until == _NO_END)

    def may_use(self, person: int, rule: int, day: int) -> bool:
        """Whether the limit may be counted here on the day."""
        return self._stands(person, rule, day) or self._passes.get((person, rule, day), 0) > 0

    def used(self, person: int, rule: int, key: int) -> Use:
        """The counter of a key."""
        return self._uses.get((person, rule), {}).get(key, _NOTHING)

    def use(self, tx: Transaction, person: int, rule: int, key: int, times: int, amount: int) -> None:
        """Count, and take from the day's pass where the right is only that."""
        day = last_day(key)
        counters = self._uses.setdefault((person, rule), {})
        before = counters.get(key)
        was = before or _NOTHING
        after = Use(was.times + times, was.amount + amount)
        if min(after) < 0:
            raise RuleViolation(f"a counter of limit {rule} would fall below zero")
        tx.execute("INSERT OR REPLACE INTO lease_uses VALUES (?, ?, ?, ?, ?)", (person, rule, key, *after))
        counters[key] = after
        tx.on_rollback(_undo_set(counters, key, before))
        if key >= _LEAST_DAY:
            self._take_pass(tx, person, rule, day, times)

    def grant_standing(self, tx: Transaction, person: int, rule: int, from_day: int) -> None:
        """The right is here from a day on."""
        self._put_standing(tx, person, rule, from_day, _NO_END)

    def recall_standing(self, tx: Transaction, person: int, rule: int, from_day: int) -> int:
        """The right ends at `from_day`, or the day after the last it was used for, which is what is answered."""
        for key, use in self._uses.get((person, rule), {}).items():
            if use.times or use.amount:
                from_day = max(from_day, _day_after(last_day(key)))
        here = self._standing.get((person, rule))
        if here is not None:
            self._put_standing(tx, person, rule, here[0], min(here[1], from_day))
        return from_day

    def grant_pass(self, tx: Transaction, person: int, rule: int, day: int, amount: int) -> None:
        """Some uses on one day (a visit)."""
        self._put_pass(tx, (person, rule, day), self._passes.get((person, rule, day), 0) + amount)

    def forget(self, tx: Transaction, *, before_day: int) -> int:
        """Drop counters and passes that end before a day.

        The newest use of each limit stays: a recall goes by it, and a clock that ran ahead must not lose it.
        """
        gone = 0
        for (person, rule), counters in self._uses.items():
            newest = self._newest_use(counters)
            for key in [key for key in counters if last_day(key) < before_day and key != newest]:
                tx.execute("DELETE FROM lease_uses WHERE person = ? AND rule = ? AND key = ?", (person, rule, key))
                tx.on_rollback(partial(counters.__setitem__, key, counters.pop(key)))
                gone += 1
        for place in [place for place in self._passes if place[2] < before_day]:
            tx.execute("DELETE FROM lease_passes WHERE person = ? AND rule = ? AND day = ?", place)
            tx.on_rollback(partial(self._passes.__setitem__, place, self._passes.pop(place)))
            gone += 1
        return gone

    @staticmethod
    def _newest_use(counters: dict[int, Use]) -> int | None:
        used = [key for key, use in counters.items() if use.times or use.amount]
        return max(used, key=lambda key: (last_day(key), key), default=None)

    def _stands(self, person: int, rule: int, day: int) -> bool:
        from_day, until_day = self._standing.get((person, rule), (_NO_END, 0))
        return from_day <= day < until_day

    def _take_pass(self, tx: Transaction, person: int, rule: int, day: int, times: int) -> None:
        place = (person, rule, day)
        if times and place in self._passes and not self._stands(person, rule, day):
            left = self._passes[place] - times
            if left < 0:
                raise RuleViolation(f"no pass of limit {rule} is left for day {day}")
            self._put_pass(tx, place, left)

    def _put_pass(self, tx: Transaction, place: tuple[int, int, int], amount: int) -> None:
        tx.execute("INSERT OR REPLACE INTO lease_passes VALUES (?, ?, ?, ?)", (*place, amount))
        tx.on_rollback(_undo_set(self._passes, place, self._passes.get(place)))
        self._passes[place] = amount

    def _put_standing(self, tx: Transaction, person: int, rule: int, from_day: int, until_day: int) -> None:
        tx.execute("INSERT OR REPLACE INTO lease_standing VALUES (?, ?, ?, ?)", (person, rule, from_day, until_day))
        tx.on_rollback(_undo_set(self._standing, (person, rule), self._standing.get((person, rule))))
        self._standing[person, rule] = (from_day, until_day)


@lru_cache(4_096)
def last_day(key: int) -> int:
    """The last day a counter's key covers: a meal's or a day's own day, a month's end. Raises RuleViolation."""
    if key >= _LEAST_MEAL:
        key //= _MEAL
    try:
        if key < _LEAST_DAY:
            day_to_date(key * 100 + 1)
            return key * 100 + monthrange(key // 100, key % 100)[1]
        return date_to_day(day_to_date(key))
    except ValueError as error:
        raise RuleViolation(f"{key} is the number of no meal, day or month") from error


def _day_after(day: int) -> int:
    found: date = day_to_date(day)
    return date_to_day(found + timedelta(days=1))


def _undo_set(mapping: dict[K, V], key: K, before: V | None) -> Callable[[], object]:
    if before is None:
        return partial(mapping.pop, key, None)
    return partial(mapping.__setitem__, key, before)

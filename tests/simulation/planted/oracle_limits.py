"""A model of standing rights, passes and counters (rule 3)."""

from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from random import Random
from typing import Any, Final

from edge.leases.limits import Limits
from edge.leases.tables import LEASES_SCHEMA
from edge.store.transaction import Transaction
from tests.simulation.planted.oracle_rules import same
from tests.simulation.planted.oracle_store import Store, done

_DAYS: Final = [20_260_129 + n for n in range(3)] + [20_260_201 + n for n in range(3)]
_NO_END: Final = 10**9


class _LimitsModel:
    def __init__(self) -> None:
        self.standing: dict[tuple[int, int], tuple[int, int]] = {}
        self.passes: Counter[tuple[int, int, int]] = Counter()
        self.uses: dict[tuple[int, int, int], tuple[int, int]] = {}

    def copy(self) -> "_LimitsModel":
        other = _LimitsModel()
        other.standing, other.passes, other.uses = dict(self.standing), Counter(self.passes), dict(self.uses)
        return other

    def stands(self, person: int, rule: int, day: int) -> bool:
        start, end = self.standing.get((person, rule), (_NO_END, 0))
        return start <= day < end

    def use(self, person: int, rule: int, key: int, times: int, amount: int) -> bool:
        before = self.uses.get((person, rule, key), (0, 0))
        after = (before[0] + times, before[1] + amount)
        if min(after) < 0:
            return False
        day = _last_day(key)
        place = (person, rule, day)
        if key >= 10**7 and times and place in self.passes and not self.stands(person, rule, day):
            if self.passes[place] < times:
                return False
            self.passes[place] -= times
        self.uses[person, rule, key] = after
        return True

    def recall(self, person: int, rule: int, day: int) -> int:
        for (p, r, key), used in self.uses.items():
            if (p, r) == (person, rule) and any(used):
                day = max(day, _after(_last_day(key)))
        if (person, rule) in self.standing:
            start, end = self.standing[person, rule]
            self.standing[person, rule] = (start, min(end, day))
        return day

    def forget(self, before: int) -> int:
        newest: dict[tuple[int, int], tuple[int, int]] = {}
        for (person, rule, key), used in self.uses.items():
            if any(used):
                newest[person, rule] = max(newest.get((person, rule), (0, 0)), (_last_day(key), key))
        kept = {(*place, key) for place, (_, key) in newest.items()}
        uses = [place for place in self.uses if _last_day(place[2]) < before and place not in kept]
        passes = [place for place in self.passes if place[2] < before]
        for place in uses:
            del self.uses[place]
        for each in passes:
            del self.passes[each]
        return len(uses) + len(passes)


def check_limits(random: Random) -> None:
    """Rights, passes and counters as rule 3 has them, in memory and after a boot, undone or not."""
    store = Store(LEASES_SCHEMA)
    limits, model = Limits(store), _LimitsModel()  # type: ignore[arg-type]
    for _ in range(40):
        trial = model.copy()
        act, expected = _limits_step(random, trial)
        stands = random.random() < 0.85
        good, answer = done(store, partial(act, limits), stands=stands)
        same("whether it stands", good, expected is not False and stands)
        if good:
            model = trial
            same("answer", answer, expected if expected is not True else None)
        if random.random() < 0.2:
            limits = Limits(store)  # type: ignore[arg-type]
        _compare_limits(limits, model)


def _limits_step(random: Random, model: _LimitsModel) -> tuple[Callable[[Limits, Transaction], Any], Any]:
    person, rule, day = random.choice((1, 2)), random.choice((7, -15)), random.choice(_DAYS)
    match random.randrange(8):
        case 0 | 1:
            model.standing[person, rule] = (day, _NO_END)
            return lambda limits, tx: limits.grant_standing(tx, person, rule, day), True
        case 2:
            expected = model.recall(person, rule, day)
            return lambda limits, tx: limits.recall_standing(tx, person, rule, day), expected
        case 3:
            many = random.choice((1, 2))
            model.passes[person, rule, day] += many
            return lambda limits, tx: limits.grant_pass(tx, person, rule, day, many), True
        case 4 if random.random() < 0.5:
            expected = model.forget(day)
            return lambda limits, tx: limits.forget(tx, before_day=day), expected
    key = random.choice((day * 1_000_000 + 2, day, day // 100))
    times, amount = random.choice((1, 1, 2, 0, -1)), random.choice((0, 0, 5, -5))
    stands = model.use(person, rule, key, times, amount)
    return lambda limits, tx: limits.use(tx, person, rule, key, times, amount), stands


def _compare_limits(limits: Limits, model: _LimitsModel) -> None:
    expected = sorted((*place, start) for place, (start, end) in model.standing.items() if end == _NO_END)
    same("standing rights", limits.standing(), expected)
    for person in (1, 2):
        for rule in (7, -15):
            for day in _DAYS:
                may = model.stands(person, rule, day) or model.passes[person, rule, day] > 0
                same(f"use of {rule} by {person} on {day}", limits.may_use(person, rule, day), may)
                for key in (day * 1_000_000 + 2, day, day // 100):
                    used = model.uses.get((person, rule, key), (0, 0))
                    same(f"uses of {rule} under {key}", tuple(limits.used(person, rule, key)), used)


def _last_day(key: int) -> int:
    if key < 10**7:
        year, month = divmod(key, 100)
        return int(((date(year, month, 1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)).strftime("%Y%m%d"))
    return key // 1_000_000 if key >= 10**10 else key


def _after(day: int) -> int:
    at = date(day // 10_000, day // 100 % 100, day % 100) + timedelta(days=1)
    return int(at.strftime("%Y%m%d"))

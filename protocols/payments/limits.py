"""Limits of times and fen per person, meal, day and month (rule 3). Counters live with the site's leases.

Counters share one table at the edge, keyed (person, rule, key): a LimitRule under its own id, a bucket's limits under
minus the bucket's id, the meals of a person under 0, the entries through buffet gates under `GATE`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from protocols.payments.periods import Moment
from protocols.payments.reference import LimitPer, LimitRule
from protocols.payments.refusals import Reason, Refusal

MEALS = 0
GATE = -(2**52)


class Use(Protocol):
    """How often and for how much a limit has been used."""

    @property
    def times(self) -> int:
        """Payments counted."""

    @property
    def amount(self) -> int:
        """Their fen."""


class Rights(Protocol):
    """What this site may spend for a person: read only. The edge's lease book is one."""

    def balances(self, person: int) -> Mapping[int, int]:
        """Amounts leased here by bucket; buckets past a cut-off are left out."""

    def may_use(self, person: int, rule: int, day: int) -> bool:
        """Whether the right to this limit is held here on the day."""

    def used(self, person: int, rule: int, key: int) -> Use:
        """The counter's state; zeros where nothing was counted."""


class Counted(NamedTuple):
    """One counter to raise when the payment is taken."""

    rule: int
    key: int
    times: int
    amount: int


class Diner(NamedTuple):
    """Who pays, and in which scene."""

    person: int
    group: int
    lane_kind: int
    canteen: int


class LimitBook:
    """Limit rules, looked up once for each (group, lane kind, canteen, meal)."""

    def __init__(self, rules: Iterable[LimitRule]) -> None:
        self._rules = tuple(sorted(rules, key=lambda rule: rule.id))
        self._known: dict[tuple[int, int, int, int], tuple[LimitRule, ...]] = {}

    def applying(self, diner: Diner, moments: Sequence[Moment]) -> tuple[LimitRule, ...]:
        """Every rule that counts a payment of this diner in any of the moments."""
        if len(moments) == 1:
            return self._at(diner, moments[0].period)
        found = {rule.id: rule for moment in moments for rule in self._at(diner, moment.period)}
        return tuple(found.values())

    def _at(self, diner: Diner, period: int) -> tuple[LimitRule, ...]:
        key = (diner.group, diner.lane_kind, diner.canteen, period)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = tuple(
                rule
                for rule in self._rules
                if (not rule.groups or diner.group in rule.groups)
                and (not rule.lane_kinds or diner.lane_kind in rule.lane_kinds)
                and (not rule.canteens or diner.canteen in rule.canteens)
                and (not rule.periods or period in rule.periods)
            )
        return found


class Held(NamedTuple):
    """The limits this site holds the right to, and whether an absent one asks for the full price."""

    rules: tuple[LimitRule, ...]
    full_price: bool


def limit_key(per: int, moment: Moment) -> int:
    """The counter's key for a limit per meal, day or month."""
    if per == LimitPer.MEAL:
        return moment.meal_key
    return moment.business_day if per == LimitPer.DAY else moment.month


def held_limits(
    rules: tuple[LimitRule, ...], rights: Rights, *, person: int, moments: Sequence[Moment]
) -> Held | Refusal:
    """Which limits may be counted here; a right that is elsewhere refuses or makes the price full, as its rule says."""
    held = []
    full_price = False
    for rule in rules:
        if all(rights.may_use(person, rule.id, moment.business_day) for moment in moments):
            held.append(rule)
        elif rule.when_absent == "full":
            full_price = True
        else:
            return Refusal(Reason.LIMIT_ELSEWHERE)
    return Held(tuple(held), full_price)


def check_limits(
    rules: tuple[LimitRule, ...], rights: Rights, *, person: int, moments: Sequence[Moment], amount_fen: int
) -> Refusal | None:
    """Refuse where one more payment of `amount_fen` would pass a limit in any of the moments."""
    for rule in rules:
        for moment in moments:
            used = rights.used(person, rule.id, limit_key(rule.per, moment))
            if rule.times and used.times >= rule.times:
                return Refusal(Reason.LIMIT_TIMES)
            if rule.amount_fen and used.amount + amount_fen > rule.amount_fen:
                return Refusal(Reason.LIMIT_AMOUNT, rule.amount_fen)
    return None

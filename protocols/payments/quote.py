"""What a bill costs a person: price class by group and meal, first-N and later meals, fixed price, service fee.

Parts of a PriceRule: the price part (percent, first-N) is spoken by a rule unless it is full price and the rule is
there for its fee or fixed price; the fee part by a rule with a fee; the fixed part by a rule with a fixed price. For
each part the matching rule of highest priority wins, the lower id among equals. First-N counts within the meal where
the rule names meal periods, within the business day otherwise. A meal that costs nothing bears no fee.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from protocols.payments.periods import Moment
from protocols.payments.reference import PriceRule
from protocols.values.errors import RuleViolation
from protocols.values.money import permille_of_fen

FULL_PERMILLE = 1000


class PriceClass(NamedTuple):
    """What the price rules say for one group, lane kind, canteen and meal. `fixed_fen` -1 where there is none."""

    percent_permille: int = FULL_PERMILLE
    first_n: int = 0
    first_permille: int = FULL_PERMILLE
    first_per_meal: bool = False
    fee_permille: int = 0
    fee_fen: int = 0
    fixed_fen: int = -1


class Quote(NamedTuple):
    """`gross - discount + fee == amount`; all fen, none negative."""

    gross_fen: int
    discount_fen: int
    fee_fen: int
    amount_fen: int


class PriceBook:
    """Price rules, looked up once for each (group, lane kind, canteen, meal)."""

    def __init__(self, rules: Iterable[PriceRule]) -> None:
        self._rules = sorted(rules, key=lambda rule: (-rule.priority, rule.id))
        self._known: dict[tuple[int, int, int, int], PriceClass] = {}

    def price_class(self, *, group: int, lane_kind: int, canteen: int, period: int) -> PriceClass:
        """The parts that win for this diner here and now."""
        key = (group, lane_kind, canteen, period)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._look_up(*key)
        return found

    def _look_up(self, group: int, lane_kind: int, canteen: int, period: int) -> PriceClass:
        matching = [
            rule
            for rule in self._rules
            if (not rule.groups or group in rule.groups)
            and (not rule.lane_kinds or lane_kind in rule.lane_kinds)
            and (not rule.canteens or canteen in rule.canteens)
            and (not rule.periods or period in rule.periods)
        ]
        found = PriceClass()
        for rule in filter(_speaks_of_price, reversed(matching)):
            found = found._replace(
                percent_permille=rule.percent_permille,
                first_n=rule.first_n,
                first_permille=rule.first_permille,
                first_per_meal=bool(rule.periods),
            )
        for rule in filter(_speaks_of_fee, reversed(matching)):
            found = found._replace(fee_permille=rule.fee_permille, fee_fen=rule.fee_fen)
        for rule in reversed(matching):
            if rule.fixed_fen >= 0:
                found = found._replace(fixed_fen=rule.fixed_fen)
        return found


def quote(gross_fen: int, price: PriceClass, *, meals_before: int, full_price: bool = False) -> Quote:
    """Price a bill of `gross_fen` for a person who had `meals_before` of what first-N counts.

    `full_price` leaves out every reduction: the right to it is not here (rule 3).
    """
    if gross_fen < 0 or meals_before < 0:
        raise RuleViolation("a bill and the meals before it are not negative")
    permille = price.first_permille if meals_before < price.first_n else price.percent_permille
    if full_price and permille < FULL_PERMILLE:
        permille = FULL_PERMILLE
    asked_fen = gross_fen if permille == FULL_PERMILLE else permille_of_fen(gross_fen, permille)
    surcharge_fen = max(asked_fen - gross_fen, 0)
    discount_fen = max(gross_fen - asked_fen, 0)
    fee_fen = surcharge_fen
    if asked_fen and (price.fee_permille or price.fee_fen):
        fee_fen += permille_of_fen(asked_fen, price.fee_permille) + price.fee_fen
    return Quote(gross_fen, discount_fen, fee_fen, gross_fen - discount_fen + fee_fen)


def dearest(quotes: Sequence[Quote]) -> Quote:
    """The quote to use where the clock may stand on either side of a boundary: no reduction of one side only."""
    return max(quotes, key=lambda one: one.amount_fen)


def first_n_key(price: PriceClass, moment: Moment) -> int:
    """The counter that first-N reads for this price class."""
    return moment.meal_key if price.first_per_meal else moment.business_day


def _speaks_of_price(rule: PriceRule) -> bool:
    reduces = rule.percent_permille != FULL_PERMILLE or rule.first_n > 0
    return reduces or not (_speaks_of_fee(rule) or rule.fixed_fen >= 0)


def _speaks_of_fee(rule: PriceRule) -> bool:
    return rule.fee_permille > 0 or rule.fee_fen > 0

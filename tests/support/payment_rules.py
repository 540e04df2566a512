"""Short makers of payment records, and rights held in a dict, for tests of the rules."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from protocols.payments.facts import Line, Settlement
from protocols.payments.periods import Moment
from protocols.payments.plan import Payment, Plan, RuleBook
from protocols.payments.reference import (
    Bucket,
    BucketKind,
    Credential,
    CredentialKind,
    LaneKind,
    LimitPer,
    LimitRule,
    MealPeriod,
    Person,
    PriceRule,
    Scene,
)

LUNCH = Moment(2, 20261120)
DINNER = Moment(3, 20261120)


class Use(NamedTuple):
    times: int = 0
    amount: int = 0


class HeldRights:
    """A site's rights in memory: balances by person and bucket, counters, rights that are elsewhere."""

    def __init__(self, held: Mapping[tuple[int, int], int] | None = None) -> None:
        self.held = dict(held or {})
        self.counters: dict[tuple[int, int, int], Use] = {}
        self.elsewhere: set[int] = set()

    def balances(self, person: int) -> Mapping[int, int]:
        return {bucket: amount for (owner, bucket), amount in self.held.items() if owner == person}

    def may_use(self, person: int, rule: int, day: int) -> bool:
        return rule not in self.elsewhere

    def used(self, person: int, rule: int, key: int) -> Use:
        return self.counters.get((person, rule, key), Use())

    def take(self, person: int, plan: Plan) -> None:
        for share in plan.shares:
            self.held[person, share.bucket] -= share.amount
        for rule, key, times, amount in plan.counters:
            before = self.used(person, rule, key)
            self.counters[person, rule, key] = Use(before.times + times, before.amount + amount)


def make_person(**changes: Any) -> Person:
    fields: dict[str, Any] = {
        "id": 1, "number": "0001", "shown_name": "张*", "group": 1, "home_site": 1, "valid_from": 20260101,
        "valid_until": 0, "blocked": "", "pin_over_fen": 0,
    }  # fmt: skip
    return Person(**(fields | changes))


def make_credential(**changes: Any) -> Credential:
    fields: dict[str, Any] = {
        "id": 7, "kind": CredentialKind.CARD, "person": 1, "secret": b"", "valid_from": 0, "valid_until": 0,
        "cap_fen": 0,
    }  # fmt: skip
    return Credential(**(fields | changes))


def make_bucket(number: int, kind: int = BucketKind.CASH, **changes: Any) -> Bucket:
    fields: dict[str, Any] = {
        "id": number, "kind": kind, "name_zh": "现金", "name_en": "Cash", "starts_on": 0, "expires_on": 0,
        "lane_kinds": (), "canteens": (), "periods": (), "meal_limit_fen": 0, "day_limit_fen": 0,
        "month_limit_fen": 0,
    }  # fmt: skip
    return Bucket(**(fields | changes))


def make_scene(*order: int, **changes: Any) -> Scene:
    fields: dict[str, Any] = {
        "id": 1, "lane_kind": LaneKind.PLATE, "canteen": 0, "order": order, "ratio": (), "single_limit_fen": 0,
        "offline_days_max": 0,
    }  # fmt: skip
    return Scene(**(fields | changes))


def make_price_rule(number: int = 1, **changes: Any) -> PriceRule:
    fields: dict[str, Any] = {
        "id": number, "priority": 0, "groups": (), "periods": (), "canteens": (), "lane_kinds": (),
        "percent_permille": 1000, "first_n": 0, "first_permille": 1000, "fee_permille": 0, "fee_fen": 0,
        "fixed_fen": -1,
    }  # fmt: skip
    return PriceRule(**(fields | changes))


def make_limit(number: int = 50, **changes: Any) -> LimitRule:
    fields: dict[str, Any] = {
        "id": number, "groups": (), "lane_kinds": (), "canteens": (), "periods": (), "per": LimitPer.MEAL,
        "times": 0, "amount_fen": 0, "when_absent": "refuse",
    }  # fmt: skip
    return LimitRule(**(fields | changes))


def make_period(number: int, start_minute: int, end_minute: int, **changes: Any) -> MealPeriod:
    fields: dict[str, Any] = {
        "id": number, "name_zh": "午餐", "name_en": "Lunch", "start_minute": start_minute, "end_minute": end_minute,
        "canteens": (), "weekdays": (),
    }  # fmt: skip
    return MealPeriod(**(fields | changes))


def make_rules(**changes: Any) -> RuleBook:
    fields: dict[str, Any] = {
        "buckets": [make_bucket(10), make_bucket(20, BucketKind.MEAL, expires_on=20261130)],
        "scenes": [make_scene(BucketKind.MEAL, BucketKind.CASH)],
        "periods": [make_period(2, 660, 810), make_period(3, 1020, 1170)],
    }
    return RuleBook(**(fields | changes))


def make_payment(priced_fen: int, **changes: Any) -> Payment:
    fields: dict[str, Any] = {
        "person": make_person(), "credential": make_credential(), "lane_kind": LaneKind.PLATE, "canteen": 1,
        "site": 1, "priced_fen": priced_fen, "moments": (LUNCH,), "replica_age_s": 0, "online": True,
    }  # fmt: skip
    return Payment(**(fields | changes))


def make_line(amount_fen: int, **changes: Any) -> Line:
    fields: dict[str, Any] = {
        "dish": 1, "plate": "", "quantity": 1, "weight_g": 0, "unit_price_fen": amount_fen, "amount_fen": amount_fen,
    }  # fmt: skip
    return Line(**(fields | changes))


def make_settlement(**changes: Any) -> Settlement:
    fields: dict[str, Any] = {
        "attempt": "a", "lane": 1, "canteen": 1, "stall": 1, "person": 1, "period": 2, "business_day": 20261120,
        "receipt_no": 1, "gross_fen": 1000, "discount_fen": 0, "fee_fen": 0, "amount_fen": 1000, "shares": (),
        "uses": (), "lines": (), "credential_kind": 1, "credential": 7, "code_step": 0,
    }  # fmt: skip
    return Settlement(**(fields | changes))

"""Reference records of a world's canteens, as the cloud publishes them to its gateways."""

from typing import Any, Final

import msgspec

from protocols.canteen.reference import Canteen, Dish, Lane, Operator, Price
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
    Scene,
)

CASH: Final = 10
PASSES: Final = 15  # counts meals, not fen
SUBSIDY: Final = 20  # and on: one a month (rule 2)
ONE_A_MEAL: Final = 7  # a limit rule
OPERATOR: Final = 90
GROUP_LIMITED: Final = 2
NO_END: Final = 20991231

LUNCH, SUPPER = 2, 3
PERIODS: Final = {LUNCH: (660, 840), SUPPER: (1020, 1170)}  # minutes of the day


def lane_of(site: int, number: int) -> Lane:
    """A lane of a site."""
    return Lane(
        site * 10 + number, site, site * 100 + number, LaneKind.POS, f"{number} 号窗口", f"Lane {number}", f"A{number}"
    )


def person(number: int, home: int, *, limited: bool, blocked: str = "") -> Person:
    """A diner; a limited one may eat once a meal at the reduced place."""
    return Person(number, f"{number:04}", f"人{number % 10}*", GROUP_LIMITED if limited else 1, home, 0, 0, blocked, 0)


def credential(number: int) -> Credential:
    """The card of a person."""
    return Credential(1_000 + number, CredentialKind.CARD, number, b"", 0, 0, 0)


def bucket(number: int, *, expires_on: int = 0) -> Bucket:
    """Cash, or the subsidy of a month."""
    kind = {CASH: BucketKind.CASH, PASSES: BucketKind.WELFARE}.get(number, BucketKind.MEAL)
    name = (f"账户{number}", f"Account {number}")
    return Bucket(number, kind, *name, 0, expires_on, (), (), (), 0, 0, 0, number == PASSES)


def price(fen: int) -> Price:
    """What the one dish costs."""
    return Price(1, 0, fen, 1)


def fixed(sites: range, lanes: int) -> dict[str, dict[str, Any]]:
    """Everything that does not change while a world runs."""
    every = [lane_of(site, number) for site in sites for number in range(1, lanes + 1)]
    return {
        "scenes": {"3": Scene(3, LaneKind.POS, 0, (BucketKind.MEAL, BucketKind.CASH, BucketKind.WELFARE), (), 0, 0)},
        "limit_rules": {
            str(ONE_A_MEAL): LimitRule(ONE_A_MEAL, (GROUP_LIMITED,), (), (), (), LimitPer.MEAL, 1, 0, "refuse")
        },
        "periods": {
            str(number): MealPeriod(number, f"餐{number}", f"Meal {number}", *minutes, (), ())
            for number, minutes in PERIODS.items()
        },
        "canteens": {str(site): Canteen(site, site, f"{site} 食堂", f"Canteen {site}", 0) for site in sites},
        "lanes": {str(lane.id): lane for lane in every},
        "dishes": {"1": Dish(1, "套餐", "Set meal", "套餐", by_weight=False)},
        "prices": {"1:0": Price(1, 0, 1_200, 1)},
        "operators": {str(OPERATOR): Operator(OPERATOR, 900, "李*", "", b"", 0)},
    }


def changes(rows: dict[str, Any], from_ms: int = 0) -> list[tuple[str, int, bytes | None]]:
    """Rows as the office publishes them; None takes a record away."""
    return [(key, from_ms, None if row is None else msgspec.msgpack.encode(row)) for key, row in rows.items()]

"""Meal periods and business days."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.payments.periods import Calendar, Moment
from protocols.values.instants import to_ms
from tests.support.payment_rules import make_period

ZONE = ZoneInfo("Asia/Shanghai")
PERIODS = [make_period(1, 390, 540), make_period(2, 660, 810), make_period(3, 1020, 1170), make_period(4, 1260, 1560)]

pytestmark = pytest.mark.capability("SET-09")


def at(day: int, hour: int, minute: int = 0, second: int = 0) -> int:
    return to_ms(datetime(2026, 11, day, hour, minute, second, tzinfo=ZONE))


def calendar(periods: Any = PERIODS, **changes: Any) -> Calendar:
    fields: dict[str, Any] = {"canteen": 1, "zone": ZONE, "day_starts_minute": 240}
    return Calendar(periods, **(fields | changes))


@pytest.mark.parametrize(
    ("instant_ms", "expected"),
    [
        (at(20, 11), Moment(2, 20261120)),
        (at(20, 10, 59, 59), Moment(0, 20261120)),
        (at(20, 13, 29, 59), Moment(2, 20261120)),
        (at(20, 13, 30), Moment(0, 20261120)),
        (at(20, 23, 59, 59), Moment(4, 20261120)),
        (at(21, 1, 59), Moment(4, 20261120)),
        (at(21, 2), Moment(0, 20261120)),
        (at(21, 3, 59, 59), Moment(0, 20261120)),
        (at(21, 4), Moment(0, 20261121)),
    ],
)
def test_a_late_snack_past_midnight_belongs_to_the_day_it_started_on(instant_ms: Any, expected: Any) -> None:
    assert calendar().moment(instant_ms) == expected


def test_a_period_keeps_to_its_weekdays_and_canteens() -> None:
    weekdays_only = [make_period(2, 660, 810, weekdays=(0, 1, 2, 3, 4))]
    assert calendar(weekdays_only).moment(at(20, 12)).period == 2
    assert calendar(weekdays_only).moment(at(21, 12)).period == 0
    elsewhere = [make_period(2, 660, 810, canteens=(9,))]
    assert calendar(elsewhere).moment(at(20, 12)).period == 0


def test_a_canteens_own_period_goes_before_the_general_one() -> None:
    periods = [make_period(2, 600, 840), make_period(8, 660, 720, canteens=(1,))]
    assert calendar(periods).moment(at(20, 11, 30)).period == 8
    assert calendar(periods).moment(at(20, 12, 30)).period == 2


@pytest.mark.rule(19)
def test_rule_19_an_unsure_clock_near_a_boundary_stands_in_both_meals() -> None:
    assert calendar().moments(at(20, 10, 59, 59), 2_000) == (Moment(0, 20261120), Moment(2, 20261120))
    assert calendar().moments(at(20, 12), 2_000) == (Moment(2, 20261120),)
    assert calendar().moments(at(21, 4), 1) == (Moment(0, 20261121), Moment(0, 20261120))


@pytest.mark.rule(19)
@given(offset_s=st.integers(0, 10 * 86_400), uncertainty_ms=st.integers(0, 6 * 3_600_000), part=st.floats(-1, 1))
def test_rule_19_every_instant_within_the_uncertainty_is_among_the_moments(
    offset_s: Any, uncertainty_ms: Any, part: Any
) -> None:
    here = calendar()
    instant_ms = at(16, 0) + offset_s * 1000
    moments = here.moments(instant_ms, uncertainty_ms)
    assert moments[0] == here.moment(instant_ms)
    assert here.moment(instant_ms + int(uncertainty_ms * part)) in moments


def test_a_wild_uncertainty_ends_and_meets_every_meal() -> None:
    moments = calendar().moments(at(20, 12), 10**15)
    assert {moment.period for moment in moments} == {0, 1, 2, 3, 4}


def test_a_day_with_a_clock_change_keeps_wall_times() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    here = Calendar([make_period(1, 390, 540)], canteen=1, zone=berlin)
    start = datetime(2026, 10, 25, 6, 30, tzinfo=berlin).astimezone(UTC)
    assert here.moment(to_ms(start)).period == 1
    assert here.moment(to_ms(start - timedelta(milliseconds=1))).period == 0


def test_keys_of_meal_day_and_month_never_meet() -> None:
    moment = Moment(2, 20261120)
    assert len({moment.meal_key, moment.business_day, moment.month}) == 3

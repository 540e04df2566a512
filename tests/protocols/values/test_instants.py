"""Instants are UTC; a day is the site's own, also past midnight."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.values.errors import Malformed
from protocols.values.instants import date_to_day, day_to_date, local_day, to_datetime, to_ms


@given(st.integers(0, 4 * 10**12))
def test_an_instant_survives_the_way_to_a_datetime_and_back(instant_ms: int) -> None:
    assert to_ms(to_datetime(instant_ms)) == instant_ms


def test_a_naive_time_is_no_instant() -> None:
    with pytest.raises(Malformed):
        to_ms(datetime(2026, 11, 20))  # noqa: DTZ001  the naive time is the point


def test_a_business_day_that_begins_at_four_holds_the_night_before() -> None:
    one_in_the_night = to_ms(datetime(2026, 11, 20, 17, 0, tzinfo=UTC))  # 01:00 of the 21st in Shanghai
    zone = ZoneInfo("Asia/Shanghai")
    assert local_day(one_in_the_night, zone) == 20261121
    assert local_day(one_in_the_night, zone, day_starts_minute=240) == 20261120


def test_a_day_number_is_a_calendar_date_or_refused() -> None:
    assert day_to_date(20240229) == date(2024, 2, 29)
    assert date_to_day(date(2024, 2, 29)) == 20240229
    with pytest.raises(Malformed):
        day_to_date(20250229)

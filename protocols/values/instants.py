"""Instants are whole milliseconds of UTC since 1970; days are yyyymmdd numbers of a site's own calendar."""

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Protocol

from protocols.values.errors import Malformed

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """The time as the process sees it; injected, so that a test or a seed replays it."""

    def now_ms(self) -> int:
        """UTC, milliseconds since 1970; may jump."""

    def monotonic_ms(self) -> int:
        """Milliseconds since an unknown start; never runs backwards within a boot."""


def to_datetime(instant_ms: int) -> datetime:
    """Aware UTC of an instant."""
    return _EPOCH + timedelta(milliseconds=instant_ms)


def to_ms(moment: datetime) -> int:
    """Instant of an aware datetime; raises Malformed for a naive one."""
    if moment.tzinfo is None:
        raise Malformed("an instant needs its time zone")
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def local_day(instant_ms: int, zone: tzinfo, *, day_starts_minute: int = 0) -> int:
    """Business day (yyyymmdd) of an instant at a site whose day begins `day_starts_minute` after midnight."""
    local = to_datetime(instant_ms).astimezone(zone) - timedelta(minutes=day_starts_minute)
    return local.year * 10_000 + local.month * 100 + local.day


def day_to_date(day: int) -> date:
    """Calendar date of a yyyymmdd number; raises Malformed."""
    try:
        return date(day // 10_000, day // 100 % 100, day % 100)
    except ValueError as error:
        raise Malformed(f"{day} is no yyyymmdd day") from error


def date_to_day(value: date) -> int:
    """Yyyymmdd of a date."""
    return value.year * 10_000 + value.month * 100 + value.day

"""Meal periods and business days of a site's own calendar, also where the clock is not sure of itself (rule 19)."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta, tzinfo
from typing import NamedTuple

from protocols.payments.reference import MealPeriod
from protocols.values.instants import date_to_day, to_datetime, to_ms

_MIDNIGHT = datetime.min.time()
_WIDEST_MS = 8 * 86_400_000  # an error of more days than this has met every meal of every weekday already


class Moment(NamedTuple):
    """Where an instant falls: meal period (0 outside all) and the business day it belongs to."""

    period: int
    business_day: int

    @property
    def month(self) -> int:
        """The business day as a month, yyyymm."""
        return self.business_day // 100

    @property
    def meal_key(self) -> int:
        """One number for this meal of this day; never equal to a day's or a month's number."""
        return self.business_day * 1_000_000 + self.period


class _Span(NamedTuple):
    from_ms: int
    until_ms: int
    moment: Moment


class Calendar:
    """Meal periods of one canteen. The day of a period that passes midnight is the one it starts on.

    Remembers the span it answered from last: asking again within it costs next to nothing.
    """

    def __init__(
        self, periods: Iterable[MealPeriod], *, canteen: int, zone: tzinfo, day_starts_minute: int = 0
    ) -> None:
        mine = [period for period in periods if not period.canteens or canteen in period.canteens]
        self._periods = sorted(mine, key=lambda period: (not period.canteens, period.start_minute, period.id))
        self._zone = zone
        self._day_starts_minute = day_starts_minute
        self._last = _Span(0, 0, Moment(0, 0))

    def moment(self, instant_ms: int) -> Moment:
        """Period and business day of an instant."""
        return self._span(instant_ms).moment

    def moments(self, instant_ms: int, uncertainty_ms: int = 0) -> tuple[Moment, ...]:
        """Every moment the true time may fall in; the first is the one of `instant_ms` itself."""
        span = self._span(instant_ms)
        reach_ms = min(uncertainty_ms, _WIDEST_MS)
        if span.from_ms <= instant_ms - reach_ms and instant_ms + reach_ms < span.until_ms:
            return (span.moment,)
        found = [span.moment]
        at_ms = instant_ms - reach_ms
        while at_ms <= instant_ms + reach_ms:
            other = self._find(at_ms)
            if other.moment not in found:
                found.append(other.moment)
            at_ms = other.until_ms
        return tuple(found)

    def _span(self, instant_ms: int) -> _Span:
        if not self._last.from_ms <= instant_ms < self._last.until_ms:
            self._last = self._find(instant_ms)
        return self._last

    def _find(self, instant_ms: int) -> _Span:
        today = to_datetime(instant_ms).astimezone(self._zone).date()
        edges = sorted(self._edges(today))
        from_ms = max(edge for edge in edges if edge <= instant_ms)
        until_ms = min(edge for edge in edges if edge > instant_ms)
        return _Span(from_ms, until_ms, self._moment(instant_ms, today))

    def _moment(self, instant_ms: int, today: date) -> Moment:
        for period in self._periods:
            for day in (today, today - timedelta(days=1)):
                starts_ms, ends_ms = self._bounds(period, day)
                if starts_ms <= instant_ms < ends_ms:
                    return Moment(period.id, date_to_day(day))
        if instant_ms < self._at(today, self._day_starts_minute):
            today -= timedelta(days=1)
        return Moment(0, date_to_day(today))

    def _edges(self, today: date) -> Iterator[int]:
        for shift in (-1, 0, 1, 2):
            day = today + timedelta(days=shift)
            yield self._at(day, self._day_starts_minute)
            for period in self._periods:
                yield from self._bounds(period, day)

    def _bounds(self, period: MealPeriod, day: date) -> tuple[int, int]:
        if period.weekdays and day.weekday() not in period.weekdays:
            nothing = self._at(day, self._day_starts_minute)
            return nothing, nothing
        return self._at(day, period.start_minute), self._at(day, period.end_minute)

    def _at(self, day: date, minute: int) -> int:
        days, minute = divmod(minute, 1440)
        wall = datetime.combine(day + timedelta(days=days), _MIDNIGHT, self._zone)
        return to_ms(wall.replace(hour=minute // 60, minute=minute % 60))

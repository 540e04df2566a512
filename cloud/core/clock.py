"""Time as a collaborator: aware UTC for facts, a monotonic reading for durations."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Where the cloud reads time from; passed in, so that tests and simulations hold it."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""

    def monotonic_s(self) -> float:
        """Seconds from an arbitrary start that never step back."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Seconds from an arbitrary start that never step back."""
        return time.monotonic()


class ManualClock:
    """A clock that moves only when told to: for tests and seeded simulations."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)
        self._monotonic_s = 0.0

    def now(self) -> datetime:
        """The instant it was last set to."""
        return self._now

    def monotonic_s(self) -> float:
        """Seconds it was moved forward by in all."""
        return self._monotonic_s

    def move(self, step: timedelta) -> None:
        """Move forward by `step`."""
        self._now += step
        self._monotonic_s += step.total_seconds()

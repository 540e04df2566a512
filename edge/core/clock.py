"""Time as the edge sees it: the machine's clock, one for tests, and the site's time anchored to the cloud's."""

import time
from typing import NamedTuple

from protocols.values.instants import Clock


class SystemClock:
    """The machine's own clock."""

    def now_ms(self) -> int:
        """UTC, milliseconds since 1970; may jump."""
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        """Milliseconds since an unknown start."""
        return time.monotonic_ns() // 1_000_000


class ManualClock:
    """A clock that moves when told to, for tests and seeds."""

    def __init__(self, now_ms: int = 1_800_000_000_000) -> None:
        self._now_ms = now_ms
        self._monotonic_ms = 1_000

    def now_ms(self) -> int:
        """The wall clock."""
        return self._now_ms

    def monotonic_ms(self) -> int:
        """The steady clock."""
        return self._monotonic_ms

    def advance(self, by_ms: int) -> None:
        """Both clocks move on."""
        self._now_ms += by_ms
        self._monotonic_ms += by_ms

    def jump(self, by_ms: int) -> None:
        """Only the wall clock moves, as when somebody sets it."""
        self._now_ms += by_ms


class Stamp(NamedTuple):
    """One reading: `now_ms` is the best known UTC, true within `uncertainty_ms`; the wall clock plus `offset_ms`."""

    now_ms: int
    monotonic_ms: int
    offset_ms: int
    uncertainty_ms: int


class SiteTime:
    """The site's time. Anchored to the cloud's clock it follows the steady clock: a wall clock set wrong moves nothing.

    It fulfils `Clock`: `now_ms` is the best known UTC. Safe to read from any thread.
    """

    def __init__(self, clock: Clock, *, unanchored_uncertainty_ms: int = 60_000, drift_ppm: int = 100) -> None:
        self._clock = clock
        self._unanchored_ms = unanchored_uncertainty_ms
        self._drift_ppm = drift_ppm
        self._anchor: tuple[int, int, int] | None = None

    def anchor(self, *, server_ms: int, round_trip_ms: int) -> None:
        """Take the cloud's time, told in an answer that took `round_trip_ms`, where it is surer than what is known."""
        half = (round_trip_ms + 1) // 2
        if self._anchor is not None and half > self.stamp().uncertainty_ms:
            return
        self._anchor = (server_ms + half, self._clock.monotonic_ms(), half)

    def stamp(self) -> Stamp:
        """A reading of the best known time."""
        monotonic_ms = self._clock.monotonic_ms()
        anchor = self._anchor
        if anchor is None:
            return Stamp(self._clock.now_ms(), monotonic_ms, 0, self._unanchored_ms)
        at_anchor_ms, anchored_ms, half = anchor
        passed = monotonic_ms - anchored_ms
        now_ms = at_anchor_ms + passed
        return Stamp(
            now_ms, monotonic_ms, now_ms - self._clock.now_ms(), half + passed * self._drift_ppm // 1_000_000 + 1
        )

    def now_ms(self) -> int:
        """Best known UTC."""
        return self.stamp().now_ms

    def monotonic_ms(self) -> int:
        """The steady clock."""
        return self._clock.monotonic_ms()

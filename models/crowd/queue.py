"""A queue in a zone: how many stand in it, and how long a newcomer will wait, by Little's law (L = λ W)."""

import statistics
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from models.crowd.track import Track
from models.zones import Zone

MOST_FRAMES: Final = 4_096
_MOST_SERVED: Final = 1_024
_MOST_STANDING: Final = 256


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """Times over which a queue is looked at.

    `smooth_ms`: people are the median over it. `window_ms`: how far back service is looked at. `stood_ms`: whoever was
    in the zone for less walked through it. `least_served`: with fewer, no time is told.
    """

    smooth_ms: int = 3_000
    window_ms: int = 600_000
    stood_ms: int = 3_000
    least_served: int = 3
    level: float = 0.5


@dataclass(frozen=True, slots=True)
class QueueState:
    """What a screen shows. `wait_s` is None while too few were served to tell; 0 people wait 0 seconds."""

    people: int
    wait_s: int | None
    served_per_minute: float


class Queue:
    """One zone over time; bounded."""

    def __init__(self, zone: Zone, limits: QueueLimits | None = None) -> None:
        self.zone = zone
        self._limits = limits or QueueLimits()
        self._counts: deque[tuple[int, int]] = deque(maxlen=MOST_FRAMES)
        self._served: deque[int] = deque(maxlen=_MOST_SERVED)
        self._since: dict[int, int] = {}

    def add(self, tracks: Sequence[Track], width: int, height: int, at_ms: int) -> QueueState:
        """One frame; time that steps back starts anew. Whoever stood here and is now seen elsewhere was served."""
        if self._counts and at_ms <= self._counts[-1][0]:
            self._counts.clear()
            self._served.clear()
            self._since.clear()
        inside = 0
        for track in tracks:
            x, y = track.point(self._limits.level)
            if self.zone.holds(x / width, y / height):
                inside += 1
                self._since.setdefault(track.number, at_ms)
            elif (since := self._since.pop(track.number, None)) is not None and at_ms - since >= self._limits.stood_ms:
                self._served.append(at_ms)
        if len(self._since) > _MOST_STANDING:  # tracks that were lost: the oldest are of people long gone
            self._since = dict(list(self._since.items())[-_MOST_STANDING:])
        self._counts.append((at_ms, inside))
        self._forget(at_ms)
        return self._state(at_ms)

    def _forget(self, at_ms: int) -> None:
        while self._counts[0][0] < at_ms - self._limits.window_ms:
            self._counts.popleft()
        while self._served and self._served[0] < at_ms - self._limits.window_ms:
            self._served.popleft()

    def _state(self, at_ms: int) -> QueueState:
        latest = [count for seen_ms, count in self._counts if seen_ms > at_ms - self._limits.smooth_ms]
        people = round(statistics.median(latest))
        watched_s = (at_ms - self._counts[0][0]) / 1000
        rate = len(self._served) / watched_s if watched_s > 0 else 0.0
        if people == 0:
            return QueueState(0, 0, rate * 60)
        known = len(self._served) >= self._limits.least_served
        return QueueState(people, round(people / rate) if known else None, rate * 60)

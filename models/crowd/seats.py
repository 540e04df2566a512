"""Seats free in a canteen: those there are, less whom the doors let in, more whom they let out; drift is set right."""

import math
from dataclasses import dataclass
from typing import Any, Final

from models.crowd.door import Crossings

_ERROR: Final = 0.1  # of crossings that may be wrong; see docs/models/crowd.md


@dataclass(frozen=True, slots=True)
class SeatsState:
    """What a screen shows: free seats, people inside, and by how much both may be wrong by now."""

    free: int
    inside: int
    within: int

    def as_json(self) -> dict[str, Any]:
        """For a screen or a fact."""
        return {"free": self.free, "inside": self.inside, "within": self.within}


class FreeSeats:
    """One canteen. Every door of it must be counted; errors add up until a reset."""

    def __init__(self, seats: int, *, error: float = _ERROR) -> None:
        if seats < 0 or not 0 <= error <= 1:
            raise ValueError("seats are not negative, the error is a share")
        self._seats, self._error = seats, error
        self._inside = 0
        self._crossed = 0
        self.drift = 0  # people that went out though nobody was inside: what counting has surely missed since the start

    def add(self, crossings: Crossings) -> SeatsState:
        """After these crossings; nobody inside is the least there can be."""
        inside = self._inside + crossings.entered - crossings.left
        self.drift += max(0, -inside)
        self._inside = max(0, inside)
        self._crossed += crossings.entered + crossings.left
        return self.state

    def reset(self, inside: int = 0) -> SeatsState:
        """The room is known to hold so many: at closing time nobody, or as a person counted."""
        self._inside, self._crossed = max(0, inside), 0
        return self.state

    @property
    def state(self) -> SeatsState:
        """Now."""
        return SeatsState(max(0, self._seats - self._inside), self._inside, math.ceil(self._error * self._crossed))


def is_reset_due(last_ms: int, now_ms: int, *, at_minute: int, offset_minutes: int) -> bool:
    """Whether the daily minute at which the room is empty has passed between two instants, in the site's own time."""
    day_ms, shift_ms = 86_400_000, (offset_minutes - at_minute) * 60_000
    return (last_ms + shift_ms) // day_ms < (now_ms + shift_ms) // day_ms

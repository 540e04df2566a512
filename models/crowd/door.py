"""Counts people through a door: a line across the picture with a band about it, so that swaying on it is nothing."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from models.crowd.track import Track
from models.zones import Point

_BESIDE: Final = 0.05  # how far past its ends the line still counts, in shares of its length


class LineMalformed(ValueError):
    """The two ends are one point, or the inner point lies on the line: draw it again."""


@dataclass(frozen=True, slots=True)
class DoorLine:
    """A line from one point to another, in shares of the picture; `inside` is any point on the inner side.

    `band` is half the width of the strip in which nothing is decided, in shares of the picture's height; `level` is how
    far down a person's box the point lies that crosses (1 = the feet, for a camera that sees them).
    """

    name: str
    begin: Point
    end: Point
    inside: Point
    band: float = 0.03
    level: float = 0.5

    def __post_init__(self) -> None:
        if math.dist(self.begin, self.end) <= 0 or abs(self._across(self.inside, 1.0)) <= self.band:
            raise LineMalformed(self.name)

    def side(self, point: Point, aspect: float) -> int:
        """+1 inside, -1 outside, 0 within the band; `aspect` is the picture's width over its height."""
        far = self._across(point, aspect)
        if abs(far) <= self.band:
            return 0
        return 1 if (far > 0) == (self._across(self.inside, aspect) > 0) else -1

    def reaches(self, point: Point, aspect: float) -> bool:
        """Whether a point lies beside the line and not past its ends."""
        along_x, along_y = (self.end[0] - self.begin[0]) * aspect, self.end[1] - self.begin[1]
        share = ((point[0] - self.begin[0]) * aspect * along_x + (point[1] - self.begin[1]) * along_y) / (
            along_x**2 + along_y**2
        )
        return -_BESIDE <= share <= 1 + _BESIDE

    def _across(self, point: Point, aspect: float) -> float:
        """How far from the line, in shares of the height; its sign tells the side."""
        along_x, along_y = (self.end[0] - self.begin[0]) * aspect, self.end[1] - self.begin[1]
        off_x, off_y = (point[0] - self.begin[0]) * aspect, point[1] - self.begin[1]
        return (along_x * off_y - along_y * off_x) / math.hypot(along_x, along_y)


@dataclass(frozen=True, slots=True)
class Crossings:
    """How many came in and went out."""

    entered: int = 0
    left: int = 0

    def __add__(self, other: "Crossings") -> "Crossings":
        return Crossings(self.entered + other.entered, self.left + other.left)


class DoorCount:
    """One line over time: a track counts when it is clear of the band on the other side than before."""

    def __init__(self, line: DoorLine) -> None:
        self.line = line
        self.total = Crossings()
        self._sides: dict[int, int] = {}

    def add(self, tracks: Sequence[Track], width: int, height: int) -> Crossings:
        """The crossings of this frame; they are in `total` too. Tracks no longer there are forgotten."""
        aspect = width / height
        entered = left = 0
        sides: dict[int, int] = {}
        for track in tracks:
            x, y = track.point(self.line.level)
            point = (x / width, y / height)
            before, now = self._sides.get(track.number, 0), self.line.side(point, aspect)
            if now and before and now != before and self.line.reaches(point, aspect):
                entered, left = entered + (now > 0), left + (now < 0)
            sides[track.number] = now or before
        hidden = {number: side for number, side in self._sides.items() if number not in sides}
        self._sides = {**dict(list(hidden.items())[-len(tracks) - 128 :]), **sides}
        found = Crossings(entered, left)
        self.total += found
        return found

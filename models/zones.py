"""Zones of a camera's picture: polygons drawn once, in shares of its width and height, so that a resize keeps them."""

from dataclasses import dataclass
from typing import Final

Point = tuple[float, float]  # shares of width and height, 0 to 1
LEAST_POINTS: Final = 3
MOST_POINTS: Final = 32


class ZoneMalformed(ValueError):
    """The polygon has too few or too many corners, or one outside the picture: draw it again."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A named polygon. Raises ZoneMalformed."""

    name: str
    points: tuple[Point, ...]

    def __post_init__(self) -> None:
        if not LEAST_POINTS <= len(self.points) <= MOST_POINTS:
            raise ZoneMalformed(f"{self.name}: a zone has {LEAST_POINTS} to {MOST_POINTS} corners")
        if not all(0.0 <= value <= 1.0 for point in self.points for value in point):
            raise ZoneMalformed(f"{self.name}: a corner lies outside the picture")

    def holds(self, x: float, y: float) -> bool:
        """Whether a point lies inside, by the number of edges to its right."""
        inside = False
        before_x, before_y = self.points[-1]
        for now_x, now_y in self.points:
            if (now_y > y) != (before_y > y):
                crossing = now_x + (y - now_y) * (before_x - now_x) / (before_y - now_y)
                inside ^= x < crossing
            before_x, before_y = now_x, now_y
        return inside


def whole(name: str = "all") -> Zone:
    """The whole picture as one zone."""
    return Zone(name, ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)))

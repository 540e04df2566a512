"""Finds the round ware on a tray by its edges; a detector's bowl boxes may confirm what edges leave in doubt."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.dish.picture import Picture, usable

WORK_PX: Final = 480  # width at which everything is looked for
LEAST_RADIUS: Final = 0.115  # of the width of the picture: below it are cups
MOST_RADIUS: Final = 0.28
_BLUR: Final = 5
_EDGE: Final = 200.0
_ROUND: Final = 0.6  # how perfect a circle has to be, 0 to 1
_CONCENTRIC: Final = 0.35  # centres nearer than this share of the larger radius are one plate: its rim and its well
_OVERLAP: Final = 0.35  # two plates do not cover one another by more
_INSIDE: Final = 0.8  # share of the circle that lies in the picture

Box = tuple[float, float, float, float]  # x, y, width, height in pixels of the picture


@dataclass(frozen=True, slots=True)
class Ware:
    """A round thing: centre and radius in pixels of the picture; `score` is higher where edge and detector agree."""

    x: float
    y: float
    radius: float
    score: float

    @property
    def box(self) -> Box:
        """The square around it."""
        return self.x - self.radius, self.y - self.radius, 2 * self.radius, 2 * self.radius

    def mask(self, height: int, width: int, *, share: float = 1.0) -> NDArray[np.uint8]:
        """255 inside the circle (or a smaller one about the same centre)."""
        drawn = np.zeros((height, width), np.uint8)
        cv2.circle(drawn, (round(self.x), round(self.y)), max(1, round(self.radius * share)), 255, -1)
        return drawn


def find_ware(picture: Picture, hints: Sequence[Box] = ()) -> list[Ware]:
    """Plates and bowls, the surest first. Raises PictureUnusable. `hints` are bowl boxes of a detector."""
    usable(picture)
    ratio = WORK_PX / picture.shape[1]
    light = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)  # first, for one channel shrinks faster than three
    grey = cv2.resize(light, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA)
    circles = cv2.HoughCircles(
        cv2.medianBlur(grey, _BLUR),
        cv2.HOUGH_GRADIENT_ALT,
        2.0,
        WORK_PX * 0.09,
        param1=_EDGE,
        param2=_ROUND,
        minRadius=int(WORK_PX * LEAST_RADIUS),
        maxRadius=int(WORK_PX * MOST_RADIUS),
    )
    found: list[Any] = []
    if circles is not None:
        found = np.asarray(circles, dtype=np.float64).reshape(-1, np.asarray(circles).shape[-1]).tolist()
    candidates = [
        Ware(x / ratio, y / ratio, radius / ratio, 1.0 - place / 50) for place, (x, y, radius, *_) in enumerate(found)
    ]
    height, width = picture.shape[:2]
    inside = [ware for ware in candidates if _inside(ware, height, width) >= _INSIDE]
    hinted = [_from_box(box) for box in hints if min(box[2], box[3]) >= 2 * LEAST_RADIUS * width * 0.9]
    confirmed = [_confirm(ware, hinted) for ware in inside]
    return _apart(confirmed)


def _confirm(ware: Ware, hinted: Sequence[Ware]) -> Ware:
    near = any(cover(ware, hint) >= 0.4 for hint in hinted)  # noqa: PLR2004  a box and a circle never fit closely
    return Ware(ware.x, ware.y, ware.radius, ware.score + 0.5) if near else ware


def _from_box(box: Box) -> Ware:
    x, y, width, height = box
    return Ware(x + width / 2, y + height / 2, (width + height) / 4, 0.5)


def _apart(wares: Sequence[Ware]) -> list[Ware]:
    """One for each thing: of concentric circles the outer, of overlapping ones the surer."""
    kept: list[Ware] = []
    for ware in sorted(wares, key=lambda each: -each.radius):
        twin = next((each for each in kept if _distance(each, ware) < _CONCENTRIC * each.radius), None)
        if twin is None:
            kept.append(ware)
    chosen: list[Ware] = []
    for ware in sorted(kept, key=lambda each: -each.score):
        if all(cover(ware, each) < _OVERLAP for each in chosen):
            chosen.append(ware)
    return chosen


def _distance(first: Ware, second: Ware) -> float:
    return math.hypot(first.x - second.x, first.y - second.y)


def cover(first: Ware, second: Ware) -> float:
    """The area both cover over the area of the smaller one."""
    apart, small, large = _distance(first, second), *sorted((first.radius, second.radius))
    if apart >= small + large:
        return 0.0
    if apart <= large - small:
        return 1.0
    near = small * small * math.acos((apart * apart + small * small - large * large) / (2 * apart * small))
    far = large * large * math.acos((apart * apart + large * large - small * small) / (2 * apart * large))
    sides = (-apart + small + large) * (apart + small - large) * (apart - small + large) * (apart + small + large)
    return (near + far - 0.5 * math.sqrt(max(0.0, sides))) / (math.pi * small * small)


def _inside(ware: Ware, height: int, width: int) -> float:
    x, y, across, down = ware.box
    wide = min(width, x + across) - max(0.0, x)
    high = min(height, y + down) - max(0.0, y)
    return max(0.0, wide) * max(0.0, high) / (across * down)

"""A whole tray: the portions on it, each told by its dish, and what is left of each after the meal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from models.dish.embedder import Describer
from models.dish.errors import PictureUnusable
from models.dish.picture import Picture, Vector
from models.objects import Box, overlap
from models.tableware.food import FoodFinder, Portion
from models.tableware.ware import find_ware

_LEAST_ALIKE: Final = 0.4  # a pair less alike is not the same dish, whatever is left to choose from
_MARGIN: Final = 0.06  # of the box, kept around a portion
_GREY: Final = 127


@dataclass(frozen=True, slots=True)
class Match:
    """The same dish before and after: places in the two lists, and how alike they look."""

    before: int
    after: int
    likeness: float


def find_portions(
    picture: Picture, finder: FoodFinder, *, hints: Sequence[Box] = (), digest: str = ""
) -> list[Portion]:
    """Every portion on the tray, larger ones first. Raises PictureUnusable; no ware, no portions."""
    found = [portion for ware in find_ware(picture, hints) for portion in finder.portions(picture, ware, digest=digest)]
    chosen: list[Portion] = []
    for portion in sorted(found, key=lambda each: -each.area_px):
        if all(overlap(portion.box, each.box) < 0.6 for each in chosen):  # noqa: PLR2004  two wares saw the same food
            chosen.append(portion)
    return chosen


def cut_out(picture: Picture, portion: Portion) -> Picture:
    """The portion alone, what is not food turned grey, with a small margin."""
    x, y, width, height = (int(value) for value in portion.box)
    edge = round(_MARGIN * max(width, height))
    cut = np.full((height + 2 * edge, width + 2 * edge, 3), _GREY, np.uint8)
    cv2.copyTo(picture[y : y + height, x : x + width], portion.mask, cut[edge : edge + height, edge : edge + width])
    return cut


def vectors(picture: Picture, portions: Sequence[Portion], describer: Describer) -> list[Vector | None]:
    """What each portion looks like; None where nothing can be told of it."""
    found: list[Vector | None] = []
    for portion in portions:
        try:
            found.append(describer.describe(cut_out(picture, portion)))
        except PictureUnusable:
            found.append(None)
    return found


def match(before: Sequence[Vector | None], after: Sequence[Vector | None]) -> list[Match]:
    """Pairs of the same dish, the most alike first; each portion at most once; unlike ones stay alone."""
    pairs = [
        Match(place, other, float(first @ second))
        for place, first in enumerate(before)
        for other, second in enumerate(after)
        if first is not None and second is not None
    ]
    chosen: list[Match] = []
    for pair in sorted(pairs, key=lambda each: -each.likeness):
        free = all(pair.before != each.before and pair.after != each.after for each in chosen)
        if free and pair.likeness >= _LEAST_ALIKE:
            chosen.append(pair)
    return chosen


def leftovers(before: Sequence[Portion], after: Sequence[Portion], matches: Sequence[Match]) -> list[float]:
    """For each portion before the meal the share of its area left after it, 0 to 1; a dish not seen again is eaten."""
    left = [0.0] * len(before)
    for pair in matches:
        left[pair.before] = min(1.0, after[pair.after].area_px / max(1, before[pair.before].area_px))
    return left

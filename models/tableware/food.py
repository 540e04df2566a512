"""The food in a plate or bowl: which pixels are food, learnt from trays marked by hand, and which lie together."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from models.dish.picture import Picture
from models.tableware.grain import apart_from_ware, features, product
from models.tableware.ware import Box, Ware

Mask = NDArray[np.uint8]  # 255 where the thing is

WEIGHTS_FILE: Final = Path(__file__).with_name("food.npz")
WORK_PX: Final = 320  # width at which pixels are looked at; the weights belong to it
_USED: Final = 0.97  # of the radius: the rim's own edge is not food
_LEAST_SHARE: Final = 0.015  # of the ware's area: less is a crumb
_ALIKE: Final = 16.0  # lumps whose colours differ by less, in Lab of bytes, are one dish


@dataclass(frozen=True, slots=True)
class Portion:
    """Food lying together: the ware it lies on, its box in the picture, its mask within the box, and its area."""

    ware: Ware
    mask: Mask
    box: Box
    area_px: int


@dataclass(frozen=True, slots=True)
class Weights:
    """Two layers over the numbers of a pixel; the outcome is the chance that it is food."""

    first: NDArray[np.float32]
    first_bias: NDArray[np.float32]
    second: NDArray[np.float32]
    second_bias: NDArray[np.float32]

    def food(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """The chance for each row of features."""
        hidden = np.maximum(product(rows, self.first) + self.first_bias, 0)
        power = np.clip(product(hidden, self.second)[:, 0] + self.second_bias, -50, 50)
        return np.asarray(1 / (1 + np.exp(-power)), dtype=np.float32)


class FoodFinder:
    """Finds food by weights of `models.tableware.training`; a picture learnt from has weights made without its tray."""

    def __init__(self, sets: dict[str, Weights], learnt: dict[str, str]) -> None:
        self._sets, self._learnt = sets, learnt

    @classmethod
    def shipped(cls, path: Path = WEIGHTS_FILE) -> Self:
        """By the weights beside this file."""
        with np.load(path, allow_pickle=False) as stored:
            names = [str(name) for name in stored["names"]]
            sets = {name: Weights(*(stored[f"{name}/{part}"] for part in range(4))) for name in names}
            learnt = dict(zip(map(str, stored["digests"]), map(str, stored["without"]), strict=True))
        return cls(sets, learnt)

    def weights(self, digest: str = "") -> Weights:
        """The weights to use; for a picture learnt from (by the SHA-256 of its file) those made without its tray."""
        return self._sets[self._learnt.get(digest, "all")]

    def portions(self, picture: Picture, ware: Ware, *, digest: str = "") -> list[Portion]:
        """The food on one ware by dish: lumps apart from one another and of another colour are different dishes."""
        patch = patch_of(picture, ware)
        mask = self._mask(patch, self.weights(digest))
        number, labels = cv2.connectedComponents(mask)
        lumps = [labels == each for each in range(1, number)]
        lumps.sort(key=lambda lump: -int(lump.sum()))
        groups: list[tuple[NDArray[np.bool_], NDArray[np.float32]]] = []
        for lump in lumps:
            colour = patch.lab[lump].mean(axis=0)
            for place, (joined, other) in enumerate(groups):
                if float(np.linalg.norm(colour - other)) < _ALIKE:
                    groups[place] = (joined | lump, other)
                    break
            else:
                groups.append((lump, colour))
        return [_portion(ware, patch, group) for group, _ in groups]

    def _mask(self, patch: "Patch", weights: Weights) -> Mask:
        """All the food in a patch; nothing where the ware is empty."""
        chance = weights.food(patch.rows()).reshape(patch.inside.shape) * patch.inside
        marked = np.where(cv2.GaussianBlur(chance, (0, 0), 1.4) > 0.5, 255, 0).astype(np.uint8)  # noqa: PLR2004
        marked = _morphed(_morphed(marked, cv2.MORPH_OPEN, 3), cv2.MORPH_CLOSE, 7)
        return _filled(_large(marked, _LEAST_SHARE * float(patch.inside.sum())))


@dataclass(frozen=True, slots=True)
class Patch:
    """The part of a picture around one ware at the working size: `ratio` of the picture's, from its left, top on."""

    lab: NDArray[np.float32]
    inside: NDArray[np.bool_]
    radius: float
    left: int
    top: int
    ratio: float
    whole: tuple[int, int]  # height and width of the picture

    def rows(self) -> NDArray[np.float32]:
        """The features of every pixel, row by row."""
        return features(self.lab, apart_from_ware(self.lab, self.inside), self.inside, radius=self.radius)


def patch_of(picture: Picture, ware: Ware) -> Patch:
    """The patch of a ware; what lies outside of the picture is left out."""
    ratio, (height, width) = WORK_PX / picture.shape[1], picture.shape[:2]
    left, top = max(0, int(ware.x - ware.radius)), max(0, int(ware.y - ware.radius))
    right, bottom = min(width, int(ware.x + ware.radius) + 1), min(height, int(ware.y + ware.radius) + 1)
    small = cv2.resize(picture[top:bottom, left:right], None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(cv2.GaussianBlur(small, (3, 3), 0.6), cv2.COLOR_BGR2LAB).astype(np.float32)
    centre = Ware((ware.x - left) * ratio, (ware.y - top) * ratio, ware.radius * ratio, ware.score)
    inside = centre.mask(*small.shape[:2], share=_USED) > 0
    return Patch(lab, inside, centre.radius, left, top, ratio, (height, width))


def _portion(ware: Ware, patch: Patch, lump: NDArray[np.bool_]) -> Portion:
    """The portion of a lump, at the picture's own size."""
    x, y, wide, high = cv2.boundingRect(np.where(lump, 255, 0).astype(np.uint8))
    part = np.where(lump[y : y + high, x : x + wide], 255, 0).astype(np.uint8)
    left, top = round(patch.left + x / patch.ratio), round(patch.top + y / patch.ratio)
    width = max(1, min(patch.whole[1] - left, round(wide / patch.ratio)))
    height = max(1, min(patch.whole[0] - top, round(high / patch.ratio)))
    mask = np.where(cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR) > 127, 255, 0)  # noqa: PLR2004
    box = float(left), float(top), float(width), float(height)
    return Portion(ware, mask.astype(np.uint8), box, int(np.count_nonzero(mask)))


def _large(marked: Mask, least: float) -> Mask:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(marked)
    kept = np.where(stats[:, cv2.CC_STAT_AREA] >= least, 255, 0).astype(np.uint8)
    kept[0] = 0
    return np.asarray(kept[labels], dtype=np.uint8)


def _filled(marked: Mask) -> Mask:
    """Without small holes: a pale piece of meat looks like a plate to a pixel, but not to its neighbours."""
    holes = _large(np.asarray(255 - marked, dtype=np.uint8), max(1.0, 0.12 * float((marked > 0).sum())))
    return np.asarray(255 - holes, dtype=np.uint8)


def _morphed(marked: Mask, how: int, size: int) -> Mask:
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return np.asarray(cv2.morphologyEx(marked, how, disc), dtype=np.uint8)

"""The food in a plate or bowl: which pixels are food, learnt from trays marked by hand, and which lie together."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from models.dish.picture import Picture
from models.tableware.grain import apart_from_ware, features
from models.tableware.ware import Box, Ware

Mask = NDArray[np.uint8]  # 255 where the thing is

WEIGHTS_FILE: Final = Path(__file__).with_name("food.npz")
WORK_PX: Final = 480  # width at which pixels are looked at; the weights belong to it
_USED: Final = 0.97  # of the radius: the rim's own edge is not food
_LEAST_SHARE: Final = 0.015  # of the ware's area: less is a crumb
_ALIKE: Final = 16.0  # lumps whose colours differ by less, in Lab of bytes, are one dish


@dataclass(frozen=True, slots=True)
class Portion:
    """Food lying together: its mask in the picture, its box and area in pixels, and the ware it lies on."""

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
        hidden = np.maximum(rows @ self.first + self.first_bias, 0)
        power = np.clip((hidden @ self.second + self.second_bias)[:, 0], -50, 50)
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

    def mask(self, picture: Picture, ware: Ware, *, digest: str = "") -> Mask:
        """All the food on one ware, at the picture's own size; nothing where the ware is empty."""
        small, scaled, inside = _scaled(picture, ware)
        lab = cv2.cvtColor(cv2.GaussianBlur(small, (0, 0), 0.8), cv2.COLOR_BGR2LAB).astype(np.float32)
        chance = np.zeros(inside.shape, np.float32)
        rows = features(lab, apart_from_ware(lab, inside), inside, radius=scaled.radius)
        chance[inside] = self.weights(digest).food(rows)
        marked = np.where(cv2.GaussianBlur(chance, (0, 0), 2.0) > 0.5, 255, 0).astype(np.uint8)  # noqa: PLR2004
        marked = _morphed(_morphed(marked, cv2.MORPH_OPEN, 5), cv2.MORPH_CLOSE, 9)
        marked = _filled(_large(marked, _LEAST_SHARE * float(inside.sum())))
        back = cv2.resize(marked, (picture.shape[1], picture.shape[0]), interpolation=cv2.INTER_LINEAR)
        return np.where(back > 127, 255, 0).astype(np.uint8)  # noqa: PLR2004  half of 255

    def portions(self, picture: Picture, ware: Ware, *, digest: str = "") -> list[Portion]:
        """The food on one ware by dish: lumps apart from one another and of another colour are different dishes."""
        mask = self.mask(picture, ware, digest=digest)
        number, labels = cv2.connectedComponents(mask)
        lab = cv2.cvtColor(picture, cv2.COLOR_BGR2LAB).astype(np.float32)
        lumps = [np.where(labels == each, 255, 0).astype(np.uint8) for each in range(1, number)]
        lumps.sort(key=lambda lump: -int((lump > 0).sum()))
        groups: list[tuple[Mask, NDArray[np.float32]]] = []
        for lump in lumps:
            colour = lab[lump > 0].mean(axis=0)
            for place, (joined, other) in enumerate(groups):
                if float(np.linalg.norm(colour - other)) < _ALIKE:
                    groups[place] = (np.maximum(joined, lump), other)
                    break
            else:
                groups.append((lump, colour))
        return [portion(ware, group) for group, _ in groups]


def portion(ware: Ware, mask: Mask) -> Portion:
    """The portion of a mask that is not empty."""
    x, y, width, height = cv2.boundingRect(mask)
    return Portion(ware, mask, (float(x), float(y), float(width), float(height)), int((mask > 0).sum()))


def pixel_rows(picture: Picture, ware: Ware) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """What training learns from: the features of the pixels inside, and where they are at the working size."""
    small, scaled, inside = _scaled(picture, ware)
    lab = cv2.cvtColor(cv2.GaussianBlur(small, (0, 0), 0.8), cv2.COLOR_BGR2LAB).astype(np.float32)
    return features(lab, apart_from_ware(lab, inside), inside, radius=scaled.radius), inside


def _scaled(picture: Picture, ware: Ware) -> tuple[Picture, Ware, NDArray[np.bool_]]:
    ratio = WORK_PX / picture.shape[1]
    small = np.asarray(cv2.resize(picture, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    scaled = Ware(ware.x * ratio, ware.y * ratio, ware.radius * ratio, ware.score)
    return small, scaled, scaled.mask(*small.shape[:2], share=_USED) > 0


def _large(marked: Mask, least: float) -> Mask:
    number, labels, stats, _ = cv2.connectedComponentsWithStats(marked)
    keep = [each for each in range(1, number) if stats[each, cv2.CC_STAT_AREA] >= least]
    return np.where(np.isin(labels, keep), 255, 0).astype(np.uint8)


def _filled(marked: Mask) -> Mask:
    """Without small holes: a pale piece of meat looks like a plate to a pixel, but not to its neighbours."""
    holes = _large(np.asarray(255 - marked, dtype=np.uint8), max(1.0, 0.12 * float((marked > 0).sum())))
    return np.asarray(255 - holes, dtype=np.uint8)


def _morphed(marked: Mask, how: int, size: int) -> Mask:
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return np.asarray(cv2.morphologyEx(marked, how, disc), dtype=np.uint8)

"""What the parts of `models.dish` hand to one another: pictures, and what makes one useless."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.dish.errors import PictureUnusable

Picture = NDArray[np.uint8]  # H x W x 3, BGR
Vector = NDArray[np.float32]  # of length 1

LEAST_SIDE_PX: Final = 24
_NEARLY: Final = 1.4  # up to so many times larger, four neighbours hold what an area holds
_LEAST_SPREAD: Final = 6.0  # of 255: below it nothing is to be seen: a closed lens, a white wall
_NOISE_LEFT: Final = 0.35  # share of the spread that is left after blurring; every picture of a thing keeps over half


def usable(picture: object) -> Picture:
    """The picture, checked. Raises PictureUnusable naming why: no picture, too small, empty, or noise alone."""
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:  # noqa: PLR2004
        raise PictureUnusable("not three channels of bytes")
    if min(picture.shape[:2]) < LEAST_SIDE_PX:
        raise PictureUnusable("too small")
    grey = cv2.cvtColor(cv2.resize(picture, (96, 96), interpolation=cv2.INTER_NEAREST), cv2.COLOR_BGR2GRAY)
    spread = float(grey.std())
    if spread < _LEAST_SPREAD and float(picture.std(axis=(0, 1)).max()) < _LEAST_SPREAD:
        raise PictureUnusable("empty")
    if float(cv2.GaussianBlur(grey, (0, 0), 1.5).std()) < _NOISE_LEFT * spread:
        raise PictureUnusable("noise")
    return picture


def views(picture: Picture, size_px: int) -> NDArray[np.float32]:
    """The picture, its middle square, its middle 70 % and 50 %, each squeezed: 4 x 3 x size x size, RGB, 0..255."""
    height, width = picture.shape[:2]
    side = min(height, width)
    boxes = [(height, width), (side, side)] + [(int(height * part), int(width * part)) for part in (0.7, 0.5)]
    parts = []
    for high, wide in boxes:
        top, left = (height - high) // 2, (width - wide) // 2
        part = picture[top : top + high, left : left + wide]
        parts.append(squeezed(part, size_px))
    return np.asarray(cv2.dnn.blobFromImages(parts, swapRB=True), dtype=np.float32)


def squeezed(picture: Picture, size_px: int) -> Picture:
    """The picture at size x size; a larger one by way of twice that, whose halving is fast and takes every pixel in."""
    if max(picture.shape[:2]) > _NEARLY * size_px:
        picture = np.asarray(cv2.resize(picture, (2 * size_px, 2 * size_px), interpolation=cv2.INTER_LINEAR), np.uint8)
        return np.asarray(cv2.resize(picture, (size_px, size_px), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return np.asarray(cv2.resize(picture, (size_px, size_px), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def unit(vector: NDArray[np.float32]) -> Vector:
    """The vector at length 1; a vector without length stays as it is."""
    norm = float(np.linalg.norm(vector))
    return np.asarray(vector / np.float32(norm) if norm > 0 else vector, dtype=np.float32)

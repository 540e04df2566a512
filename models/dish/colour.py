"""The colours of a picture as one vector: by hue, and by lightness and two colour axes; the middle counts twice."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.dish.picture import Picture, Vector, squeezed, unit

_SIDE_PX: Final = 128
_MIDDLE: Final = 0.7


def colours(picture: Picture) -> Vector:
    """288 shares by hue, saturation and value, then 2048 by lightness and two colour axes; square roots, length 1."""
    small = squeezed(picture, _SIDE_PX)
    edge = round(_SIDE_PX * (1 - _MIDDLE) / 2)
    middle = np.ascontiguousarray(small[edge:-edge, edge:-edge])
    hue = unit(_hue(small) + _hue(middle))
    light = unit(_light(small) + _light(middle))
    return unit(np.concatenate([hue, light]))


def _hue(picture: Picture) -> NDArray[np.float32]:
    return _shares(
        np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2HSV), dtype=np.uint8), [12, 6, 4], [0, 180, 0, 256, 0, 256]
    )


def _light(picture: Picture) -> NDArray[np.float32]:
    counts = cv2.cvtColor(picture, cv2.COLOR_BGR2LAB)
    counted = cv2.calcHist([counts], [0, 1, 2], None, [8, 16, 16], [0, 256, 64, 192, 64, 192])
    shares = np.asarray(counted, dtype=np.float32).reshape(8, 16, 16)
    for axis in range(3):  # neighbours share, so that a slight change of light is a slight change of the vector
        padded = np.pad(shares, [(1, 1) if each == axis else (0, 0) for each in range(3)])
        low = np.take(padded, range(shares.shape[axis]), axis)
        high = np.take(padded, range(2, shares.shape[axis] + 2), axis)
        shares = 0.5 * shares + 0.25 * (low + high)
    return _root(shares.ravel())


def _shares(picture: NDArray[np.uint8], bins: list[int], ranges: list[float]) -> NDArray[np.float32]:
    return _root(np.asarray(cv2.calcHist([picture], [0, 1, 2], None, bins, ranges), dtype=np.float32).ravel())


def _root(counts: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.sqrt(counts / max(float(counts.sum()), 1.0)), dtype=np.float32)

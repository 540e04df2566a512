"""What a pixel on a plate looks like, as numbers: colour, difference from the plate, grain at three sizes, place."""

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

FEATURES: Final = 16
_SIZES: Final = (3, 7, 15)
_CONTEXT: Final = (7, 21, 43)
_SAMPLED: Final = 11  # every so many pixels make the surface
_LIGHT_WEIGHT: Final = 0.55  # a shadow is darker, hardly of another colour


def features(
    lab: NDArray[np.float32], apart: NDArray[np.float32], inside: NDArray[np.bool_], *, radius: float
) -> NDArray[np.float32]:
    """One row of `FEATURES` numbers of about unit size for each pixel, also outside; all in Lab of bytes."""
    light = np.ascontiguousarray(lab[:, :, 0])
    colour = np.asarray(cv2.magnitude(lab[:, :, 1] - 128, lab[:, :, 2] - 128), dtype=np.float32)
    contrast = np.sqrt((0.3 * apart[:, :, 0]) ** 2 + apart[:, :, 1] ** 2 + apart[:, :, 2] ** 2)
    weight = inside.astype(np.float32)
    around = {size: np.maximum(cv2.blur(weight, (size, size)), 1e-3) for size in {*_SIZES, *_CONTEXT}}

    def mean(plane: NDArray[np.float32], size: int) -> NDArray[np.float32]:
        """About each pixel, over what lies inside."""
        return np.asarray(cv2.blur(plane, (size, size)) / around[size], dtype=np.float32)

    def spread(plane: NDArray[np.float32], size: int) -> NDArray[np.float32]:
        """The standard deviation about each pixel, over what lies inside."""
        kept = plane * weight
        spread_2 = np.maximum(mean(kept * kept, size) - mean(kept, size) ** 2, 0)
        return np.asarray(np.sqrt(spread_2), dtype=np.float32)

    planes = [apart[:, :, 0] / 40, apart[:, :, 1] / 20, apart[:, :, 2] / 20, contrast / 25]
    planes += [(lab[:, :, 1] - 128) / 20, (lab[:, :, 2] - 128) / 20, light / 80 - 2]
    planes += [spread(light, size) / 20 for size in _SIZES]
    planes += [spread(colour, size) / 10 for size in _SIZES[1:]]
    planes += [mean(contrast * weight, size) / 25 for size in _CONTEXT]
    height, width = inside.shape
    down, across = (np.arange(side, dtype=np.float32) - (side - 1) / 2 for side in (height, width))
    planes.append(np.sqrt(down[:, None] ** 2 + across[None] ** 2) / np.float32(radius))
    return np.asarray(cv2.merge(planes), dtype=np.float32).reshape(-1, FEATURES)


def product(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """The matrix product by OpenCV: a BLAS wakes its threads for so small a one, and a busy machine makes it wait."""
    found = cv2.gemm(first, second, 1.0, None, 0.0)  # type: ignore[call-overload]  # no third matrix is added
    return np.asarray(found, dtype=np.float32)


def apart_from_ware(lab: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Each pixel less the ware's own colour there, in Lab: light and shade over the ware are a smooth surface."""
    height, width = inside.shape
    down, across = np.mgrid[-0.5 : 0.5 : height * 1j, -0.5 : 0.5 : width * 1j].astype(np.float32)
    every = np.asarray(cv2.merge([np.ones_like(down), down, across, down * across, down**2, across**2]))
    every = every.reshape(-1, 6).astype(np.float32, copy=False)
    picked = np.flatnonzero(inside)[::_SAMPLED]
    terms, colours = every[picked], lab.reshape(-1, 3)[picked]
    surface = np.zeros((6, 3), np.float32)
    weights = _trust((colours - _common(colours)) * np.array([0.25, 1.0, 1.0], np.float32), 14.0)
    for reach in (12.0, 9.0, 7.0, 7.0):
        pulled = terms * weights[:, None]
        surface = np.linalg.solve(pulled.T @ terms + 1e-3 * np.eye(6, dtype=np.float32), pulled.T @ colours)
        weights = _trust((colours - terms @ surface) * np.array([_LIGHT_WEIGHT, 1.0, 1.0], np.float32), reach)
    return np.asarray(lab - product(every, surface).reshape(lab.shape), dtype=np.float32)


def _trust(apart: NDArray[Any], reach: float) -> NDArray[np.float32]:
    """1 where the ware's colour was met, falling to 0 at `reach` (Tukey's biweight)."""
    far = np.sqrt((apart**2).sum(axis=1)) / reach
    return np.asarray(np.where(far < 1, (1 - far**2) ** 2, 0) + 1e-6, dtype=np.float32)


def _common(colours: NDArray[np.float32]) -> NDArray[np.float32]:
    """The colour most pixels have, lighter ones counting more: ware is seldom darker than its food."""
    bins = (colours / np.array([32, 4, 4], np.float32)).astype(np.intp)
    places = (bins[:, 0] * 64 + bins[:, 1]) * 64 + bins[:, 2]
    peak = int(np.bincount(places, weights=0.5 + colours[:, 0] / 255).argmax())
    return np.array([peak // 4096 * 32 + 16, peak // 64 % 64 * 4 + 2, peak % 64 * 4 + 2], np.float32)

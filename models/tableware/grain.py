"""What a pixel on a plate looks like, as numbers: colour, difference from the plate, grain at three sizes, place."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

FEATURES: Final = 16
_SIZES: Final = (5, 11, 23)
_LIGHT_WEIGHT: Final = 0.55  # a shadow is darker, hardly of another colour


def features(
    lab: NDArray[np.float32], apart: NDArray[np.float32], inside: NDArray[np.bool_], *, radius: float
) -> NDArray[np.float32]:
    """One row of `FEATURES` numbers of about unit size for each pixel inside; `lab` and `apart` in Lab of bytes."""
    light, colour = lab[:, :, 0], np.hypot(lab[:, :, 1] - 128, lab[:, :, 2] - 128)
    contrast = np.sqrt((0.3 * apart[:, :, 0]) ** 2 + apart[:, :, 1] ** 2 + apart[:, :, 2] ** 2)
    weight = inside.astype(np.float32)
    planes = [apart[:, :, 0] / 40, apart[:, :, 1] / 20, apart[:, :, 2] / 20, contrast / 25]
    planes += [(lab[:, :, 1] - 128) / 20, (lab[:, :, 2] - 128) / 20, light / 80 - 2]
    planes += [_spread(light, weight, size) / 20 for size in _SIZES]
    planes += [_spread(colour, weight, size) / 10 for size in _SIZES[1:]]
    planes += [_mean(contrast, weight, size) / 25 for size in (11, 33, 65)]
    height, width = inside.shape
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    middle_y, middle_x = float(rows[inside].mean()), float(columns[inside].mean())
    planes.append(np.hypot(rows - middle_y, columns - middle_x) / np.float32(radius))
    return np.stack([plane[inside] for plane in planes], axis=1).astype(np.float32)


def _mean(plane: NDArray[np.float32], weight: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """The mean about each pixel over what lies inside."""
    total = cv2.blur(plane * weight, (size, size))
    return np.asarray(total / np.maximum(cv2.blur(weight, (size, size)), 1e-3), dtype=np.float32)


def _spread(plane: NDArray[np.float32], weight: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """The standard deviation about each pixel over what lies inside."""
    mean = _mean(plane, weight, size)
    return np.sqrt(np.maximum(_mean(plane * plane, weight, size) - mean * mean, 0))


def apart_from_ware(lab: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Each pixel less the ware's own colour there, in Lab: light and shade over the ware are a smooth surface."""
    rows, columns = np.nonzero(inside)
    height, width = inside.shape
    down, across = (rows / height - 0.5).astype(np.float32), (columns / width - 0.5).astype(np.float32)
    terms = np.stack([np.ones_like(down), down, across, down * across, down**2, across**2], axis=1)
    colours = lab[inside]
    weights = _trust((colours - _common(colours)) * np.array([0.25, 1.0, 1.0], np.float32), 14.0)
    left = colours
    for reach in (12.0, 9.0, 7.0, 7.0):
        pulled = terms * weights[:, None]
        surface = np.linalg.solve(pulled.T @ terms + 1e-3 * np.eye(6, dtype=np.float32), pulled.T @ colours)
        left = (colours - terms @ surface).astype(np.float32)
        weights = _trust(left * np.array([_LIGHT_WEIGHT, 1.0, 1.0], np.float32), reach)
    found = np.zeros(lab.shape, np.float32)
    found[inside] = left
    return found


def _trust(apart: NDArray[np.float32], reach: float) -> NDArray[np.float32]:
    """1 where the ware's colour was met, falling to 0 at `reach` (Tukey's biweight)."""
    far = np.sqrt((apart**2).sum(axis=1)) / reach
    return np.asarray(np.where(far < 1, (1 - far**2) ** 2, 0) + 1e-6, dtype=np.float32)


def _common(colours: NDArray[np.float32]) -> NDArray[np.float32]:
    """The colour most pixels have, lighter ones counting more: ware is seldom darker than its food."""
    bins, ranges = (8, 24, 24), ((0, 256), (80, 176), (80, 176))
    counts, edges = np.histogramdd(colours, bins=bins, range=ranges, weights=0.5 + colours[:, 0] / 255)
    peak = np.unravel_index(int(counts.argmax()), counts.shape)
    return np.array([(edge[at] + edge[at + 1]) / 2 for edge, at in zip(edges, peak, strict=True)], np.float32)

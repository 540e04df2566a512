"""Pictures to learn from: cuts of real ones, mixtures of two, and plates and textures drawn from a seed."""

from collections.abc import Sequence
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.dish.picture import Picture

TEACHER_PX: Final = 224
_DRAWN_SHARE: Final = 0.25
_MIXED_SHARE: Final = 0.35


def sample(pictures: Sequence[Picture], chance: np.random.Generator) -> Picture:
    """One picture of 224 x 224: a cut, a mixture of two cuts, or a drawing."""
    kind = chance.random()
    if not pictures or kind < _DRAWN_SHARE:
        drawn = drawing(chance)
        if kind < _DRAWN_SHARE / 2 or not pictures:
            return shaken(drawn, chance)
        return shaken(_mixed(drawn, _cut_of(pictures, chance), chance), chance)
    first = _cut_of(pictures, chance)
    if kind < _DRAWN_SHARE + _MIXED_SHARE:
        return shaken(_mixed(first, _cut_of(pictures, chance), chance), chance)
    return shaken(first, chance)


def cut(picture: Picture, chance: np.random.Generator) -> Picture:
    """A part of the picture, of 15 % to all of it, of a shape between 3:4 and 4:3, turned at times, squeezed."""
    height, width = picture.shape[:2]
    share, shape = chance.uniform(0.15, 1.0), np.exp(chance.uniform(np.log(0.75), np.log(4 / 3)))
    wide = int(min(width, max(16, np.sqrt(share * height * width * shape))))
    high = int(min(height, max(16, np.sqrt(share * height * width / shape))))
    left, top = int(chance.integers(0, width - wide + 1)), int(chance.integers(0, height - high + 1))
    part = picture[top : top + high, left : left + wide]
    if chance.random() < 0.5:  # noqa: PLR2004  every second one
        part = part[:, ::-1]
    part = np.rot90(part, int(chance.integers(0, 4))) if chance.random() < 0.3 else part  # noqa: PLR2004
    return np.asarray(cv2.resize(part, (TEACHER_PX, TEACHER_PX), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def shaken(picture: Picture, chance: np.random.Generator) -> Picture:
    """Other light, other white, at times blurred or noisy, as another camera would see it."""
    changed: NDArray[Any] = picture.astype(np.float32)
    changed = (changed - 128) * chance.uniform(0.7, 1.3) + 128 + chance.uniform(-30, 30)
    changed *= chance.uniform(0.88, 1.12, 3).astype(np.float32)
    kind = chance.random()
    if kind < 0.15:  # noqa: PLR2004  one in seven
        changed = cv2.GaussianBlur(changed, (0, 0), chance.uniform(0.5, 2.0))
    elif kind < 0.3:  # noqa: PLR2004  and one in seven
        changed = changed + chance.normal(0, chance.uniform(2, 14), changed.shape).astype(np.float32)
    return np.clip(changed, 0, 255).astype(np.uint8)


def drawing(chance: np.random.Generator) -> Picture:
    """A plate of blobs on a table, or a texture that fills the picture."""
    base = texture(chance)
    if chance.random() < 0.4:  # noqa: PLR2004  two in five are texture alone
        return base
    centre = tuple(int(value) for value in chance.integers(80, 144, 2))
    axes = tuple(int(value) for value in chance.integers(60, 110, 2))
    rim, plate = (tuple(float(value) for value in chance.integers(150, 256, 3)) for _ in range(2))
    cv2.ellipse(base, centre, axes, float(chance.uniform(0, 180)), 0, 360, rim, -1, cv2.LINE_AA)
    cv2.ellipse(base, centre, tuple(int(a * 0.85) for a in axes), 0, 0, 360, plate, -1, cv2.LINE_AA)
    for _ in range(int(chance.integers(1, 4))):
        food, mask = texture(chance), np.zeros(base.shape[:2], np.uint8)
        for _ in range(int(chance.integers(1, 60))):
            at = tuple(int(value) for value in chance.normal(centre, min(axes) * 0.35))
            size = tuple(int(value) for value in chance.integers(3, 34, 2))
            cv2.ellipse(mask, at, size, float(chance.uniform(0, 180)), 0, 360, 255, -1, cv2.LINE_AA)
        weight = mask[:, :, None].astype(np.float32) / 255
        base = (food * weight + base * (1 - weight)).astype(np.uint8)
    return base


def texture(chance: np.random.Generator) -> Picture:
    """Noise of several grains in two or three colours, at times drawn out into fibres."""
    high = np.zeros((TEACHER_PX, TEACHER_PX), np.float32)
    for grain in chance.choice([3, 6, 12, 24, 48, 96], int(chance.integers(1, 4)), replace=False):
        cells = (int(grain), max(1, int(grain * np.exp(chance.normal(0, 0.6)))))
        coarse = chance.random(cells, dtype=np.float32)
        how = cv2.INTER_CUBIC if chance.random() < 0.7 else cv2.INTER_NEAREST  # noqa: PLR2004
        high += cv2.resize(coarse, (TEACHER_PX, TEACHER_PX), interpolation=how) * chance.uniform(0.3, 1.0)
    high = (high - high.min()) / (np.ptp(high) + 1e-6)
    colours = chance.integers(0, 256, (int(chance.integers(2, 4)), 3)).astype(np.float32)
    steps = np.linspace(0, 1, len(colours))
    planes = [np.interp(high, steps, colours[:, channel]) for channel in range(3)]
    return np.stack(planes, axis=2).astype(np.uint8)


def _cut_of(pictures: Sequence[Picture], chance: np.random.Generator) -> Picture:
    return cut(pictures[int(chance.integers(0, len(pictures)))], chance)


def _mixed(first: Picture, second: Picture, chance: np.random.Generator) -> Picture:
    """Half of the time one lies see-through over the other, half of the time a piece of it does."""
    if chance.random() < 0.5:  # noqa: PLR2004  every second one
        share = float(chance.beta(1.0, 1.0))
        return np.asarray(cv2.addWeighted(first, share, second, 1 - share, 0), dtype=np.uint8)
    mixed = first.copy()
    left, top = (int(value) for value in chance.integers(0, TEACHER_PX - 32, 2))
    wide, high = (int(value) for value in chance.integers(32, TEACHER_PX, 2))
    mixed[top : top + high, left : left + wide] = second[top : top + high, left : left + wide]
    return mixed

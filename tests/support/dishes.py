"""Drawn plates and trays, and a describer by colours alone, for tests of dishes that need no network."""

import cv2
import numpy as np

from models.dish.colour import colours
from models.dish.picture import Picture, Vector, usable

TRAY = (150, 185, 205)  # BGR


class ByColour:
    """Describes a picture by its colours: enough to part drawn dishes."""

    name = "colours"

    def __init__(self, name: str = "colours") -> None:
        self.name = name
        self.described = 0

    def describe(self, picture: Picture) -> Vector:
        self.described += 1
        return colours(usable(picture))


def dish(colour: tuple[int, int, int], *, seed: int = 0, side: int = 160) -> Picture:
    """A heap of one colour on a white plate; the seed moves the lumps."""
    chance = np.random.default_rng(seed)
    picture = np.full((side, side, 3), TRAY, np.uint8)
    cv2.circle(picture, (side // 2, side // 2), int(side * 0.47), (235, 235, 235), -1, cv2.LINE_AA)
    heap(picture, (side // 2, side // 2), int(side * 0.3), colour, chance)
    return picture


def heap(
    picture: Picture, at: tuple[int, int], radius: int, colour: tuple[int, int, int], chance: np.random.Generator
) -> None:
    """Many small lumps of about one colour around a point."""
    for _ in range(220):
        turn, far = chance.uniform(0, 2 * np.pi), radius * np.sqrt(chance.uniform(0, 1))
        spot = int(at[0] + far * np.cos(turn)), int(at[1] + far * np.sin(turn))
        light = chance.uniform(0.6, 1.25)
        shade = tuple(float(np.clip(value * light, 0, 255)) for value in colour)
        cv2.circle(picture, spot, max(2, radius // 9), shade, -1, cv2.LINE_AA)


def tray(dishes: list[tuple[int, int, tuple[int, int, int], float]], *, seed: int = 0, radius: int = 190) -> Picture:
    """A tray of 1280 x 960 with white plates: centre, colour of the food, and how full (0 is an empty plate)."""
    chance = np.random.default_rng(seed)
    picture = np.full((960, 1280, 3), TRAY, np.uint8)
    for x, y, colour, full in dishes:
        cv2.circle(picture, (x, y), radius, (238, 236, 232), -1, cv2.LINE_AA)
        cv2.circle(picture, (x, y), int(radius * 0.75), (226, 224, 220), 3, cv2.LINE_AA)
        if full > 0:
            heap(picture, (x, y), int(radius * 0.6 * np.sqrt(full)), colour, chance)
    grain = chance.normal(0, 2, picture.shape)
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


def noise(seed: int = 0, shape: tuple[int, int] = (240, 320)) -> Picture:
    """Every pixel by chance."""
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)


def empty(value: int = 128, shape: tuple[int, int] = (240, 320)) -> Picture:
    """One colour all over."""
    return np.full((*shape, 3), value, np.uint8)

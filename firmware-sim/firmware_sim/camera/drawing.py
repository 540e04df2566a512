"""Drawn trays and faces, plainly synthetic: every dish has its colours and texture, every face its features."""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Colour = tuple[float, float, float]

WIDTH_PX: Final = 960
HEIGHT_PX: Final = 720
_TRAY: Final = (150, 185, 205)
_SPOTS: Final = ((0.25, 0.28), (0.73, 0.28), (0.27, 0.73), (0.74, 0.73))
MOST_DISHES: Final = len(_SPOTS)
_LUMPS: Final = 240
_RIM: Final = 0.145  # of the width
_FOODS: Final[tuple[Colour, ...]] = (  # as seen in a canteen: blue, green, red of what a dish is mostly made of
    (38, 62, 128),  # braised meat
    (58, 132, 66),  # green vegetables
    (44, 172, 226),  # egg
    (40, 44, 188),  # tomato
    (34, 110, 222),  # carrot
    (96, 44, 92),  # aubergine
    (84, 190, 152),  # cabbage
    (36, 40, 52),  # black fungus
    (104, 136, 232),  # shrimps
    (60, 92, 166),  # fried bean curd
    (46, 100, 88),  # kelp
    (120, 200, 236),  # maize
)


def tray(dishes: Sequence[int], chance: np.random.Generator) -> Picture:
    """A tray with a white plate for each dish; `chance` moves plates and lumps. At most four are drawn."""
    picture = np.full((HEIGHT_PX, WIDTH_PX, 3), _TRAY, np.uint8)
    radius = int(_RIM * WIDTH_PX)
    for dish, (x, y) in zip(dishes, _SPOTS, strict=False):
        at = int(x * WIDTH_PX + chance.uniform(-12, 12)), int(y * HEIGHT_PX + chance.uniform(-10, 10))
        cv2.circle(picture, at, radius, (238, 236, 232), -1, cv2.LINE_AA)
        cv2.circle(picture, at, int(radius * 0.75), (226, 224, 220), 3, cv2.LINE_AA)
        _heap(picture, at, int(radius * 0.6), dish, chance)
    return picture


def colour_of(dish: int) -> Colour:
    """The main colour of a dish; from the thirteenth on a little darker."""
    darker = 0.85 ** (dish // len(_FOODS) % 4)
    blue, green, red = _FOODS[dish % len(_FOODS)]
    return blue * darker, green * darker, red * darker


def _heap(picture: Picture, at: tuple[int, int], radius: int, dish: int, chance: np.random.Generator) -> None:
    first, second = colour_of(dish), colour_of(dish * 5 + 3)
    for _ in range(_LUMPS):
        turn, far = chance.uniform(0, 2 * np.pi), radius * np.sqrt(chance.uniform(0, 1))
        spot = int(at[0] + far * np.cos(turn)), int(at[1] + far * np.sin(turn))
        light, base = chance.uniform(0.6, 1.25), first if chance.uniform() < 0.75 else second  # noqa: PLR2004
        shade = tuple(float(np.clip(part * light, 0, 255)) for part in base)
        _lump(picture, spot, radius, dish % 4, shade, chance)


def _lump(
    picture: Picture,
    spot: tuple[int, int],
    radius: int,
    style: int,
    shade: tuple[float, ...],
    chance: np.random.Generator,
) -> None:
    """A grain, a slice, a cube or a noodle."""
    if style == 0:
        cv2.circle(picture, spot, max(2, radius // 9), shade, -1, cv2.LINE_AA)
    elif style == 1:
        axes = max(3, radius // 5), max(2, radius // 16)
        cv2.ellipse(picture, spot, axes, float(chance.uniform(0, 180)), 0, 360, shade, -1, cv2.LINE_AA)
    elif style == 2:  # noqa: PLR2004
        size = max(3, radius // 5), max(3, radius // 6)
        corners = cv2.boxPoints((spot, size, float(chance.uniform(0, 90)))).astype(np.int32)
        cv2.fillPoly(picture, [corners], shade, cv2.LINE_AA)
    else:
        end = tuple(int(each + chance.uniform(-1, 1) * radius / 2.5) for each in spot)
        cv2.line(picture, spot, end, shade, max(2, radius // 22), cv2.LINE_AA)


def face(number: int, chance: np.random.Generator, *, width: int = 640, height: int = 480) -> Picture:
    """A drawn head before a wall; the number gives its features, `chance` how it is held."""
    own = np.random.default_rng(number)
    picture = np.full((height, width, 3), (188, 182, 170), np.uint8)
    x, y = width // 2 + int(chance.uniform(-6, 6)), height // 2 + int(chance.uniform(-5, 5))
    half = int(height * 0.2 * own.uniform(0.92, 1.05))
    tall = int(half * own.uniform(1.25, 1.45))
    skin = np.array([own.uniform(120, 160), own.uniform(155, 190), own.uniform(195, 230)])
    hair = tuple(float(v) for v in own.uniform(15, 70, 3))
    cv2.ellipse(
        picture, (x, y + int(tall * 1.9)), (half * 2, int(tall * 0.9)), 0, 0, 360, (90, 70, 60), -1, cv2.LINE_AA
    )
    cv2.ellipse(
        picture, (x, y - int(tall * 0.15)), (int(half * 1.1), int(tall * 1.1)), 0, 0, 360, hair, -1, cv2.LINE_AA
    )
    _head(picture, (x, y), half, tall, skin)
    _features(picture, (x, y), half, tall, skin, hair, own)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.1), dtype=np.uint8)


def _head(picture: Picture, at: tuple[int, int], half: int, tall: int, skin: NDArray[np.float64]) -> None:
    """Shaded from the middle outwards, so that it looks round."""
    neck = (int(half * 0.45), int(tall * 0.7))
    cv2.ellipse(picture, (at[0], at[1] + tall), neck, 0, 0, 360, _tone(skin, 0.8), -1, cv2.LINE_AA)
    for step in range(24):
        share = 1 - step / 32
        axes = int(half * share), int(tall * share)
        cv2.ellipse(picture, at, axes, 0, 0, 360, _tone(skin, 0.78 + 0.011 * step), -1, cv2.LINE_AA)


def _features(
    picture: Picture,
    at: tuple[int, int],
    half: int,
    tall: int,
    skin: NDArray[np.float64],
    hair: tuple[float, ...],
    own: np.random.Generator,
) -> None:
    x, y = at
    apart, level = int(half * own.uniform(0.38, 0.46)), y - int(tall * own.uniform(0.1, 0.18))
    for side in (-1, 1):
        eye = x + side * apart, level
        size = int(half * own.uniform(0.17, 0.21)), int(half * 0.09)
        cv2.ellipse(picture, eye, (size[0] + 3, size[1] + 4), 0, 0, 360, _tone(skin, 0.75), -1, cv2.LINE_AA)
        cv2.ellipse(picture, eye, size, 0, 0, 360, (235, 238, 240), -1, cv2.LINE_AA)
        cv2.circle(picture, eye, int(half * 0.085), (40, 50, 60), -1, cv2.LINE_AA)
        brow = eye[0], eye[1] - int(half * own.uniform(0.2, 0.26))
        cv2.ellipse(picture, brow, (int(half * 0.24), int(half * 0.05)), side * 6, 0, 360, hair, -1, cv2.LINE_AA)
    nose = y + int(tall * own.uniform(0.2, 0.26))
    cv2.line(picture, (x - 2, level), (x - int(half * 0.08), nose), _tone(skin, 0.82), 2, cv2.LINE_AA)
    cv2.ellipse(picture, (x, nose), (int(half * 0.16), int(half * 0.07)), 0, 0, 180, _tone(skin, 0.62), 3, cv2.LINE_AA)
    mouth = y + int(tall * own.uniform(0.5, 0.56))
    wide = int(half * own.uniform(0.3, 0.4))
    cv2.ellipse(picture, (x, mouth), (wide, int(half * 0.1)), 0, 0, 360, (90, 85, 170), -1, cv2.LINE_AA)
    cv2.line(picture, (x - wide, mouth), (x + wide, mouth), (60, 55, 110), 2, cv2.LINE_AA)


def _tone(skin: NDArray[np.float64], light: float) -> tuple[float, float, float]:
    blue, green, red = np.clip(skin * light, 0, 255)
    return float(blue), float(green), float(red)

"""Attacks composed from real photographs: a print or a screen held before a camera, at random and by seed.

They stand for attacks as well as a drawing can. No print was printed and no screen was filmed for them, so a rate on
them is an indication and not a certificate.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.face.picture import Face, Picture

KINDS = ("print", "print, bent", "print, filling the view", "screen", "screen, filling the view")
FRAME = (640, 480)
_AROUND = 2.4
_HELD_PX = 330


@dataclass(frozen=True, slots=True)
class Shown:
    """A photograph with the face that is to be shown to the camera."""

    name: str
    picture: Picture
    face: Face


def bona_fide(shown: Shown, chance: np.random.Generator) -> Picture:
    """The photograph as another camera might have taken it: other light, a little turned, with noise."""
    cut = _around(shown, float(chance.uniform(3.2, 4.5)))
    turned = _warped(cut, np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) + chance.uniform(-0.01, 0.01, (4, 2)))
    return _camera(_gain(turned, float(chance.uniform(0.85, 1.12))), chance, blur=0.4)


def attack(shown: Shown, kind: str, chance: np.random.Generator) -> Picture:
    """One frame of an attack of a kind of `KINDS`."""
    sheet = _paper(shown, chance) if kind.startswith("print") else _display(shown, chance)
    if kind.endswith("bent"):
        sheet = _bent(sheet, float(chance.uniform(0.06, 0.14)))
    if kind.endswith("view"):
        inner = sheet[sheet.shape[0] // 12 : -sheet.shape[0] // 12, sheet.shape[1] // 12 : -sheet.shape[1] // 12]
        held = _warped(inner, _corners(chance, 0.03))
        return _camera(_fitted(held), chance, blur=float(chance.uniform(0.5, 1.0)))
    return _camera(_held(sheet, chance), chance, blur=float(chance.uniform(0.5, 1.1)))


def moving(shown: Shown, kind: str, chance: np.random.Generator, frames: int = 9) -> Iterator[Picture]:
    """An attack's frames as it is moved about, tilted and turned before the camera."""
    still = attack(shown, kind, chance)
    swing = chance.uniform(-0.12, 0.12, (4, 2))
    for step in range(frames):
        share = float(np.sin(np.pi * step / (frames - 1)))
        corners = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]) + swing * share
        yield _camera(_warped(still, corners), chance, blur=0.3)


def _around(shown: Shown, scale: float) -> Picture:
    """The photograph around its face, upright, as large as a frame."""
    face, picture = shown.face, shown.picture
    high = face.height * scale
    wide = high * FRAME[0] / FRAME[1]
    left, top = face.x + face.width / 2 - wide / 2, face.y + face.height / 2 - high / 2
    matrix = np.array([[FRAME[0] / wide, 0, -left * FRAME[0] / wide], [0, FRAME[1] / high, -top * FRAME[1] / high]])
    return np.asarray(
        cv2.warpAffine(picture, matrix, FRAME, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE), dtype=np.uint8
    )


def _sheet(shown: Shown) -> Picture:
    """The face and what is around it, as a sheet or screen of portrait form shows it."""
    wide = _around(shown, _AROUND)
    side = int(FRAME[1] * 0.78)
    left = (FRAME[0] - side) // 2
    return np.asarray(wide[:, left : left + side], dtype=np.uint8)


def _paper(shown: Shown, chance: np.random.Generator) -> Picture:
    sheet = _sheet(shown).astype(np.float32)
    grey = sheet.mean(2, keepdims=True)
    sheet = grey + (sheet - grey) * float(chance.uniform(0.6, 0.9))  # inks reach fewer colours
    sheet = 26 + sheet * float(chance.uniform(0.72, 0.86))
    rows, columns = np.mgrid[0 : sheet.shape[0], 0 : sheet.shape[1]].astype(np.float32)
    pitch = float(chance.uniform(2.6, 4.2))
    dots = np.sin(2 * np.pi * (columns + rows) / pitch) * np.sin(2 * np.pi * (columns - rows) / pitch)
    sheet += dots[:, :, None] * float(chance.uniform(4, 11))
    sheet *= np.array([0.93, 0.98, 1.0], np.float32)  # paper under a warm lamp
    border = int(chance.integers(8, 22))
    framed = cv2.copyMakeBorder(sheet, border, border, border, border, cv2.BORDER_CONSTANT, value=(215, 222, 226))
    return _bytes(framed)


def _display(shown: Shown, chance: np.random.Generator) -> Picture:
    sheet = _sheet(shown).astype(np.float32) * float(chance.uniform(1.0, 1.2))
    rows, columns = np.mgrid[0 : sheet.shape[0], 0 : sheet.shape[1]].astype(np.float32)
    for channel in range(3):  # the grid of the screen against that of the sensor: slow coloured waves
        angle = float(chance.uniform(0, np.pi))
        pitch = float(chance.uniform(5, 18))
        wave = np.sin(2 * np.pi * (columns * np.cos(angle) + rows * np.sin(angle)) / pitch + channel)
        sheet[:, :, channel] *= 1 + wave * float(chance.uniform(0.03, 0.09))
    sheet *= np.array([1.08, 1.0, 0.93], np.float32)
    spot = np.exp(
        -((columns - chance.uniform(0, sheet.shape[1])) ** 2 + (rows - chance.uniform(0, sheet.shape[0])) ** 2)
        / (2 * chance.uniform(30, 70) ** 2)
    )
    sheet += spot[:, :, None] * float(chance.uniform(20, 90))
    bezel = int(chance.integers(12, 26))
    framed = cv2.copyMakeBorder(sheet, bezel, bezel, bezel, bezel, cv2.BORDER_CONSTANT, value=(14, 14, 16))
    return _bytes(framed)


def _bent(sheet: Picture, depth: float) -> Picture:
    height, width = sheet.shape[:2]
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    across = columns / width * 2 - 1
    shifted = rows + (across**2 - 0.5) * depth * height * (rows / height - 0.5) * 2
    bent = cv2.remap(sheet, columns, shifted.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(bent, dtype=np.uint8)


def _held(sheet: Picture, chance: np.random.Generator) -> Picture:
    """The sheet in somebody's hand, before a room that is out of focus."""
    room = (chance.uniform(60, 190, (6, 8, 1)) + chance.uniform(-18, 18, (6, 8, 3))).astype(np.float32)
    frame = cv2.GaussianBlur(cv2.resize(room, FRAME, interpolation=cv2.INTER_CUBIC), (0, 0), 9)
    height = _HELD_PX + int(chance.integers(-30, 60))
    width = int(height * sheet.shape[1] / sheet.shape[0])
    left = (FRAME[0] - width) // 2 + int(chance.integers(-40, 40))
    top = (FRAME[1] - height) // 2 + int(chance.integers(-20, 20))
    unit = np.array([[0, 0], [sheet.shape[1], 0], [sheet.shape[1], sheet.shape[0]], [0, sheet.shape[0]]], np.float32)
    place = _corners(chance, 0.06) * (width, height) + (left, top)
    matrix = cv2.getPerspectiveTransform(unit, place.astype(np.float32))
    shown = cv2.warpPerspective(sheet.astype(np.float32), matrix, FRAME)
    where = cv2.warpPerspective(np.ones(sheet.shape[:2], np.float32), matrix, FRAME)[:, :, None]
    return _bytes(frame * (1 - where) + shown * where)


def _corners(chance: np.random.Generator, share: float) -> NDArray[np.float64]:
    return np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]) + chance.uniform(-share, share, (4, 2))


def _warped(picture: Picture, corners: NDArray[np.float64]) -> Picture:
    height, width = picture.shape[:2]
    unit = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(unit, (corners * (width, height)).astype(np.float32))
    return np.asarray(
        cv2.warpPerspective(picture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), dtype=np.uint8
    )


def _fitted(picture: Picture) -> Picture:
    """The middle of a picture, filling a frame."""
    ratio = max(FRAME[0] / picture.shape[1], FRAME[1] / picture.shape[0])
    grown = cv2.resize(picture, None, fx=ratio, fy=ratio)
    left, top = (grown.shape[1] - FRAME[0]) // 2, (grown.shape[0] - FRAME[1]) // 2
    return np.asarray(grown[top : top + FRAME[1], left : left + FRAME[0]], dtype=np.uint8)


def _gain(picture: Picture, gain: float) -> Picture:
    return _bytes(picture.astype(np.float32) * gain)


def _bytes(picture: NDArray[Any] | cv2.typing.MatLike) -> Picture:
    return np.asarray(np.clip(picture, 0, 255), dtype=np.uint8)


def _camera(picture: Picture, chance: np.random.Generator, *, blur: float) -> Picture:
    """What lens, sensor and compression do to every frame."""
    soft = cv2.GaussianBlur(picture, (0, 0), blur) + chance.normal(0, 2.0, picture.shape)
    _, coded = cv2.imencode(".jpg", _bytes(soft), [cv2.IMWRITE_JPEG_QUALITY, 88])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), dtype=np.uint8)

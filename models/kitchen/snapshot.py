"""The picture that goes with an alarm: a bounded JPEG, its box drawn, the faces of everybody else made unknowable."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from models.dish.picture import Picture
from models.objects import Box, overlap, shared

MOST_SIDE_PX: Final = 960
MOST_BYTES: Final = 200_000
_LEAST_SIDE_PX: Final = 160
_QUALITIES: Final = (85, 70, 55, 40, 25)
_SAME_FACE: Final = 0.3
_ROUND_FACE: Final = 0.25  # blurred beyond the box by so much of it
_BLOCKS: Final = 6  # a face is shown as so many blocks a side: fewer than recognition can use
_COLOUR: Final = (0, 0, 255)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A JPEG of at most `MOST_BYTES`, named by its SHA-256; how many faces were blurred in it."""

    jpeg: bytes
    digest: str
    width: int
    height: int
    blurred: int


def take(picture: Picture, box: Box, faces: Sequence[Box] | None, *, own: Sequence[Box] = ()) -> Snapshot:
    """The frame with `box` drawn, every face but `own` blurred; where nobody looked for faces (None), all but it."""
    shown = picture.copy()
    if faces is None:
        shown = _all_but(shown, box)
        others: list[Box] = []
    else:
        others = [face for face in faces if all(overlap(face, each) < _SAME_FACE for each in own)]
        for face in others:
            _blur(shown, face, keep=own)
    x, y, width, height = (round(value) for value in box)
    thick = max(2, max(picture.shape[:2]) // 300)
    cv2.rectangle(shown, (x, y), (x + width, y + height), _COLOUR, thick)
    jpeg, (high, wide) = _squeezed(shown)
    return Snapshot(jpeg, hashlib.sha256(jpeg).hexdigest(), wide, high, len(others))


def head_of(person: Box) -> Box:
    """Where a person's head is, when no face was found: the middle of the top quarter."""
    x, y, width, height = person
    return x + width * 0.2, y, width * 0.6, height * 0.28


def without_faces(persons: Sequence[Box], faces: Sequence[Box]) -> list[Box]:
    """The heads of those persons in whom no face was found: they may be turned halfway."""
    return [
        head_of(person)
        for person in persons
        if not any(shared(person, face) > 0.5 * face[2] * face[3] for face in faces)
    ]


def _blur(picture: Picture, face: Box, *, keep: Sequence[Box]) -> None:
    height, width = picture.shape[:2]
    x, y, wide, high = face
    left, top = max(0, int(x - _ROUND_FACE * wide)), max(0, int(y - _ROUND_FACE * high))
    right = min(width, int(x + wide * (1 + _ROUND_FACE)))
    bottom = min(height, int(y + high * (1 + _ROUND_FACE)))
    if right <= left or bottom <= top:
        return
    kept = [(area, picture[area].copy()) for area in (_area(each, picture) for each in keep)]
    part = picture[top:bottom, left:right]
    few = cv2.resize(part, (_BLOCKS, _BLOCKS), interpolation=cv2.INTER_AREA)
    picture[top:bottom, left:right] = cv2.resize(few, (right - left, bottom - top), interpolation=cv2.INTER_NEAREST)
    for area, pixels in kept:  # a neighbour's blur must not hide whom the alarm is about
        picture[area] = pixels


def _area(box: Box, picture: Picture) -> tuple[slice, slice]:
    x, y, wide, high = (max(0, round(value)) for value in box)
    return slice(y, min(picture.shape[0], y + high)), slice(x, min(picture.shape[1], x + wide))


def _all_but(picture: Picture, box: Box) -> Picture:
    few = cv2.resize(picture, (24, 18), interpolation=cv2.INTER_AREA)
    blurred = np.asarray(cv2.resize(few, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
    area = _area(box, picture)
    blurred[area] = picture[area]
    return blurred


def _squeezed(picture: Picture) -> tuple[bytes, tuple[int, int]]:
    """Smaller and coarser until it fits; the smallest always does."""
    side = min(MOST_SIDE_PX, max(picture.shape[:2]))
    while True:
        ratio = side / max(picture.shape[:2])
        small = picture if ratio == 1.0 else cv2.resize(picture, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA)
        for quality in _QUALITIES:
            _, coded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])
            if coded.size <= MOST_BYTES or (side <= _LEAST_SIDE_PX and quality == _QUALITIES[-1]):
                return coded.tobytes(), (small.shape[0], small.shape[1])
        side = max(_LEAST_SIDE_PX, side // 2)

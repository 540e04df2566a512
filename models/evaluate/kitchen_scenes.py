"""Kitchen pictures composed by seed from real photographs of faces: painted masks, drawn phones, persons in a row.

They stand for a kitchen as well as a drawing can: a mask painted on a photograph is no cloth, a drawn phone no phone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import cv2
import numpy as np

from models.face.picture import Face, Picture
from models.objects import Box

FRAME: Final = (960, 540)
MASK_COLOURS: Final = ((205, 165, 120), (238, 238, 236), (40, 38, 36), (180, 200, 150))  # BGR
_AROUND: Final = 2.6  # of the face's height is shown of the photograph


class Worn(StrEnum):
    """How a mask is worn."""

    NOT = "no mask"
    RIGHT = "mask"
    CHIN = "mask under the chin"


@dataclass(frozen=True, slots=True)
class Portrait:
    """A photograph with the face in it."""

    name: str
    person: str
    picture: Picture
    face: Face
    grey: bool = False


def masked(portrait: Portrait, worn: Worn, chance: np.random.Generator) -> Picture:
    """The photograph with a mask painted over nose and mouth, or hanging under the mouth."""
    picture = portrait.picture.copy()
    if worn is Worn.NOT:
        return picture
    points = np.array(portrait.face.points, np.float32)
    eyes, mouth, nose = points[:2].mean(0), points[3:].mean(0), points[2]
    down = mouth - eyes
    across = np.array([down[1], -down[0]])
    if float(across @ (points[1] - points[0])) < 0:
        across = -across
    top, low, wide = (0.4, 1.85, 1.05) if worn is Worn.RIGHT else (1.25, 2.05, 0.85)
    middle = eyes + across * float((nose - eyes) @ across) / float(across @ across)
    shape = [(-0.92, top + 0.08), (0.0, top - 0.15), (0.92, top + 0.08), (0.85, low - 0.45), (0.3, low), (-0.3, low)]
    shape.append((-0.85, low - 0.45))
    wobble = chance.uniform(-0.05, 0.05, (len(shape), 2))
    corners = [middle + across * (x * wide) + down * y for x, y in np.array(shape) + wobble]
    colour = MASK_COLOURS[int(chance.integers(len(MASK_COLOURS)))]
    area = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(area, [np.array(corners).astype(np.int32)], 255, cv2.LINE_AA)
    cloth = np.full(picture.shape, colour, np.float32) * _folds(picture.shape[:2], middle, down, chance)[:, :, None]
    share = cv2.GaussianBlur(area, (0, 0), max(0.6, portrait.face.width / 120)).astype(np.float32)[:, :, None] / 255
    dressed = _bytes(picture * (1 - share) + cloth * share)
    if portrait.grey:
        return np.asarray(cv2.cvtColor(cv2.cvtColor(dressed, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), dtype=np.uint8)
    return dressed


def person(portrait: Portrait, worn: Worn, chance: np.random.Generator, *, face_px: int) -> Picture:
    """The photograph around its face, as large as a face of `face_px` needs, as another camera might have taken it."""
    dressed = masked(portrait, worn, chance)
    face = portrait.face
    side = face.height * _AROUND
    left, top = face.x + face.width / 2 - side * 0.42, face.y + face.height / 2 - side * 0.42
    out = round(face_px * _AROUND * face.height / face.width)
    ratio = out / side
    move = np.array([[ratio, 0, -left * ratio], [0, ratio, -top * ratio]])
    cut = cv2.warpAffine(dressed, move, (round(out * 0.84), out), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    if chance.random() < 0.5:  # noqa: PLR2004  as often mirrored as not
        cut = cv2.flip(cut, 1)
    return _bytes(cut * float(chance.uniform(0.6, 1.15)))


def scene(people: Sequence[Picture], chance: np.random.Generator, *, size: tuple[int, int] = FRAME) -> Picture:
    """People beside one another before a wall of steel and tiles, seen by a camera; at most as many as fit."""
    width, height = size
    frame = _room(width, height, chance)
    left = int(chance.integers(0, 30))
    for cut in people:
        if left + cut.shape[1] > width or cut.shape[0] > height:
            continue
        top = int(chance.integers(0, height - cut.shape[0] + 1))
        frame[top : top + cut.shape[0], left : left + cut.shape[1]] = cut
        left += cut.shape[1] + int(chance.integers(5, 60))
    return frame


def seen(frame: Picture, chance: np.random.Generator) -> Picture:
    """What lens, sensor and compression do to one frame."""
    soft = cv2.GaussianBlur(frame, (0, 0), 0.6) + chance.normal(0, 2.5, frame.shape)
    _, coded = cv2.imencode(".jpg", _bytes(soft), [cv2.IMWRITE_JPEG_QUALITY, 85])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), dtype=np.uint8)


def with_phone(portrait: Portrait, chance: np.random.Generator, *, share: float) -> tuple[Picture, Box]:
    """The photograph with a drawn phone of `share` of its width held before the chest, and where it is."""
    picture = portrait.picture.copy()
    height, width = picture.shape[:2]
    wide, high = max(12, round(width * share)), max(24, round(width * share * 2))
    x = int(np.clip(portrait.face.x + portrait.face.width * chance.uniform(-0.2, 1.0), 0, width - wide - 1))
    y = int(np.clip(portrait.face.y + portrait.face.height * chance.uniform(1.3, 1.9), 0, height - high - 1))
    cv2.rectangle(picture, (x, y), (x + wide, y + high), (24, 22, 22), -1, cv2.LINE_AA)
    lens = x + wide // 4, y + wide // 4
    cv2.circle(picture, lens, max(2, wide // 9), (70, 65, 60), -1, cv2.LINE_AA)
    cv2.circle(picture, (lens[0], lens[1] + wide // 4), max(2, wide // 9), (70, 65, 60), -1, cv2.LINE_AA)
    for finger in range(4):
        spot = x + wide, y + round(high * (0.4 + 0.16 * finger))
        cv2.ellipse(picture, spot, (wide // 4, max(2, wide // 10)), 0, 0, 360, (125, 155, 205), -1, cv2.LINE_AA)
    return _bytes(cv2.GaussianBlur(picture, (0, 0), 1.0)), (float(x), float(y), float(wide), float(high))


def _folds(
    shape: tuple[int, int], middle: np.ndarray, down: np.ndarray, chance: np.random.Generator
) -> np.ndarray:  # the light on the cloth: three folds across, darker to the sides
    rows, columns = np.indices(shape).astype(np.float32)
    length = max(1.0, float(np.linalg.norm(down)))
    along = ((columns - middle[0]) * down[0] + (rows - middle[1]) * down[1]) / length**2
    side = ((columns - middle[0]) * down[1] - (rows - middle[1]) * down[0]) / length**2
    light = 0.94 + 0.06 * np.sin(along * 14 + float(chance.uniform(0, 6)))
    return np.asarray((light * np.clip(1.05 - 0.22 * side**2, 0.5, 1.1)).astype(np.float32))


def _room(width: int, height: int, chance: np.random.Generator) -> Picture:
    wall = (chance.uniform(90, 190, (4, 6, 1)) + chance.uniform(-12, 12, (4, 6, 3))).astype(np.float32)
    room = cv2.GaussianBlur(cv2.resize(wall, (width, height), interpolation=cv2.INTER_CUBIC), (0, 0), 5)
    tile = int(chance.integers(40, 80))
    joints = np.ones((height, width, 1), np.float32)
    joints[::tile] = joints[:, ::tile] = 0.8
    return _bytes(room * joints)


def _bytes(picture: np.ndarray | cv2.typing.MatLike) -> Picture:
    return np.asarray(np.clip(picture, 0, 255), dtype=np.uint8)

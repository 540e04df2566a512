"""Clips of people before a door and in a queue, composed by seed from people cut out of real photographs.

The composer moves them, so it knows who crossed when. They glide, they are two persons in many sizes, and
their legs are drawn: counts on them say what following and counting lose, not what a camera over a door sees.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.crowd.door import DoorLine
from models.dish.picture import Picture
from models.objects import Box, Seen, shared
from models.zones import Zone

SIZE: Final = (640, 360)
STEP_MS: Final = 200
LINE: Final = DoorLine("door", (0.5, 0.0), (0.5, 1.0), inside=(0.9, 0.5))
ZONE: Final = Zone("queue", ((0.02, 0.0), (0.72, 0.0), (0.72, 1.0), (0.02, 1.0)))
_LEAST_PX, _MOST_PX = 170, 310  # how tall people are in the picture
_CHEST: Final = 2.6  # of a face's height shown below the chin, from the photograph
_LEAST_CHEST: Final = 1.6


@dataclass(frozen=True, slots=True)
class Cutout:
    """A person without what was behind: colours and how much of each pixel is theirs (0 to 255)."""

    colours: Picture
    share: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Walk:
    """One person's way: where along x at the beginning (shares), how fast, when they stop or turn."""

    cutout: Cutout
    tall_px: int
    foot: float  # share of the height at which they end
    begin: float
    speed: float  # shares of the width a second
    turn_s: float  # from here on back; never where it is beyond the clip
    late_s: float

    def at(self, second: float) -> float:
        """Where the middle is, in shares of the width."""
        walked = max(0.0, second - self.late_s)
        turned = max(0.0, walked - self.turn_s)
        return self.begin + self.speed * (walked - 2 * turned)


def cut_out(picture: Picture, person: Box, face: Box) -> Cutout | None:
    """The person of a box without the background, with drawn legs; None where the photograph shows no chest."""
    ratio = 60 / face[3]
    small = np.asarray(cv2.resize(picture, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    x, y, width, height = (value * ratio for value in face)
    middle, chin = x + width / 2, y + height
    if small.shape[0] - chin < _LEAST_CHEST * height:
        return None
    left, right = max(0, round(person[0] * ratio)), min(small.shape[1], round((person[0] + person[2]) * ratio))
    top, waist = max(0, round(y - 0.35 * height)), min(small.shape[0], round(chin + _CHEST * height))
    told = np.full(small.shape[:2], cv2.GC_BGD, np.uint8)
    told[top:waist, left:right] = cv2.GC_PR_BGD
    head = (round(middle), round(y + 0.45 * height))
    cv2.ellipse(told, head, (round(0.7 * width), round(0.8 * height)), 0, 0, 360, cv2.GC_PR_FGD, -1)
    cv2.ellipse(told, head, (round(0.45 * width), round(0.5 * height)), 0, 0, 360, cv2.GC_FGD, -1)
    _shoulders(told, middle, chin, waist, (1.5 * width, 1.9 * width), cv2.GC_PR_FGD)
    _shoulders(told, middle, chin, waist, (0.5 * width, 1.1 * width), cv2.GC_FGD)
    told[:top] = told[waist:] = cv2.GC_BGD
    cv2.setRNGSeed(1)
    cv2.grabCut(small, told, (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65)), 3, cv2.GC_INIT_WITH_MASK)
    theirs = np.isin(told, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8) * 255
    share = cv2.medianBlur(theirs, 5)
    return _with_legs(small[top:waist, left:right], np.asarray(share[top:waist, left:right]), middle - left, width)


def _shoulders(
    told: NDArray[np.uint8], middle: float, chin: float, waist: int, wide: tuple[float, float], value: int
) -> None:
    """Marks the chest: narrow at the neck, wide from the shoulders down."""
    neck, arms = wide
    fall = (waist - chin) * 0.35
    corners = [(-neck / 2, chin), (neck / 2, chin), (arms / 1.6, chin + fall), (arms / 1.6, waist)]
    corners += [(-arms / 1.6, waist), (-arms / 1.6, chin + fall)]
    placed = [(middle + across, level) for across, level in corners]
    cv2.fillPoly(told, [np.array(placed).astype(np.int32)], int(value))


def _with_legs(colours: Picture, share: NDArray[np.uint8], middle: float, face_px: float) -> Cutout:
    """Trousers and shoes drawn below, in the darker colour of the coat."""
    long = round(face_px * 4.2)
    height, width = colours.shape[:2]
    canvas = np.zeros((height + long, width, 3), np.uint8)
    whole = np.zeros((height + long, width), np.uint8)
    canvas[:height], whole[:height] = colours, share
    coat = colours[int(height * 0.7) :][share[int(height * 0.7) :] > 0]
    shade = tuple(float(value) * 0.7 for value in (coat.mean(0) if coat.size else (60, 60, 60)))
    hip, foot = face_px * 0.72, face_px * 0.36
    for side in (-1, 1):
        corners = [(middle, height - 4), (middle + side * hip, height - 4)]
        corners += [
            (middle + side * (hip * 0.55 + foot * 0.5), height + long - 6),
            (middle + side * 0.1 * hip, height + long - 6),
        ]
        placed = [np.array(corners).astype(np.int32)]
        cv2.fillPoly(canvas, placed, shade)
        cv2.fillPoly(whole, placed, 255)
        shoe = round(middle + side * hip * 0.5), height + long - 5
        for each, colour in ((canvas, (20, 20, 20)), (whole, (255, 255, 255))):
            cv2.ellipse(each, shoe, (round(foot * 0.7), 5), 0, 0, 360, colour, -1)
    used = np.flatnonzero(whole.any(0))
    area = slice(int(used[0]), int(used[-1]) + 1)
    return Cutout(canvas[:, area].copy(), np.asarray(cv2.GaussianBlur(whole[:, area], (0, 0), 0.8), dtype=np.uint8))


def door_clip(cutouts: Sequence[Cutout], seed: int, *, people: int, seconds: float) -> tuple[list[Walk], int, int]:
    """Walks for one clip, and how many of them came in (to the right) and went out."""
    chance, looks = np.random.default_rng(seed), np.random.default_rng((seed, 4))  # ways do not depend on who walks
    walks = []
    for _ in range(people):
        to_right = chance.random() < 0.5  # noqa: PLR2004  as many either way
        speed = float(chance.uniform(0.12, 0.3)) * (1 if to_right else -1)
        turns = chance.random() < 0.2  # noqa: PLR2004  a fifth change their mind
        walks.append(
            Walk(
                _relit(cutouts[int(looks.integers(len(cutouts)))], looks),
                int(chance.integers(_LEAST_PX, _MOST_PX)),
                float(chance.uniform(0.75, 1.0)),
                -0.15 if to_right else 1.15,
                speed,
                float(chance.uniform(1.5, 6.0)) if turns else 1e6,
                float(chance.uniform(0, seconds * 0.5)),
            )
        )
    both = [crossed(walk, seconds) for walk in walks]
    return walks, sum(each[0] for each in both), sum(each[1] for each in both)


def frames(walks: Sequence[Walk], seed: int, *, seconds: float) -> Iterator[tuple[Picture, int]]:
    """Each picture with its time in ms; whoever stands lower in the picture is in front."""
    chance = np.random.default_rng((seed, 1))
    room = _room(chance)
    for number in range(int(seconds * 1000 / STEP_MS)):
        frame = room.copy()
        for walk in sorted(walks, key=lambda each: each.foot):
            _put(frame, walk.cutout, walk.tall_px, walk.at(number * STEP_MS / 1000), walk.foot)
        yield seen(frame, chance), number * STEP_MS


def guessed(walks: Sequence[Walk], second: float, chance: np.random.Generator) -> list[Seen]:
    """What a middling detector might say of that moment: 8 % missed, most of the hidden too, boxes unsteady by 3 %."""
    width, height = SIZE
    boxes: list[tuple[Box, float]] = []
    for walk in sorted(walks, key=lambda each: -each.foot):
        wide = walk.tall_px * walk.cutout.share.shape[1] / walk.cutout.share.shape[0]
        x = walk.at(second) * width
        left, right = max(0.0, x - wide / 2), min(float(width), x + wide / 2)
        if right - left < 0.4 * wide:
            continue
        box = (left, walk.foot * height - walk.tall_px, right - left, float(walk.tall_px))
        hidden = max((shared(box, other) / (box[2] * box[3]) for other, _ in boxes), default=0.0)
        boxes.append((box, hidden))
    seen_boxes = []
    for box, hidden in boxes:
        if chance.random() < 0.08 + 0.9 * max(0.0, hidden - 0.3):
            continue
        x, y, wide, high = (
            float(v + chance.normal(0, 0.03) * size) for v, size in zip(box, (*box[2:], *box[2:]), strict=True)
        )
        seen_boxes.append(Seen((x, y, wide, high), 0, float(chance.uniform(0.35, 0.95))))
    return seen_boxes


@dataclass(frozen=True, slots=True)
class Stand:
    """A queue over time: who stands where, and how many are in the zone."""

    places: tuple[tuple[int, float], ...]  # number of the person, where along x
    people: int


def queue_clip(seed: int, *, begin: int, every_s: float, arrive_s: float, seconds: float) -> list[Stand]:
    """A queue served every so often at its right end; served people walk off to the right. One Stand a step."""
    chance = np.random.default_rng(seed)
    spots: dict[int, float] = {number: 0.66 - 0.11 * number for number in range(begin)}
    order, gone, born = list(range(begin)), list[int](), begin
    next_served, next_come = every_s * float(chance.uniform(0.5, 1)), arrive_s * float(chance.uniform(0.5, 1))
    stands = []
    for number in range(int(seconds * 1000 / STEP_MS)):
        second = number * STEP_MS / 1000
        if order and second >= next_served:
            gone.append(order.pop(0))
            next_served = second + every_s * float(chance.uniform(0.8, 1.2))
        if second >= next_come and len(order) < 6:  # noqa: PLR2004  as many as the picture holds
            order.append(born)
            spots[born] = -0.1
            born, next_come = born + 1, second + arrive_s * float(chance.uniform(0.7, 1.3))
        for place, who in enumerate(order):
            spots[who] = min(spots[who] + 0.05, max(spots[who], 0.66 - 0.11 * place))
        for who in gone:
            spots[who] += 0.05
        shown = [(who, x) for who, x in spots.items() if -0.12 < x < 1.12]  # noqa: PLR2004  a little beyond the edges
        stands.append(Stand(tuple(shown), sum(ZONE.holds(x, 0.5) for _, x in shown)))
    return stands


def queue_frames(stands: Sequence[Stand], cutouts: Sequence[Cutout], seed: int) -> Iterator[tuple[Picture, int]]:
    """The pictures of a queue; neighbours hide parts of one another."""
    chance = np.random.default_rng((seed, 2))
    room, looks = _room(chance), dict[int, tuple[Cutout, int, float]]()
    for number, stand in enumerate(stands):
        frame = room.copy()
        for who, x in stand.places:
            if who not in looks:
                cutout = _relit(cutouts[int(chance.integers(len(cutouts)))], chance)
                looks[who] = cutout, int(chance.integers(190, 250)), float(chance.uniform(0.85, 0.95))
            cutout, tall, foot = looks[who]
            _put(frame, cutout, tall, x, foot)
        yield seen(frame, chance), number * STEP_MS


def seen(frame: Picture, chance: np.random.Generator) -> Picture:
    """What lens and sensor do to one frame."""
    soft = cv2.GaussianBlur(frame, (0, 0), 0.6) + 2.5 * chance.standard_normal(frame.shape, dtype=np.float32)
    return np.asarray(np.clip(soft, 0, 255), dtype=np.uint8)


def crossed(walk: Walk, seconds: float) -> tuple[int, int]:
    """How often the walk came in and went out, a turn within the band counting as none."""
    middle, half = 0.5, LINE.band * SIZE[1] / SIZE[0]
    side, entered, left = (1 if walk.begin > middle else -1), 0, 0
    for number in range(int(seconds * 1000 / STEP_MS)):
        off = walk.at(number * STEP_MS / 1000) - middle
        now = 0 if abs(off) <= half else 1 if off > 0 else -1
        if now and now != side:
            side, entered, left = now, entered + (now > 0), left + (now < 0)
    return entered, left


def _put(frame: Picture, cutout: Cutout, tall_px: int, x: float, foot: float) -> None:
    """Paste a person, cut where they leave the frame."""
    wide_px = max(2, round(cutout.colours.shape[1] * tall_px / cutout.colours.shape[0]))
    colours = cv2.resize(cutout.colours, (wide_px, tall_px), interpolation=cv2.INTER_AREA)
    share = cv2.resize(cutout.share, (wide_px, tall_px), interpolation=cv2.INTER_AREA)
    height, width = frame.shape[:2]
    left, top = round(x * width - wide_px / 2), round(foot * height) - tall_px
    x0, x1, y0, y1 = max(0, left), min(width, left + wide_px), max(0, top), min(height, top + tall_px)
    if x0 >= x1 or y0 >= y1:
        return
    cut: Any = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
    part = share[cut].astype(np.float32)[:, :, None] / 255
    frame[y0:y1, x0:x1] = frame[y0:y1, x0:x1] * (1 - part) + colours[cut] * part


def _relit(cutout: Cutout, chance: np.random.Generator) -> Cutout:
    """Brighter or darker, at times mirrored; following goes by places alone, so colours are left as they are."""
    colours = np.clip(cutout.colours * float(chance.uniform(0.75, 1.2)), 0, 255).astype(np.uint8)
    share = cutout.share
    if chance.random() < 0.5:  # noqa: PLR2004  as often mirrored as not
        colours, share = np.asarray(cv2.flip(colours, 1), np.uint8), np.asarray(cv2.flip(share, 1), dtype=np.uint8)
    return Cutout(colours, share)


def _room(chance: np.random.Generator) -> Picture:
    """A wall, a floor and a door frame."""
    width, height = SIZE
    wall = (chance.uniform(110, 200, (3, 4, 1)) + chance.uniform(-10, 10, (3, 4, 3))).astype(np.float32)
    room = cv2.resize(wall, (width, height), interpolation=cv2.INTER_CUBIC)
    light = np.ones((height, width, 1), np.float32)
    light[int(height * 0.7) :] *= np.float32(0.7)
    light[:, width // 2 - 3 : width // 2 + 3] *= np.float32(0.6)
    return np.asarray(np.clip(room * light, 0, 255), dtype=np.uint8)

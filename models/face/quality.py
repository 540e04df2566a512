"""Is this face good enough to be enrolled, or to be believed? Size, sharpness, pose, light and colour."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.face.hints import Hint
from models.face.picture import Face, Picture


@dataclass(frozen=True, slots=True)
class QualityLimits:
    """From where on a face is doubtful. Angles are shares of the eye distance, see `pose`."""

    least_eyes_px: float = 24.0
    enrol_eyes_px: float = 40.0
    most_share: float = 0.85
    least_sharpness: float = 0.025
    most_yaw: float = 0.28
    pitch_from: float = 0.34
    pitch_to: float = 0.80
    most_roll_deg: float = 25.0
    darkest: float = 45.0
    brightest: float = 215.0
    least_contrast: float = 14.0
    most_side: float = 0.75
    least_colour: float = 3.0
    least_score: float = 0.75


@dataclass(frozen=True, slots=True)
class Pose:
    """Of the head, from its five points: nose beside the middle and its height between eyes and mouth, and tilt."""

    yaw: float
    pitch: float
    roll_deg: float


@dataclass(frozen=True, slots=True)
class Quality:
    """The measures and what to tell the person. `good` has no hint but GREY, which is the camera's matter."""

    eyes_px: float
    sharpness: float
    pose: Pose
    brightness: float
    contrast: float
    side: float
    grey: bool
    hints: tuple[Hint, ...]

    @property
    def good(self) -> bool:
        """Whether the face may be believed."""
        return not set(self.hints) - {Hint.GREY}


def pose(face: Face) -> Pose:
    """Yaw is 0 in front and near 0.5 in half profile; pitch is near 0.6 in front, less when looking up."""
    points = np.asarray(face.points, np.float64)
    eyes, mouth = points[:2].mean(0), points[3:].mean(0)
    across = points[1] - points[0]
    # in profile the eyes come together, so the unit is whichever of the two distances is larger
    unit = max(float(np.linalg.norm(across)), float(np.linalg.norm(mouth - eyes)) * 0.8, 1e-6)
    along = across / max(float(np.linalg.norm(across)), 1e-6)
    down = np.array([-along[1], along[0]])
    nose = points[2] - eyes
    chin = float((mouth - eyes) @ down)
    return Pose(
        yaw=float(nose @ along) / unit,
        pitch=float(nose @ down) / chin if abs(chin) > 1e-6 else 0.0,  # noqa: PLR2004  no division by nothing
        roll_deg=math.degrees(math.atan2(float(across[1]), float(across[0]))),
    )


def assess(picture: Picture, face: Face, aligned: Picture, limits: QualityLimits | None = None) -> Quality:
    """Measure one face; `aligned` is the embedder's view of it."""
    limits = limits or QualityLimits()
    grey = cv2.cvtColor(aligned, cv2.COLOR_BGR2GRAY)
    size = grey.shape[0]
    skin = grey[size // 4 : size * 9 // 10, size // 6 : size * 5 // 6].astype(np.float32)
    brightness, contrast = float(skin.mean()), float(skin.std())
    half = skin.shape[1] // 2
    left, right = float(skin[:, :half].mean()), float(skin[:, half:].mean())
    found = Quality(
        eyes_px=face.eye_distance_px,
        sharpness=sharpness(grey),
        pose=pose(face),
        brightness=brightness,
        contrast=contrast,
        side=abs(left - right) / max(brightness, 1.0),
        grey=colour_of(aligned) < limits.least_colour,
        hints=(),
    )
    hints = (*_place_hints(found, picture, face, limits), *_light_hints(found, limits))
    return Quality(
        found.eyes_px,
        found.sharpness,
        found.pose,
        found.brightness,
        found.contrast,
        found.side,
        found.grey,
        hints,
    )


def sharpness(grey: NDArray[np.uint8] | cv2.typing.MatLike) -> float:
    """How much of the face's contrast is fine detail: the Laplacian's share, free of how bright the picture is."""
    inner = grey[8:-8, 8:-8]
    return float(cv2.Laplacian(inner, cv2.CV_32F).var() / (float(inner.var()) + 25.0))


def colour_of(picture: Picture) -> float:
    """Mean difference between the channels: near 0 for a grey or night-mode camera."""
    few = picture[::4, ::4].astype(np.int16)
    return float((few.max(2) - few.min(2)).mean())


def enrolment_hints(quality: Quality, limits: QualityLimits | None = None) -> tuple[Hint, ...]:
    """What enrolment asks beyond a decision: a larger face."""
    limits = limits or QualityLimits()
    small = quality.eyes_px < limits.enrol_eyes_px and Hint.CLOSER not in quality.hints
    return (*quality.hints, *((Hint.CLOSER,) if small else ()))


def _place_hints(found: Quality, picture: Picture, face: Face, limits: QualityLimits) -> list[Hint]:
    height, width = picture.shape[:2]
    hints: list[Hint] = []
    reach = max(found.eyes_px, face.width * 0.4)  # a turned head is not a small one
    if reach < limits.least_eyes_px:
        hints.append(Hint.CLOSER)
    elif face.width / width > limits.most_share:
        hints.append(Hint.FARTHER)
    inside = all(0 <= x < width and 0 <= y < height for x, y in face.points)
    if not inside:
        hints.append(Hint.CENTRE)
    if abs(found.pose.yaw) > limits.most_yaw or not limits.pitch_from < found.pose.pitch < limits.pitch_to:
        hints.append(Hint.LOOK_AHEAD)
    if abs(found.pose.roll_deg) > limits.most_roll_deg:
        hints.append(Hint.LEVEL)
    if found.sharpness < limits.least_sharpness or face.score < limits.least_score:
        hints.append(Hint.HOLD_STILL)
    return hints


def _light_hints(found: Quality, limits: QualityLimits) -> list[Hint]:
    hints: list[Hint] = []
    if found.brightness < limits.darkest or found.contrast < limits.least_contrast:
        hints.append(Hint.MORE_LIGHT)
    elif found.brightness > limits.brightest:
        hints.append(Hint.LESS_LIGHT)
    elif found.side > limits.most_side:
        hints.append(Hint.SIDE_LIGHT)
    if found.grey:
        hints.append(Hint.GREY)
    return hints

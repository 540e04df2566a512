"""Which kind of tableware a round thing is: by its size under a calibrated camera and the colour of its rim."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from models.dish.picture import Picture
from models.tableware.ware import Ware

_RIM: Final = (0.84, 0.96)  # of the radius: where food seldom lies
_SIZE_SPREAD: Final = 0.05  # of the diameter: what edges and a slight tilt of the camera leave open
_COLOUR_SPREAD: Final = 14.0  # in Lab of bytes: what the light of a day leaves open
_LIGHT_WEIGHT: Final = 0.5
_ACCEPT: Final = 2.5  # spreads away from the kind; farther is no kind we know
_LEAD: Final = 0.8  # spreads by which the second kind must be farther


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera fixed over the tray: one number, measured once with a plate of known size."""

    mm_per_px: float

    @staticmethod
    def from_known(ware: Ware, *, diameter_mm: float) -> "Camera":
        """Calibrate by a plate whose diameter was measured."""
        return Camera(diameter_mm / (2 * ware.radius))


@dataclass(frozen=True, slots=True)
class WareKind:
    """A kind of tableware as it is taught: its diameter and the colour of its rim, in Lab of bytes."""

    name: str
    diameter_mm: float
    rim: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class KindTold:
    """The kind, or None with the nearest ones where a person has to say it. `apart` is in spreads."""

    kind: str | None
    apart: float
    second: str | None
    diameter_mm: float


def teach_kind(name: str, picture: Picture, ware: Ware, camera: Camera) -> WareKind:
    """A kind from one picture of it."""
    return WareKind(name, 2 * ware.radius * camera.mm_per_px, rim_colour(picture, ware))


def tell_kind(picture: Picture, ware: Ware, camera: Camera, kinds: Sequence[WareKind]) -> KindTold:
    """The nearest kind in size and colour; None where none is near or two are about as near."""
    diameter_mm, rim = 2 * ware.radius * camera.mm_per_px, rim_colour(picture, ware)
    order = sorted((_apart(diameter_mm, rim, kind), kind.name) for kind in kinds)
    if not order:
        return KindTold(None, math.inf, None, diameter_mm)
    (apart, name), second = order[0], order[1] if len(order) > 1 else (math.inf, None)
    told = name if apart <= _ACCEPT and second[0] - apart >= _LEAD else None
    return KindTold(told, apart, second[1] if told else name, diameter_mm)


def rim_colour(picture: Picture, ware: Ware) -> tuple[float, float, float]:
    """The middle colour of the ring near the edge."""
    height, width = picture.shape[:2]
    inner, outer = (ware.mask(height, width, share=share) for share in _RIM)
    ring = (outer > 0) & (inner == 0)
    if not ring.any():
        return 0.0, 128.0, 128.0
    lab = cv2.cvtColor(picture, cv2.COLOR_BGR2LAB)[ring]
    light, red, yellow = (float(value) for value in np.median(lab, axis=0))
    return light, red, yellow


def _apart(diameter_mm: float, rim: tuple[float, float, float], kind: WareKind) -> float:
    size = (diameter_mm / kind.diameter_mm - 1) / _SIZE_SPREAD
    light, red, yellow = (mine - theirs for mine, theirs in zip(rim, kind.rim, strict=True))
    colour = math.sqrt((_LIGHT_WEIGHT * light) ** 2 + red**2 + yellow**2) / _COLOUR_SPREAD
    return math.hypot(size, colour)

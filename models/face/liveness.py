"""Is a person there, or a picture of one? The two MiniFASNets, and the door for a certified vendor module."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

import cv2
import numpy as np

from models.face.picture import Face, Picture
from models.registry import Networks

ROLES: Final = ("face-liveness-near", "face-liveness-wide")
_INPUT_PX: Final = 80


class Verdict(StrEnum):
    """What a liveness check says. Only PASSED lets a face pay alone."""

    PASSED = "passed"
    FAILED = "failed"
    UNDECIDED = "undecided"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Liveness:
    """A verdict, how sure (0 = attack, 1 = alive), and by which module or why not."""

    verdict: Verdict
    score: float
    by: str


NOT_CHECKED: Final = Liveness(Verdict.UNAVAILABLE, 0.0, "not checked")
GREY_CAMERA: Final = Liveness(Verdict.UNAVAILABLE, 0.0, "grey camera")


class LivenessModule(Protocol):
    """One frame's judgement. A vendor's certified module takes the place of ours by fulfilling this."""

    @property
    def name(self) -> str:
        """For the audit: module and version."""

    @property
    def certificate(self) -> str:
        """The certificate's number and level; empty where there is none."""

    @property
    def works_on_grey(self) -> bool:
        """Whether it may judge a grey or infrared picture."""

    def judge(self, picture: Picture, face: Face) -> Liveness:
        """Whether this face is alive; never raises for a bad picture."""


class MiniFasNets:
    """Two small networks that look at the face near and wide, averaged. A weak barrier, with no certificate."""

    name = "MiniFASNet 2.7 + 4.0"
    certificate = ""
    works_on_grey = False

    def __init__(self, networks: Networks, *, threads: int = 1) -> None:
        entries = [networks.named(role) for role in ROLES]
        self._scales = [float(entry.settings["crop_scale"]) for entry in entries]
        self._live = [int(entry.settings["live_index"]) for entry in entries]
        self._sessions = [networks.open(entry.name, threads=threads) for entry in entries]
        self._inputs = [session.get_inputs()[0].name for session in self._sessions]
        self._least = max(float(entry.settings.get("least_live", 0.5)) for entry in entries)
        self._buffer = np.zeros((1, 3, _INPUT_PX, _INPUT_PX), np.float32)

    def judge(self, picture: Picture, face: Face) -> Liveness:
        """See `LivenessModule`; alive is the largest averaged share that also reaches the registry's `least_live`."""
        shares = np.zeros(3, np.float64)
        for session, name, scale in zip(self._sessions, self._inputs, self._scales, strict=True):
            crop = crop_around(picture, face, scale)
            if crop is None:
                return Liveness(Verdict.FAILED, 0.0, "no face to look at")
            for channel, plane in enumerate(cv2.split(crop)):
                self._buffer[0, channel] = plane
            shares += session.run(["prob"], {name: self._buffer})[0][0]
        shares /= len(self._sessions)
        live = float(shares[self._live[0]])
        passed = int(shares.argmax()) == self._live[0] and live >= self._least
        return Liveness(Verdict.PASSED if passed else Verdict.FAILED, live, self.name)


def crop_around(picture: Picture, face: Face, scale: float) -> Picture | None:
    """The box widened around its centre, no further than the picture goes and shifted inside it, as 80 x 80."""
    height, width = picture.shape[:2]
    if face.width < 1 or face.height < 1:
        return None
    scale = min(scale, (width - 1) / face.width, (height - 1) / face.height)
    wide, high = face.width * scale, face.height * scale
    left = min(max(face.x + face.width / 2 - wide / 2, 0.0), width - 1 - wide)
    top = min(max(face.y + face.height / 2 - high / 2, 0.0), height - 1 - high)
    cut = picture[int(max(top, 0)) : int(top + high) + 1, int(max(left, 0)) : int(left + wide) + 1]
    if cut.size == 0:
        return None
    return np.asarray(cv2.resize(cut, (_INPUT_PX, _INPUT_PX)), dtype=np.uint8)

"""What several frames tell that one cannot: a frozen stream, a head that turns in itself, a challenge followed."""

import itertools
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.face.liveness import Liveness, Verdict
from models.face.picture import Face
from models.face.quality import Pose, pose

MOST_FRAMES: Final = 32
_SIDE_PX: Final = 32


@dataclass(frozen=True, slots=True)
class Seen:
    """What is kept of a frame: when, how the head was turned, and the face as a small grey picture."""

    at_ms: int
    yaw: float
    thumbnail: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class MotionLimits:
    """From where on frames say something. Shares are of the eye distance; see docs/models for how they were found."""

    least_frames: int = 5
    least_ms: int = 400
    frozen: float = 0.15  # grey levels between frames; a sensor's noise alone is more
    turned: float = 0.18  # how far the nose wanders between the eyes: tilting a flat picture gave up to 0.12


class Motion:
    """Gathers frames of one face, bounded; `judge` is undecided until there are enough."""

    name = "motion"

    def __init__(self, limits: MotionLimits | None = None) -> None:
        self._limits = limits or MotionLimits()
        self._seen: deque[Seen] = deque(maxlen=MOST_FRAMES)

    def add(self, aligned: NDArray[np.uint8], face: Face, at_ms: int) -> None:
        """One more frame; time that steps back starts anew."""
        if self._seen and at_ms <= self._seen[-1].at_ms:
            self._seen.clear()
        small = cv2.resize(
            cv2.cvtColor(aligned, cv2.COLOR_BGR2GRAY), (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA
        )
        self._seen.append(Seen(at_ms, pose(face).yaw, np.asarray(small, np.float32)))

    def judge(self) -> Liveness:
        """FAILED for a frozen stream, PASSED where the head turned in itself; undecided for who stands still."""
        limits, seen = self._limits, list(self._seen)
        if len(seen) < limits.least_frames or seen[-1].at_ms - seen[0].at_ms < limits.least_ms:
            return Liveness(Verdict.UNDECIDED, 0.5, self.name)
        steps = [float(np.abs(a.thumbnail - b.thumbnail).mean()) for a, b in itertools.pairwise(seen)]
        if max(steps) < limits.frozen:
            return Liveness(Verdict.FAILED, 0.0, "frozen picture")
        yaws = [each.yaw for each in seen]
        turned = max(yaws) - min(yaws)
        if turned < limits.turned:
            return Liveness(Verdict.UNDECIDED, 0.5, "did not turn")
        return Liveness(Verdict.PASSED, min(1.0, turned / limits.turned / 2), self.name)


class Act(StrEnum):
    """What a challenge asks the person to do; the screen has its words."""

    TURN_LEFT = "turn_left"
    TURN_RIGHT = "turn_right"
    COME_CLOSER = "come_closer"


CHALLENGE_WORDS: Final[dict[Act, dict[str, str]]] = {
    Act.TURN_LEFT: {"zh-CN": "请向左转头", "en": "Please turn your head to your left"},
    Act.TURN_RIGHT: {"zh-CN": "请向右转头", "en": "Please turn your head to your right"},
    Act.COME_CLOSER: {"zh-CN": "请靠近摄像头", "en": "Please come closer to the camera"},
}


class Challenge:
    """One act asked for at random by the caller; must be followed from a straight start, in time, without a jump."""

    name = "challenge"

    def __init__(
        self, act: Act, *, asked_ms: int, within_ms: int = 5000, turn: float = 0.22, nearer: float = 1.25
    ) -> None:
        self.act = act
        self._ends_ms = asked_ms + within_ms
        self._turn = turn
        self._nearer = nearer
        self._start: tuple[float, float] | None = None
        self._last_yaw = 0.0
        self._verdict = Verdict.UNDECIDED

    def add(self, face: Face, at_ms: int) -> Liveness:
        """One more frame; the verdict stands once it is given."""
        if self._verdict is not Verdict.UNDECIDED:
            return self._said()
        now = pose(face)
        if at_ms > self._ends_ms:
            self._verdict = Verdict.FAILED
        elif self._start is None:
            if abs(now.yaw) < self._turn / 2:
                self._start = (now.yaw, face.eye_distance_px)
        elif abs(now.yaw - self._last_yaw) > 2 * self._turn:
            self._verdict = Verdict.FAILED  # another picture was held up
        elif self._followed(now, face):
            self._verdict = Verdict.PASSED
        self._last_yaw = now.yaw
        return self._said()

    def _followed(self, now: Pose, face: Face) -> bool:
        assert self._start is not None
        yaw, eyes = self._start
        if self.act is Act.COME_CLOSER:
            return face.eye_distance_px > eyes * self._nearer
        turned = now.yaw - yaw  # towards the person's left is towards the right of the picture
        return turned > self._turn if self.act is Act.TURN_LEFT else turned < -self._turn

    def _said(self) -> Liveness:
        return Liveness(self._verdict, 1.0 if self._verdict is Verdict.PASSED else 0.0, f"{self.name} {self.act}")

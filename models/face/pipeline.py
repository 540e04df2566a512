"""From a camera's frame to a decision, and from several frames of one person to a payment."""

from collections import deque
from dataclasses import dataclass, replace
from typing import Final, Protocol

from models.face.decision import Answer, Decision, Policy, Reason, decide, no_decision
from models.face.detector import nearest
from models.face.gallery import Candidate, Gallery
from models.face.hints import Hint
from models.face.liveness import GREY_CAMERA, NOT_CHECKED, Liveness, LivenessModule, Verdict
from models.face.motion import Challenge, Motion
from models.face.picture import Embedding, Face, Picture, is_picture
from models.face.quality import Quality, QualityLimits, assess

FRAMES_TO_PAY: Final = 3
_FRAMES_KEPT: Final = 8
_FAILS_OUTWEIGH: Final = 3  # a picture shown until one frame passes must not pay


class Detector(Protocol):
    """Finds faces: YuNet, or dlib where no network is stored."""

    def detect(self, picture: Picture) -> list[Face]:
        """Faces by falling score; none in what is no picture."""


class Embedder(Protocol):
    """Makes templates: MobileFaceNet, or dlib where no network is stored."""

    def align(self, picture: Picture, face: Face) -> Picture | None:
        """The face as the network wants it."""

    def embed(self, aligned: Picture) -> Embedding | None:
        """Its numbers, of length 1."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What one frame showed: the nearest face, if any, and the decision this frame alone would give."""

    decision: Decision
    faces: tuple[Face, ...] = ()
    face: Face | None = None
    aligned: Picture | None = None
    embedding: Embedding | None = None
    quality: Quality | None = None
    liveness: Liveness = NOT_CHECKED
    candidates: tuple[Candidate, ...] = ()

    @property
    def hints(self) -> tuple[Hint, ...]:
        """What to tell the person."""
        if self.quality is not None:
            return self.quality.hints
        return (Hint.SEVERAL if Reason.SEVERAL_FACES in self.decision.reasons else Hint.NO_FACE,)


class FacePipeline:
    """Detector, embedder and liveness in one place; not shared between threads."""

    def __init__(
        self,
        *,
        detector: Detector,
        embedder: Embedder,
        liveness: LivenessModule | None = None,
        limits: QualityLimits | None = None,
    ) -> None:
        self._detector = detector
        self._embedder = embedder
        self._liveness = liveness
        self._limits = limits or QualityLimits()

    def look(
        self, picture: Picture, gallery: Gallery, policy: Policy, *, amount_fen: int = 0, within_site: bool = True
    ) -> Sight:
        """One frame. Never raises for what the camera shows: noise, nothing, or a crowd each have their answer."""
        if not is_picture(picture):
            return Sight(no_decision(Reason.NO_FACE))
        faces = tuple(self._detector.detect(picture))
        face, alone = nearest(list(faces))
        if face is None:
            return Sight(no_decision(Reason.NO_FACE))
        if not alone:
            return Sight(no_decision(Reason.SEVERAL_FACES), faces, face)
        return self._judge(picture, face, faces, gallery, policy, amount_fen=amount_fen, within_site=within_site)

    def everyone(self, picture: Picture, gallery: Gallery, policy: Policy) -> list[Sight]:
        """Every face of a frame by itself, for attendance: liveness is not asked, so nobody may pay by this."""
        if not is_picture(picture):
            return []
        faces = tuple(self._detector.detect(picture))
        free = replace(policy, needs_liveness=False)
        return [self._judge(picture, face, faces, gallery, free, check_liveness=False) for face in faces]

    def _judge(
        self,
        picture: Picture,
        face: Face,
        faces: tuple[Face, ...],
        gallery: Gallery,
        policy: Policy,
        *,
        amount_fen: int = 0,
        within_site: bool = True,
        check_liveness: bool = True,
    ) -> Sight:
        aligned = self._embedder.align(picture, face)
        embedding = None if aligned is None else self._embedder.embed(aligned)
        if aligned is None or embedding is None:
            return Sight(no_decision(Reason.NO_FACE), faces, face)
        quality = assess(picture, face, aligned, self._limits)
        candidates = tuple(gallery.search(embedding))
        live = self._alive(picture, face, quality) if check_liveness else NOT_CHECKED
        decision = decide(
            candidates, quality=quality, liveness=live, policy=policy, amount_fen=amount_fen, within_site=within_site
        )
        return Sight(decision, faces, face, aligned, embedding, quality, live, candidates)

    def _alive(self, picture: Picture, face: Face, quality: Quality) -> Liveness:
        if self._liveness is None:
            return NOT_CHECKED
        if quality.grey and not self._liveness.works_on_grey:
            return GREY_CAMERA
        return self._liveness.judge(picture, face)


class Encounter:
    """Several frames of whoever stands before the camera. A face pays once the frames agree on person and liveness.

    With `needs_motion` whoever stands quite still is asked for a second factor. That is slower; but a print that fills
    the view, which single frames let through too often, would have to turn like a head.
    """

    def __init__(
        self, *, challenge: Challenge | None = None, frames: int = FRAMES_TO_PAY, needs_motion: bool = False
    ) -> None:
        self._needs_motion = needs_motion
        self._frames = max(1, min(frames, _FRAMES_KEPT))
        self._challenge = challenge
        self._motion = Motion()
        self._sights: deque[Sight] = deque(maxlen=_FRAMES_KEPT)

    def add(self, sight: Sight, at_ms: int) -> Decision:
        """The decision after one more frame. Somebody else stepping in starts the count anew."""
        if sight.embedding is None or sight.face is None or sight.aligned is None:
            self._sights.clear()
            return sight.decision
        if self._sights and not _same(self._sights[-1], sight):
            self._sights.clear()
            self._motion = Motion()
        self._sights.append(sight)
        self._motion.add(sight.aligned, sight.face, at_ms)
        if sight.decision.answer is not Answer.PERSON:
            return sight.decision
        return self._after(sight, self._checks(sight, at_ms))

    def _checks(self, sight: Sight, at_ms: int) -> list[Verdict]:
        assert sight.face is not None
        motion = self._motion.judge().verdict
        found = [Verdict.UNAVAILABLE if self._needs_motion and motion is Verdict.UNDECIDED else motion]
        if self._challenge is not None:
            answered = self._challenge.add(sight.face, at_ms).verdict
            found.append(Verdict.UNAVAILABLE if answered is Verdict.UNDECIDED else answered)
        return found

    def _after(self, sight: Sight, checks: list[Verdict]) -> Decision:
        """The frame's own answer, unless the frames together say otherwise."""
        person, score = sight.decision.person, sight.decision.score
        agreeing = [each for each in self._sights if each.decision.person == person]
        failed = sum(each.liveness.verdict is Verdict.FAILED for each in self._sights)
        reasons: tuple[Reason, ...] = ()
        if Verdict.FAILED in checks or failed * _FAILS_OUTWEIGH > len(agreeing):
            reasons = (Reason.LIVENESS_FAILED,)
        elif Verdict.UNAVAILABLE in checks or len(agreeing) < self._frames:
            reasons = (Reason.LIVENESS_ABSENT,)
        if not reasons:
            return sight.decision
        return Decision(Answer.SECOND_FACTOR, None, score, reasons, () if person is None else (person,))


def _same(before: Sight, now: Sight) -> bool:
    """Whether two frames show one person: by their embeddings, as loosely as a turned head needs."""
    if before.embedding is None or now.embedding is None:
        return False
    return float(before.embedding @ now.embedding) > 0.3  # noqa: PLR2004  between strangers' and own cosines

"""Enrolling a person: several good pictures of one face that nobody else has, and a consent."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from models.face.decision import Policy
from models.face.errors import EnrolmentRefused
from models.face.gallery import Gallery
from models.face.hints import Hint
from models.face.liveness import Verdict
from models.face.pipeline import Sight
from models.face.quality import QualityLimits, enrolment_hints
from models.face.vault import MOST_TEMPLATES, Consent, Enrolment

LEAST_PICTURES: Final = 3
_SAME_PICTURE: Final = 0.995


class Problem(StrEnum):
    """Why the pictures so far do not make an enrolment."""

    TOO_FEW = "too_few"
    ATTACK = "attack"
    LOOKS_LIKE_ANOTHER = "looks_like_another"


PROBLEM_WORDS: Final[dict[Problem, dict[str, str]]] = {
    Problem.TOO_FEW: {"zh-CN": "请再拍几张", "en": "A few more pictures, please"},
    Problem.ATTACK: {"zh-CN": "请由本人面对摄像头", "en": "The person must be here in front of the camera"},
    Problem.LOOKS_LIKE_ANOTHER: {
        "zh-CN": "与已登记的人员相似，请管理员确认",
        "en": "This looks like somebody enrolled already: an administrator must confirm",
    },
}


@dataclass(frozen=True, slots=True)
class Progress:
    """What enrolling says after each picture: hints for this picture, and what the whole still lacks."""

    taken: bool
    hints: tuple[Hint, ...]
    problems: tuple[Problem, ...]
    lookalikes: tuple[int, ...] = ()


class EnrolmentSession:
    """Gathers pictures of one person; keeps embeddings alone, bounded, and forgets them with itself."""

    def __init__(
        self,
        person: int,
        gallery: Gallery,
        policy: Policy,
        *,
        limits: QualityLimits | None = None,
        confirmed: bool = False,
    ) -> None:
        self._person = person
        self._gallery = gallery
        self._policy = policy
        self._limits = limits or QualityLimits()
        self._confirmed = confirmed  # an administrator said that the likeness is one of nature
        self._vectors: list[np.ndarray] = []
        self._qualities: list[float] = []
        self._attacked = False
        self._lookalikes: set[int] = set()

    def add(self, sight: Sight) -> Progress:
        """One more picture; taken only if it is good, of the same face, and not the same picture again."""
        vector, quality = sight.embedding, sight.quality
        if vector is None or quality is None:
            return self._progress(sight.hints, taken=False)
        hints = tuple(hint for hint in enrolment_hints(quality, self._limits) if hint is not Hint.GREY)
        if sight.liveness.verdict is Verdict.FAILED:
            self._attacked = True
            return self._progress(hints, taken=False)
        if hints or len(self._vectors) >= MOST_TEMPLATES or not self._fits(vector):
            return self._progress(hints, taken=False)
        self._lookalikes |= {
            each.person
            for each in self._gallery.search(vector)
            if each.person != self._person and each.score >= self._policy.accept
        }
        self._vectors.append(vector)
        self._qualities.append(quality.sharpness)
        return self._progress((), taken=True)

    def enrolment(self, consents: Sequence[Consent], at_ms: int) -> Enrolment:
        """What the vault stores. Raises EnrolmentRefused while there is a problem or no consent."""
        problems = self._problems()
        if problems or not consents:
            raise EnrolmentRefused(", ".join(problems) or "no consent was given")
        return Enrolment(self._person, np.stack(self._vectors), tuple(consents), at_ms, float(np.mean(self._qualities)))

    def _fits(self, vector: np.ndarray) -> bool:
        """Of the face enrolled so far, and not one of its pictures again."""
        if not self._vectors:
            return True
        likeness = np.stack(self._vectors) @ vector
        return bool(likeness.max() >= self._policy.doubt and likeness.max() < _SAME_PICTURE)

    def _problems(self) -> tuple[Problem, ...]:
        found = {
            Problem.ATTACK: self._attacked,
            Problem.LOOKS_LIKE_ANOTHER: bool(self._lookalikes) and not self._confirmed,
            Problem.TOO_FEW: len(self._vectors) < LEAST_PICTURES,
        }
        return tuple(problem for problem, holds in found.items() if holds)

    def _progress(self, hints: tuple[Hint, ...], *, taken: bool) -> Progress:
        return Progress(taken, hints, self._problems(), tuple(sorted(self._lookalikes)))

"""From candidates, quality and liveness to one of three answers. Pure: who pays is never decided anywhere else."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from models.face.gallery import Candidate
from models.face.liveness import Liveness, Verdict
from models.face.quality import Quality

LEAST_PEOPLE: Final = 100


class Answer(StrEnum):
    """What the lane does next."""

    PERSON = "person"
    SECOND_FACTOR = "second_factor"
    STRANGER = "stranger"


class Reason(StrEnum):
    """Why the answer is not a person."""

    NO_FACE = "no_face"
    SEVERAL_FACES = "several_faces"
    NOBODY_LIKE_THIS = "nobody_like_this"
    DOUBTFUL_MATCH = "doubtful_match"
    CLOSE_CANDIDATES = "close_candidates"
    DOUBTFUL_QUALITY = "doubtful_quality"
    OVER_CAP = "over_cap"
    LIVENESS_FAILED = "liveness_failed"
    LIVENESS_ABSENT = "liveness_absent"
    OUTSIDE_SITE = "outside_site"


@dataclass(frozen=True, slots=True)
class Policy:
    """Thresholds as cosines, and what a face may do alone. `accept` rises with the gallery: see `accept_for`."""

    accept: float
    doubt: float
    margin: float = 0.08
    cap_fen: int = 5_000
    needs_liveness: bool = True


@dataclass(frozen=True, slots=True)
class Decision:
    """An answer. `person` is set for PERSON alone; `suggested` may help whoever checks the second factor."""

    answer: Answer
    person: int | None
    score: float
    reasons: tuple[Reason, ...] = ()
    suggested: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Impostors:
    """How different people compare with one network: mean and deviation of their cosine, from how many pairs."""

    mean: float
    deviation: float
    pairs: int


def accept_for(people: int, impostors: Impostors, *, wanted: float = 1e-3, least: float = 0.0) -> float:
    """The cosine at which a stranger is taken for one of `people` with the wanted chance, under a normal tail.

    An extrapolation wherever `people / wanted` exceeds the pairs that were measured; `least` is never undercut.
    """
    share = wanted / max(people, LEAST_PEOPLE)
    return max(least, impostors.mean - impostors.deviation * statistics.NormalDist().inv_cdf(share))


def decide(
    candidates: Sequence[Candidate],
    *,
    quality: Quality,
    liveness: Liveness,
    policy: Policy,
    amount_fen: int = 0,
    within_site: bool = True,
) -> Decision:
    """The answer for one face. `candidates` are the best people by falling cosine, each once."""
    best = candidates[0] if candidates else None
    if best is None or best.score < policy.doubt:
        return Decision(Answer.STRANGER, None, best.score if best else 0.0, (Reason.NOBODY_LIKE_THIS,))
    close = tuple(
        each.person for each in candidates if each.score >= policy.doubt and best.score - each.score < policy.margin
    )
    found = {
        Reason.DOUBTFUL_MATCH: best.score < policy.accept,
        Reason.CLOSE_CANDIDATES: len(close) > 1,
        Reason.DOUBTFUL_QUALITY: not quality.good,
        Reason.OVER_CAP: amount_fen > policy.cap_fen,
        Reason.OUTSIDE_SITE: not within_site,
        Reason.LIVENESS_FAILED: liveness.verdict is Verdict.FAILED,
        Reason.LIVENESS_ABSENT: policy.needs_liveness and liveness.verdict in {Verdict.UNAVAILABLE, Verdict.UNDECIDED},
    }
    reasons = tuple(reason for reason, holds in found.items() if holds)
    if not reasons:
        return Decision(Answer.PERSON, best.person, best.score)
    return Decision(Answer.SECOND_FACTOR, None, best.score, reasons, close)


def no_decision(reason: Reason) -> Decision:
    """Where there is no one face to decide about: another way to pay stays open."""
    return Decision(Answer.STRANGER if reason is Reason.NO_FACE else Answer.SECOND_FACTOR, None, 0.0, (reason,))

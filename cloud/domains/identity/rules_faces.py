"""Pure decisions about faces: what templates hold together, what a picture's hints are, how a site stands."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.face.decision import Policy
from models.face.enrolment import LEAST_PICTURES, EnrolmentSession, Problem
from models.face.gallery import Gallery
from models.face.hints import WORDS
from models.face.pipeline import Sight
from models.face.vault import MOST_TEMPLATES, Consent

PICTURES_MOST: Final = 8
_LENGTH_ERROR: Final = 1e-3
_SAME_PICTURE: Final = 0.995
_CONSENT_HELD: Final = (Consent(0, 1, 0),)  # the session asks for one; which sites it covers is the tables' matter

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of the pictures of one person: words for each, and the templates where they make an enrolment."""

    words: tuple[tuple[str, ...], ...]
    taken: tuple[bool, ...]
    problems: tuple[Problem, ...]
    lookalikes: tuple[int, ...]
    vectors: Vectors | None = field(default=None, repr=False)
    quality: float = 0.0


def judge(
    person: int, sights: Sequence[Sight | str], gallery: Gallery, policy: Policy, *, confirmed: bool = False
) -> Judged:
    """Try these pictures as the person's enrolment. A picture that could not be read is its word instead of a sight."""
    session = EnrolmentSession(person, gallery, policy, confirmed=confirmed)
    words: list[tuple[str, ...]] = []
    taken: list[bool] = []
    kept: list[Vectors] = []
    problems: tuple[Problem, ...] = (Problem.TOO_FEW,)
    lookalikes: tuple[int, ...] = ()
    for sight in sights:
        if isinstance(sight, str):
            words.append((sight,))
            taken.append(False)
            continue
        progress = session.add(sight)
        problems, lookalikes = progress.problems, progress.lookalikes
        taken.append(progress.taken)
        words.append(tuple(progress.hints) or _why_not(sight, kept, taken=progress.taken))
        if progress.taken and sight.embedding is not None:
            kept.append(sight.embedding)
    if problems:
        return Judged(tuple(words), tuple(taken), problems, lookalikes)
    made = session.enrolment(_CONSENT_HELD, 0)
    return Judged(tuple(words), tuple(taken), (), lookalikes, made.vectors, made.quality)


def judge_alone(sight: Sight | str) -> Judged:
    """Whether one picture by itself may be part of an enrolment."""
    return judge(0, [sight], Gallery.empty(), Policy(1.0, 0.0))


def _why_not(sight: Sight, kept: Sequence[Vectors], *, taken: bool) -> tuple[str, ...]:
    if taken or sight.embedding is None or not kept:
        return ()
    likeness = float((np.stack(kept) @ sight.embedding).max())
    return ("same_picture" if likeness >= _SAME_PICTURE else "another_face",)


def hint_words(code: str, own: dict[str, dict[str, str]]) -> tuple[str, str]:
    """A hint in Chinese and English."""
    pair = own.get(code) or {str(hint): words for hint, words in WORDS.items()}[code]
    return pair["zh-CN"], pair["en"]


def vectors_of(templates: Sequence[bytes], dimensions: int) -> Vectors | None:
    """Templates of a FaceRecord as rows, or None where they are not three to ten of `dimensions` and length 1."""
    sizes = {len(each) for each in templates}
    if not LEAST_PICTURES <= len(templates) <= MOST_TEMPLATES or sizes != {dimensions * 4}:
        return None
    rows = np.frombuffer(b"".join(templates), dtype="<f4").reshape(-1, dimensions).astype(np.float32)
    if not np.isfinite(rows).all() or not np.allclose(np.linalg.norm(rows, axis=1), 1.0, atol=_LENGTH_ERROR):
        return None
    return rows


def one_face(vectors: Vectors, policy: Policy) -> bool:
    """Whether each template fits those before it, and none is of one picture twice."""
    nearest = [float((vectors[:n] @ vectors[n]).max()) for n in range(1, len(vectors))]
    return all(policy.doubt <= each < _SAME_PICTURE for each in nearest)


def lookalikes_of(person: int, vectors: Vectors, gallery: Gallery, policy: Policy) -> tuple[int, ...]:
    """Others enrolled whom these templates would be taken for."""
    found = {
        each.person
        for vector in vectors
        for each in gallery.search(vector)
        if each.person != person and each.score >= policy.accept
    }
    return tuple(sorted(found))


def templates_of(vectors: Vectors) -> tuple[bytes, ...]:
    """Rows as a FaceRecord holds them: float32, little-endian."""
    return tuple(row.astype("<f4").tobytes() for row in vectors)

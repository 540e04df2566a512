"""APCER for each kind of composed attack and BPCER for the photographs themselves."""

import zlib
from collections.abc import Iterable, Sequence

import numpy as np

from models.evaluate.attacks import KINDS, Shown, attack, bona_fide, moving
from models.evaluate.report import Figure, wilson
from models.face.detector import FaceDetector, nearest
from models.face.embedder import FaceEmbedder
from models.face.liveness import Liveness, LivenessModule, Verdict
from models.face.motion import Motion, MotionLimits
from models.face.picture import Face, Picture

MOST_FRAMES = 600  # of each kind, so that a large folder takes minutes and not hours
_FRAME_MS = 66


def liveness_figures(
    shown: Sequence[Shown], detector: FaceDetector, module: LivenessModule, *, draws: int
) -> dict[str, Figure]:
    """`bona fide`: the share not let through; each attack: the share let through. No face found lets nobody through."""

    def passed(picture: Picture) -> bool:
        face = _front(detector, picture)
        return face is not None and module.judge(picture, face).verdict is Verdict.PASSED

    real = [passed(bona_fide(each, chance)) for each, chance in _draws(shown, "bona fide", draws)]
    found = {"bona fide": wilson(len(real) - sum(real), len(real))}
    for kind in KINDS:
        let_in = [passed(attack(each, kind, chance)) for each, chance in _draws(shown, kind, draws)]
        found[kind] = wilson(sum(let_in), len(let_in))
    return found


def motion_figures(
    shown: Sequence[Shown],
    poses: Sequence[Sequence[float]],
    detector: FaceDetector,
    embedder: FaceEmbedder,
    *,
    draws: int,
) -> dict[str, Figure]:
    """The same for movement alone; an undecided end lets nobody through.

    There are no clips of living people among the samples. `poses` are the yaws in the pictures of each person who has
    several: how many people turn their heads far enough between pictures stands for the bona fide.
    """
    limits = MotionLimits()
    several = [each for each in poses if len(each) >= limits.least_frames]
    still = sum(max(each) - min(each) < limits.turned for each in several)

    def passed(frames: Iterable[Picture]) -> bool:
        return watch(frames, detector, embedder).verdict is Verdict.PASSED

    found = {"bona fide": wilson(still, len(several))}
    for kind in KINDS:
        let_in = [passed(moving(each, kind, chance)) for each, chance in _draws(shown, kind, draws)]
        found[kind] = wilson(sum(let_in), len(let_in))
    return found


def watch(frames: Iterable[Picture], detector: FaceDetector, embedder: FaceEmbedder) -> Liveness:
    """What the movement of one clip says at its end."""
    motion = Motion()
    for number, picture in enumerate(frames):
        face = _front(detector, picture)
        aligned = None if face is None else embedder.align(picture, face)
        if face is not None and aligned is not None:
            motion.add(aligned, face, number * _FRAME_MS)
    return motion.judge()


def _front(detector: FaceDetector, picture: Picture) -> Face | None:
    return nearest(detector.detect(picture))[0]


def _draws(shown: Sequence[Shown], kind: str, draws: int) -> Iterable[tuple[Shown, np.random.Generator]]:
    """Every photograph several times, always with the same chance for the same name, kind and draw."""
    fewer = max(1, min(draws, MOST_FRAMES // max(1, len(shown))))
    for each in shown[:MOST_FRAMES]:
        for draw in range(fewer):
            yield each, np.random.default_rng(zlib.crc32(f"{each.name} {kind} {draw}".encode()))

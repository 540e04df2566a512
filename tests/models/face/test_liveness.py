"""Liveness: networks on real photographs and composed attacks, motion, challenge, and the door for a vendor."""

import numpy as np
import pytest

from models.evaluate.attacks import KINDS, Shown, attack, bona_fide
from models.face.decision import Policy
from models.face.detector import FaceDetector, nearest
from models.face.gallery import Gallery
from models.face.liveness import GREY_CAMERA, Liveness, MiniFasNets, Verdict, crop_around
from models.face.motion import CHALLENGE_WORDS, Act, Challenge, Motion
from models.face.picture import Face, Picture
from models.face.pipeline import FacePipeline
from models.registry import Networks
from tests.support.networks import photo

POLICY = Policy(0.5, 0.35)


def face_at(yaw: float, *, eyes: float = 60.0, x: float = 200.0) -> Face:
    """A face whose nose stands `yaw` eye distances beside the middle."""
    right, left = (x, 200.0), (x + eyes, 200.0)
    middle = x + eyes / 2
    points = (right, left, (middle + yaw * eyes, 236.0), (x + 10, 262.0), (x + eyes - 10, 262.0))
    return Face(x - 30, 150, eyes + 60, 150, points, 0.9)


def aligned(number: int) -> Picture:
    return np.random.default_rng(number).integers(0, 255, (112, 112, 3), dtype=np.uint8)


def watched(yaws: list[float], *, same: bool = False, step_ms: int = 80) -> Liveness:
    motion = Motion()
    for number, yaw in enumerate(yaws):
        motion.add(aligned(0 if same else number), face_at(yaw), number * step_ms)
    return motion.judge()


def shown(detector: FaceDetector, name: str) -> Shown:
    picture = photo(name)
    face, _ = nearest(detector.detect(picture))
    assert face is not None
    return Shown(name, picture, face)


def test_photographs_of_people_pass_and_held_screens_do_not(networks: Networks, detector: FaceDetector) -> None:
    module = MiniFasNets(networks)
    real = shown(detector, "fr-obama/01.jpg")
    chance = np.random.default_rng(3)
    for _ in range(3):
        live = bona_fide(real, chance)
        face, _ = nearest(detector.detect(live))
        assert face is not None
        assert module.judge(live, face).verdict is Verdict.PASSED
        fake = attack(real, "screen", chance)
        face, _ = nearest(detector.detect(fake))
        assert face is None or module.judge(fake, face).verdict is Verdict.FAILED


@pytest.mark.parametrize("kind", KINDS)
def test_attacks_repeat_by_their_seed(detector: FaceDetector, kind: str) -> None:
    real = shown(detector, "fr-biden/01.jpg")
    first, again = (attack(real, kind, np.random.default_rng(4)) for _ in range(2))
    assert first.shape == (480, 640, 3)
    assert np.array_equal(first, again)


def test_a_grey_camera_gets_no_verdict_from_networks_that_need_colour(pipeline: FacePipeline) -> None:
    grey = np.repeat(photo("fr-obama/01.jpg").mean(2, keepdims=True).astype(np.uint8), 3, 2)
    face = pipeline._detector.detect(grey)[0]
    sight = pipeline._judge(grey, face, (face,), Gallery.empty(), POLICY)
    assert sight.liveness == GREY_CAMERA


def test_a_vendors_module_judges_in_place_of_ours(detector: FaceDetector, pipeline: FacePipeline) -> None:
    class Vendor:
        name = "vendor 3.1"
        certificate = "BCTC 0000, level 2"
        works_on_grey = True

        def judge(self, picture: Picture, face: Face) -> Liveness:
            return Liveness(Verdict.PASSED, 1.0, self.name)

    with_vendor = FacePipeline(detector=detector, embedder=pipeline._embedder, liveness=Vendor())
    grey = np.repeat(photo("fr-obama/01.jpg").mean(2, keepdims=True).astype(np.uint8), 3, 2)
    assert with_vendor.look(grey, Gallery.empty(), POLICY).liveness.by == "vendor 3.1"


def test_a_crop_stays_inside_the_picture() -> None:
    picture = aligned(1)
    for x, y, size in ((0.0, 0.0, 112.0), (-20.0, -20.0, 60.0), (90.0, 90.0, 60.0), (50.0, 50.0, 0.5)):
        crop = crop_around(picture, Face(x, y, size, size, face_at(0).points, 0.9), 4.0)
        assert crop is None or crop.shape == (80, 80, 3)


def test_a_frozen_stream_is_an_attack() -> None:
    assert watched([0.0, 0.1, 0.2, 0.3, 0.2, 0.1, 0.0], same=True).verdict is Verdict.FAILED


def test_a_head_that_turns_passes_and_one_that_does_not_stays_open() -> None:
    assert watched([0.0, 0.05, 0.1, 0.2, 0.25, 0.1, 0.0]).verdict is Verdict.PASSED
    assert watched([0.0, 0.02, 0.1, 0.08, 0.02, 0.01, 0.0]).verdict is Verdict.UNDECIDED
    assert watched([0.0, 0.3]).verdict is Verdict.UNDECIDED, "two frames are too few"


def test_time_that_steps_back_starts_the_watching_anew() -> None:
    motion = Motion()
    for number in range(8):
        motion.add(aligned(number), face_at(0.05 * number), 10_000 + number * 66)
    motion.add(aligned(99), face_at(0.0), 5)
    assert motion.judge().verdict is Verdict.UNDECIDED


def answered(act: Act, frames: list[Face], *, step_ms: int = 200) -> Verdict:
    challenge = Challenge(act, asked_ms=0, within_ms=3_000)
    verdict = Verdict.UNDECIDED
    for number, face in enumerate(frames):
        verdict = challenge.add(face, number * step_ms).verdict
    return verdict


def test_a_challenge_is_passed_by_the_act_asked_for_alone() -> None:
    left = [face_at(yaw) for yaw in (0.0, 0.08, 0.16, 0.24, 0.3)]
    right = [face_at(-yaw) for yaw in (0.0, 0.08, 0.16, 0.24, 0.3)]
    closer = [face_at(0.0, eyes=eyes) for eyes in (60, 66, 72, 80)]
    assert answered(Act.TURN_LEFT, left) is Verdict.PASSED
    assert answered(Act.TURN_LEFT, right) is Verdict.UNDECIDED
    assert answered(Act.TURN_RIGHT, right) is Verdict.PASSED
    assert answered(Act.COME_CLOSER, closer) is Verdict.PASSED
    assert answered(Act.COME_CLOSER, left) is Verdict.UNDECIDED


def test_a_challenge_fails_late_or_by_another_picture_held_up() -> None:
    late = [face_at(0.0)] * 16 + [face_at(0.3)]
    jump = [face_at(0.0), face_at(0.5)]
    assert answered(Act.TURN_LEFT, late) is Verdict.FAILED
    assert answered(Act.TURN_LEFT, jump) is Verdict.FAILED
    assert set(CHALLENGE_WORDS) == set(Act)


def test_a_face_that_is_turned_already_has_not_followed() -> None:
    assert answered(Act.TURN_LEFT, [face_at(0.3)] * 5) is Verdict.UNDECIDED

"""From a frame to a decision, whatever the camera shows: a person, nobody, noise, nothing, a crowd."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.face.decision import Answer, Policy, Reason
from models.face.detector import FaceDetector, detection_ratio
from models.face.embedder import FaceEmbedder
from models.face.gallery import Gallery
from models.face.hints import Hint
from models.face.liveness import Liveness, Verdict
from models.face.motion import Act, Challenge
from models.face.picture import Picture
from models.face.pipeline import Encounter, FacePipeline, Sight
from models.face.quality import assess, enrolment_hints
from models.registry import Networks
from tests.support.networks import photo, random_people, require_samples

OBAMA, BIDEN = 101, 102
POLICY = Policy(accept=0.55, doubt=0.35)


@pytest.fixture(scope="module")
def gallery(pipeline: FacePipeline) -> Gallery:
    vectors, persons = random_people(500)
    made = Gallery(vectors, persons + 1_000)
    for person, name in ((OBAMA, "fr-obama/01.jpg"), (BIDEN, "fr-biden/01.jpg")):
        embedding = pipeline.look(photo(name), Gallery.empty(), POLICY).embedding
        assert embedding is not None
        made.add(person, embedding[None])
    return made


def crowd(columns: int = 8, rows: int = 5) -> Picture:
    """40 people in view, composed from the laboratory pictures."""
    folder = require_samples() / "faces" / "orl"
    names = [f"s{1 + n % 10:02d}/{1 + n // 10:02d}.png" for n in range(columns * rows)]
    tiles = [resized(read(folder / name), (160, 180)) for name in names]
    return np.vstack([np.hstack(tiles[row * columns : (row + 1) * columns]) for row in range(rows)])


def read(path: Path) -> Picture:
    return np.asarray(cv2.imread(str(path)), dtype=np.uint8)


def resized(picture: Picture, size: tuple[int, int]) -> Picture:
    return np.asarray(cv2.resize(picture, size), dtype=np.uint8)


@pytest.mark.capability("SET-07")
def test_an_enrolled_person_is_recognised_in_another_photograph(pipeline: FacePipeline, gallery: Gallery) -> None:
    sight = pipeline.look(photo("fr-obama/03.jpg"), gallery, POLICY, amount_fen=1_500)
    assert sight.decision.answer is Answer.PERSON
    assert sight.decision.person == OBAMA
    assert pipeline.look(photo("fr-biden/02.jpg"), gallery, POLICY).decision.person == BIDEN


def test_somebody_not_enrolled_is_a_stranger(pipeline: FacePipeline) -> None:
    vectors, persons = random_people(500)
    decision = pipeline.look(photo("fr-obama/03.jpg"), Gallery(vectors, persons), POLICY).decision
    assert decision.answer is not Answer.PERSON


def test_an_amount_over_the_cap_asks_for_a_second_factor(pipeline: FacePipeline, gallery: Gallery) -> None:
    decision = pipeline.look(photo("fr-obama/03.jpg"), gallery, POLICY, amount_fen=POLICY.cap_fen + 1).decision
    assert decision.answer is Answer.SECOND_FACTOR
    assert decision.reasons == (Reason.OVER_CAP,)
    assert decision.suggested == (OBAMA,)


def test_two_people_in_front_are_asked_to_come_one_by_one(pipeline: FacePipeline, gallery: Gallery) -> None:
    sight = pipeline.look(photo("multi/fr-obama_and_biden.jpg"), gallery, POLICY)
    assert sight.decision.reasons == (Reason.SEVERAL_FACES,)
    assert sight.hints == (Hint.SEVERAL,)
    seen = {each.decision.person for each in pipeline.everyone(photo("multi/fr-obama_and_biden.jpg"), gallery, POLICY)}
    assert {OBAMA, BIDEN} <= seen


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shape", [(480, 640, 3), (17, 17, 3), (1080, 1920, 3)])
def test_noise_is_nobody(pipeline: FacePipeline, gallery: Gallery, seed: int, shape: tuple[int, ...]) -> None:
    frame = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    assert pipeline.look(frame, gallery, POLICY).decision.answer is not Answer.PERSON


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((480, 640, 3), np.uint8),
        np.full((480, 640, 3), 255, np.uint8),
        np.zeros((0, 0, 3), np.uint8),
        np.zeros((0, 640, 3), np.uint8),
        np.zeros((5, 5, 3), np.uint8),
        np.zeros((480, 640), np.uint8),
        np.zeros((480, 640, 4), np.uint8),
        np.zeros((480, 640, 3), np.float32),
        None,
    ],
)
def test_an_empty_frame_is_no_face_and_no_error(pipeline: FacePipeline, gallery: Gallery, frame: Picture) -> None:
    sight = pipeline.look(frame, gallery, POLICY)
    assert sight.decision.reasons == (Reason.NO_FACE,)
    assert sight.hints == (Hint.NO_FACE,)
    assert pipeline.everyone(frame, gallery, POLICY) == []


def test_forty_people_in_view_are_all_seen_and_none_of_them_pays(pipeline: FacePipeline, gallery: Gallery) -> None:
    frame = crowd()
    sight = pipeline.look(frame, gallery, POLICY)
    assert len(sight.faces) == 40
    assert sight.decision.answer is Answer.SECOND_FACTOR
    assert sight.decision.reasons == (Reason.SEVERAL_FACES,)


def test_forty_people_in_view_are_told_apart(pipeline: FacePipeline, embedder: FaceEmbedder) -> None:
    gallery = Gallery.empty()
    for number in range(1, 11):
        picture = read(require_samples() / "faces" / "orl" / f"s{number:02d}" / "05.png")
        sight = pipeline.look(picture, Gallery.empty(), POLICY)
        assert sight.embedding is not None
        gallery.add(number, sight.embedding[None])
    sights = pipeline.everyone(crowd(), gallery, replace(POLICY, accept=0.4))
    right = 0
    for sight in sights:
        assert sight.face is not None
        column, row = int((sight.face.x + sight.face.width / 2) // 160), int(sight.face.y // 180)
        right += sight.candidates[0].person == 1 + (row * 8 + column) % 10
    assert len(sights) == 40
    assert right >= 38


def test_faces_are_found_as_opencvs_own_detector_finds_them(networks: Networks, detector: FaceDetector) -> None:
    picture = photo("multi/fr-obama_and_biden.jpg")
    small = FaceDetector.fit(picture, detection_ratio(picture.shape[1], picture.shape[0]))
    theirs = cv2.FaceDetectorYN.create(str(networks.path("yunet")), "", small.shape[1::-1], 0.6, 0.3, 5000)
    rows = theirs.detect(small)[1]
    ours = detector.detect(small)
    assert len(ours) == len(rows)
    for face, row in zip(ours, rows, strict=True):
        assert np.allclose([face.x, face.y, face.width, face.height], row[:4], atol=0.05)
        assert np.allclose(np.ravel(face.points), row[4:14], atol=0.05)
        assert face.score == pytest.approx(row[14], abs=1e-3)


def test_hints_say_what_is_wrong_with_a_picture(pipeline: FacePipeline, gallery: Gallery) -> None:
    picture = photo("fr-obama/01.jpg")
    dark = (picture * 0.12).astype(np.uint8)
    small = resized(picture, (158, 198))
    around = cv2.getRotationMatrix2D((330, 170), 40, 1.0)
    turned = np.asarray(cv2.warpAffine(picture, around, picture.shape[1::-1]), dtype=np.uint8)
    assert Hint.MORE_LIGHT in pipeline.look(dark, gallery, POLICY).hints
    assert Hint.CLOSER in pipeline.look(small, gallery, POLICY).hints
    assert Hint.LEVEL in pipeline.look(turned, gallery, POLICY).hints
    assert pipeline.look(picture, gallery, POLICY).hints == ()


def test_enrolment_wants_a_larger_face_than_a_payment(detector: FaceDetector, embedder: FaceEmbedder) -> None:
    picture = resized(photo("fr-obama/01.jpg"), (288, 360))
    face = detector.detect(picture)[0]
    aligned = embedder.align(picture, face)
    assert aligned is not None
    quality = assess(picture, face, aligned)
    assert quality.good
    assert enrolment_hints(quality) == (Hint.CLOSER,)


def noisy(picture: Picture, seed: int) -> Picture:
    chance = np.random.default_rng(seed)
    return np.clip(picture + chance.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)


def sights(pipeline: FacePipeline, gallery: Gallery, name: str, count: int) -> list[Sight]:
    return [pipeline.look(noisy(photo(name), seed), gallery, POLICY, amount_fen=900) for seed in range(count)]


def test_a_face_pays_only_after_several_frames_agree(pipeline: FacePipeline, gallery: Gallery) -> None:
    encounter = Encounter()
    answers = [
        encounter.add(sight, number * 100).answer
        for number, sight in enumerate(sights(pipeline, gallery, "fr-obama/03.jpg", 4))
    ]
    assert answers == [Answer.SECOND_FACTOR, Answer.SECOND_FACTOR, Answer.PERSON, Answer.PERSON]


def test_somebody_stepping_in_starts_the_count_anew(pipeline: FacePipeline, gallery: Gallery) -> None:
    encounter = Encounter()
    both = sights(pipeline, gallery, "fr-obama/03.jpg", 2) + sights(pipeline, gallery, "fr-biden/02.jpg", 2)
    assert [encounter.add(sight, n * 100).answer for n, sight in enumerate(both)] == [Answer.SECOND_FACTOR] * 4


def test_a_picture_shown_until_one_frame_passes_does_not_pay(pipeline: FacePipeline, gallery: Gallery) -> None:
    passing = sights(pipeline, gallery, "fr-obama/03.jpg", 3)
    failed = Liveness(Verdict.FAILED, 0.1, "test")
    refused = replace(
        passing[0],
        liveness=failed,
        decision=replace(
            passing[0].decision, answer=Answer.SECOND_FACTOR, person=None, reasons=(Reason.LIVENESS_FAILED,)
        ),
    )
    encounter = Encounter()
    shown = [refused, passing[0], refused, passing[1], refused, passing[2]]
    answers = [encounter.add(sight, number * 100) for number, sight in enumerate(shown)]
    assert all(each.answer is Answer.SECOND_FACTOR for each in answers)
    assert answers[-1].reasons == (Reason.LIVENESS_FAILED,)


def test_a_frozen_camera_does_not_pay(pipeline: FacePipeline, gallery: Gallery) -> None:
    encounter = Encounter()
    sight = pipeline.look(photo("fr-obama/03.jpg"), gallery, POLICY)
    last = [encounter.add(sight, number * 120) for number in range(7)][-1]
    assert last.answer is Answer.SECOND_FACTOR
    assert last.reasons == (Reason.LIVENESS_FAILED,)


def test_an_open_challenge_keeps_the_face_from_paying(pipeline: FacePipeline, gallery: Gallery) -> None:
    encounter = Encounter(challenge=Challenge(Act.TURN_LEFT, asked_ms=0))
    answers = [
        encounter.add(sight, number * 100)
        for number, sight in enumerate(sights(pipeline, gallery, "fr-obama/03.jpg", 4))
    ]
    assert answers[-1].reasons == (Reason.LIVENESS_ABSENT,)


def test_where_movement_is_needed_whoever_stands_still_is_asked(pipeline: FacePipeline, gallery: Gallery) -> None:
    encounter = Encounter(needs_motion=True)
    answers = [
        encounter.add(sight, number * 120)
        for number, sight in enumerate(sights(pipeline, gallery, "fr-obama/03.jpg", 7))
    ]
    assert answers[-1].answer is Answer.SECOND_FACTOR
    assert answers[-1].reasons == (Reason.LIVENESS_ABSENT,)

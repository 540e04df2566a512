"""The picture of an alarm: bounded, named by its digest, and of nobody else."""

import hashlib

import cv2
import numpy as np
import pytest

from models.evaluate.kitchen_scenes import Portrait, Worn, person, scene
from models.kitchen.eye import Parts
from models.kitchen.snapshot import MOST_BYTES, MOST_SIDE_PX, Snapshot, take, without_faces
from tests.support.dishes import noise

pytestmark = pytest.mark.capability("CAN-10")


def pixels(snapshot: Snapshot) -> np.ndarray:
    return np.asarray(cv2.imdecode(np.frombuffer(snapshot.jpeg, np.uint8), cv2.IMREAD_COLOR))


def test_a_snapshot_is_named_by_its_bytes_and_shows_the_box_in_red() -> None:
    snapshot = take(np.full((360, 640, 3), 90, np.uint8), (100, 100, 200, 150), [])
    assert snapshot.digest == hashlib.sha256(snapshot.jpeg).hexdigest()
    edge = pixels(snapshot)[175, 100].astype(int)
    assert edge[2] > 180
    assert edge[0] < 90


@pytest.mark.parametrize("shape", [(2160, 3840), (40, 4000), (3000, 30), (60, 60)])
def test_noise_that_does_not_compress_still_fits(shape: tuple[int, int]) -> None:
    snapshot = take(noise(1, shape), (5, 5, 20, 20), [])
    assert len(snapshot.jpeg) <= MOST_BYTES
    assert max(snapshot.width, snapshot.height) <= MOST_SIDE_PX


def test_the_faces_of_others_cannot_be_recognised_and_the_own_one_stays(
    parts: Parts, portraits: list[Portrait], chance: np.random.Generator
) -> None:
    frame = scene([person(each, Worn.NOT, chance, face_px=70) for each in portraits], chance)
    assert parts.masks is not None
    faces = parts.masks.look(frame)
    assert len(faces) == 3
    own = faces[0].box
    snapshot = take(frame, own, [face.box for face in faces], own=[own])
    assert snapshot.blurred == 2
    left = parts.masks.look(np.asarray(pixels(snapshot), dtype=np.uint8))
    ratio = snapshot.width / frame.shape[1]
    assert [round(face.box[0] / 20) for face in left] == [round(own[0] * ratio / 20)]


def test_where_nobody_looked_for_faces_all_but_the_box_is_hidden() -> None:
    picture = noise(2, (240, 320))
    shown = pixels(take(picture, (100, 80, 60, 60), None)).astype(float)
    assert shown[85:135, 105:155].std() > 40
    assert shown[:70, :90].std() < 15


def test_a_person_turned_away_is_blurred_where_the_head_is() -> None:
    person_box, face = (100.0, 50.0, 80.0, 200.0), (125.0, 55.0, 30.0, 40.0)
    assert without_faces([person_box], [face]) == []
    (head,) = without_faces([person_box], [])
    assert head[1] == 50.0
    assert head[3] < 60


def test_boxes_beyond_the_picture_do_no_harm() -> None:
    picture = noise(3, (100, 100))
    for box in ((-50.0, -50.0, 20.0, 20.0), (90.0, 90.0, 500.0, 500.0), (300.0, 300.0, 10.0, 10.0)):
        assert take(picture, box, [box], own=[]).jpeg[:2] == b"\xff\xd8"
        assert take(picture, box, None, own=[box]).jpeg[:2] == b"\xff\xd8"

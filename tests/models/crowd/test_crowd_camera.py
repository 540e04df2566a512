"""A camera over a door with the real network, on composed clips and on frames of no use."""

import cv2
import numpy as np
import pytest

from models.crowd.camera import CrowdCamera
from models.crowd.door import Crossings
from models.dish.picture import Picture
from models.evaluate.crowd_scenes import LINE, SIZE, ZONE, Cutout, Stand, door_clip, frames, queue_frames
from models.evaluate.crowd_scenes import seen as taken
from models.objects import MOST_OBJECTS, Detector
from tests.support.dishes import empty, noise
from tests.support.networks import require_samples

pytestmark = pytest.mark.capability("CAN-08")


def test_people_through_a_door_are_counted_both_ways(detector: Detector, cutouts: list[Cutout]) -> None:
    """This clip was counted by eye as well: one came in, one turned round, two went out."""
    assert len(cutouts) >= 3
    walks, entered, left = door_clip(cutouts, 7400, people=4, seconds=12.0)
    camera = CrowdCamera(detector, lines=[LINE])
    for picture, at_ms in frames(walks, 7400, seconds=12.0):
        camera.frame(picture, at_ms)
    assert (entered, left) == (1, 2)
    assert camera.doors["door"].total == Crossings(entered, left)


def test_people_in_a_queue_are_counted(detector: Detector, cutouts: list[Cutout]) -> None:
    stand = Stand(((0, 0.2), (1, 0.4), (2, 0.6)), 3)
    camera = CrowdCamera(detector, queues=[ZONE])
    told = [camera.frame(*each).queues["queue"].people for each in queue_frames([stand] * 10, cutouts, 2)]
    assert told[-1] == 3


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (noise(shape=(360, 640)), "noise"),
        (empty(), "empty"),
        (np.zeros((0, 0, 3), np.uint8), "too small"),
        (None, "not three channels of bytes"),
    ],
)
def test_a_frame_of_no_use_counts_nobody_and_says_why(detector: Detector, frame: Picture, reason: str) -> None:
    camera = CrowdCamera(detector, lines=[LINE], queues=[ZONE])
    look = camera.frame(frame, 0)
    assert (look.reason, look.people, dict(look.crossings), dict(look.queues)) == (reason, 0, {}, {})


def test_a_stream_that_stands_still_says_so(detector: Detector, cutouts: list[Cutout]) -> None:
    ((picture, _),) = queue_frames([Stand(((0, 0.3),), 1)], cutouts, 1)
    camera = CrowdCamera(detector, lines=[LINE], frozen_after_ms=1_000)
    assert [camera.frame(picture, at_ms).reason for at_ms in (0, 500, 1_000, 1_500)] == ["", "", "frozen", "frozen"]


def test_forty_people_in_view_are_bounded_and_cross_nothing(detector: Detector) -> None:
    folder = require_samples() / "faces" / "orl"
    names = [f"s{1 + n % 10:02d}/{1 + n // 10:02d}.png" for n in range(40)]
    tiles = [cv2.resize(np.asarray(cv2.imread(str(folder / name))), (160, 180)) for name in names]
    still = np.asarray(np.vstack([np.hstack(tiles[row * 8 : (row + 1) * 8]) for row in range(5)]), np.uint8)
    camera = CrowdCamera(detector, lines=[LINE])
    chance = np.random.default_rng(1)
    looks = [camera.frame(taken(still, chance), n * 200) for n in range(6)]
    assert all(look.people <= MOST_OBJECTS and not look.reason for look in looks)
    assert camera.doors["door"].total == Crossings(0, 0)


def test_two_lines_of_one_name_are_refused(detector: Detector) -> None:
    with pytest.raises(ValueError, match="name of its own"):
        CrowdCamera(detector, lines=[LINE, LINE])
    assert SIZE == (640, 360)

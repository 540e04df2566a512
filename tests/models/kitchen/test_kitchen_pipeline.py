"""From frames to alarms with the real networks: masks, zones, frames of no use, forty people."""

import cv2
import numpy as np
import pytest

from models.evaluate.kitchen import portraits_of
from models.evaluate.kitchen_scenes import Portrait, Worn, person, scene, seen
from models.face.picture import Picture
from models.kitchen.eye import KitchenEye, Look, Parts, Sighting, held
from models.kitchen.kinds import Kind
from models.kitchen.masks import MOST_FACES, MaskDetector, MaskedFace, anchors
from models.kitchen.snapshot import MOST_BYTES
from models.kitchen.watch import Alarm, KitchenCamera, KitchenWatch, Watched
from models.registry import Networks
from models.zones import Zone, ZoneMalformed
from tests.support.dishes import empty, noise
from tests.support.networks import require_samples

pytestmark = pytest.mark.capability("CAN-10")
STEP_MS = 500
LEFT = Zone("stove", ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)))
RIGHT = Zone("sink", ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)))


@pytest.fixture(scope="module")
def masks(parts: Parts) -> MaskDetector:
    assert parts.masks is not None
    return parts.masks


@pytest.fixture
def only_masks(parts: Parts) -> Parts:
    return Parts.of(parts, {Kind.NO_MASK})


def kitchen(portraits: list[Portrait], worn: list[Worn], seed: int) -> Picture:
    """People side by side, always at the same places; the seed is the sensor's noise."""
    same = np.random.default_rng(5)
    people = [person(each, how, same, face_px=70) for each, how in zip(portraits, worn, strict=True)]
    return seen(scene(people, np.random.default_rng(5)), np.random.default_rng(seed))


def watched(camera: KitchenCamera, portraits: list[Portrait], worn: list[Worn], count: int) -> list[Alarm]:
    frames = [kitchen(portraits, worn, seed) for seed in range(count)]
    return [alarm for number, frame in enumerate(frames) for alarm in camera.frame(frame, number * STEP_MS)]


def test_a_painted_mask_is_told_from_none(masks: MaskDetector, portraits: list[Portrait]) -> None:
    told = {
        worn: [face.masked for face in masks.look(kitchen(portraits, [worn] * 3, 1))] for worn in (Worn.NOT, Worn.RIGHT)
    }
    assert told == {Worn.NOT: [False] * 3, Worn.RIGHT: [True] * 3}


def test_the_anchors_are_those_of_the_published_network() -> None:
    found = anchors()
    assert found.shape == (11_000, 4)
    assert found[0] == pytest.approx([0.5 / 45, 0.5 / 45, 0.04, 0.04])
    assert found[3] == pytest.approx([0.5 / 45, 0.5 / 45, 0.04 * 0.42**0.5, 0.04 / 0.42**0.5])
    assert found[-1][:2] == pytest.approx([0.875, 0.875])


def test_whoever_wears_no_mask_for_long_is_one_alarm_with_a_picture(
    only_masks: Parts, portraits: list[Portrait]
) -> None:
    camera = KitchenCamera(KitchenEye(only_masks), KitchenWatch("cam-1"))
    (alarm,) = watched(camera, portraits, [Worn.RIGHT, Worn.NOT, Worn.RIGHT], 10)
    fact = alarm.as_fact()
    assert (alarm.kind, alarm.zone, alarm.camera) == (Kind.NO_MASK, "all", "cam-1")
    assert fact["snapshot_sha256"] == alarm.snapshot.digest
    assert fact["at_ms"] >= 2_000
    assert alarm.snapshot.blurred == 2
    assert 0 < len(alarm.snapshot.jpeg) <= MOST_BYTES


def test_a_kitchen_in_order_is_silent(only_masks: Parts, portraits: list[Portrait]) -> None:
    camera = KitchenCamera(KitchenEye(only_masks), KitchenWatch("cam-1"))
    assert watched(camera, portraits, [Worn.RIGHT] * 3, 8) == []


def test_only_what_lies_in_a_zone_that_asks_for_it_alarms(only_masks: Parts, portraits: list[Portrait]) -> None:
    def run(*zones: Watched) -> list[str]:
        camera = KitchenCamera(KitchenEye(only_masks), KitchenWatch("cam-1", zones))
        return [alarm.zone for alarm in watched(camera, portraits[:1], [Worn.NOT], 6)]

    assert run(Watched(LEFT), Watched(RIGHT)) == ["stove"]
    assert run(Watched(LEFT, frozenset({Kind.PHONE})), Watched(RIGHT)) == []


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (noise(shape=(480, 640)), "noise"),
        (empty(), "empty"),
        (empty(0), "empty"),
        (np.zeros((0, 0, 3), np.uint8), "too small"),
        (np.zeros((480, 640), np.uint8), "not three channels of bytes"),
        (None, "not three channels of bytes"),
    ],
)
def test_a_frame_of_no_use_is_neither_a_breach_nor_order(
    only_masks: Parts, portraits: list[Portrait], frame: Picture, reason: str
) -> None:
    camera = KitchenCamera(KitchenEye(only_masks), KitchenWatch("cam-1"))
    alarms = []
    for number in range(12):
        shown = frame if number % 2 else kitchen(portraits, [Worn.NOT] * 3, number)
        alarms += camera.frame(shown, number * STEP_MS)
    assert camera.reason == reason
    assert [alarm.kind for alarm in alarms] == [Kind.NO_MASK]


def test_a_stream_that_stands_still_raises_no_alarm_and_says_so(only_masks: Parts, portraits: list[Portrait]) -> None:
    camera = KitchenCamera(KitchenEye(only_masks, frozen_after_ms=1_000), KitchenWatch("cam-1"))
    frame = kitchen(portraits, [Worn.NOT] * 3, 1)
    assert [alarm for number in range(20) for alarm in camera.frame(frame, number * STEP_MS)] == []
    assert camera.reason == "frozen"
    camera.frame(kitchen(portraits, [Worn.NOT] * 3, 2), 20 * STEP_MS)
    assert camera.reason == ""


def test_forty_people_in_view_are_one_alarm_that_shows_one_of_them(only_masks: Parts) -> None:
    folder = require_samples() / "faces" / "orl"
    names = [f"s{1 + n % 10:02d}/{1 + n // 10:02d}.png" for n in range(40)]
    tiles = [cv2.resize(np.asarray(cv2.imread(str(folder / name))), (160, 180)) for name in names]
    still = np.vstack([np.hstack(tiles[row * 8 : (row + 1) * 8]) for row in range(5)])
    camera = KitchenCamera(KitchenEye(only_masks), KitchenWatch("cam-1"))
    alarms = []
    for number in range(6):
        alarms += camera.frame(seen(np.asarray(still, np.uint8), np.random.default_rng(number)), number * STEP_MS)
    assert len(alarms) == 1
    assert 20 <= alarms[0].snapshot.blurred < MOST_FACES
    assert len(alarms[0].snapshot.jpeg) <= MOST_BYTES


def test_a_phone_counts_in_somebodys_hands_alone() -> None:
    holder, phone, face = (100.0, 50.0, 100.0, 300.0), (150.0, 150.0, 20.0, 40.0), (130.0, 60.0, 40.0, 50.0)
    faces = [MaskedFace(face, masked=True, score=0.9)]
    assert held([(phone, 0.8)], [holder], faces) == [(phone, 0.8, (face,))]
    assert held([(phone, 0.8)], [(400.0, 50.0, 100.0, 300.0)], faces) == []
    assert held([(phone, 0.8)], [], faces) == []


def test_a_rat_is_placed_by_its_feet_and_alarms_at_once() -> None:
    watch = KitchenWatch("cam-1", [Watched(Zone("floor", ((0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0))))])
    picture = noise(1, (480, 640))
    feet_on_floor, on_the_wall = (100.0, 220.0, 30.0, 30.0), (100.0, 100.0, 30.0, 30.0)
    for box, wanted in ((on_the_wall, 0), (feet_on_floor, 1)):
        alarms = []
        for number in range(8):
            look = Look((Sighting(Kind.RAT, box, 0.9),), None)
            alarms += watch.add(look, picture, number * 200)
        assert len(alarms) == wanted
    assert watch.open == {("floor", Kind.RAT)}


@pytest.mark.parametrize("points", [((0.0, 0.0), (1.0, 1.0)), ((0.0, 0.0), (1.0, 0.0), (1.2, 1.0))])
def test_a_zone_that_is_none_is_refused(points: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(ZoneMalformed):
        Zone("wrong", points)


def test_a_zone_may_be_of_any_shape() -> None:
    horseshoe = Zone("u", ((0, 0), (1, 0), (1, 1), (0.7, 1), (0.7, 0.3), (0.3, 0.3), (0.3, 1), (0, 1)))
    assert [horseshoe.holds(x, 0.8) for x in (0.15, 0.5, 0.85)] == [True, False, True]
    assert horseshoe.holds(0.5, 0.1)


def test_round_food_that_the_network_takes_for_a_face_is_looked_at_twice(only_masks: Parts) -> None:
    folder = require_samples() / "dishes_cn"
    first = second = 0
    for path in sorted(folder.rglob("*.jpg"))[:30]:
        picture = np.asarray(cv2.imread(str(path)), dtype=np.uint8)
        assert only_masks.masks is not None
        first += any(not face.masked for face in only_masks.masks.look(picture, least_score=0.6))
        second += bool(KitchenEye(only_masks).look(picture, 0).sightings)
    assert first >= 3
    assert second * 3 <= first


def test_a_small_mask_overlooked_from_afar_is_seen_from_near(
    only_masks: Parts, networks: Networks, masks: MaskDetector
) -> None:
    afar = near = 0
    grey = [each for each in portraits_of(require_samples(), networks) if each.grey]
    for seed, each in enumerate(grey[:16]):
        chance = np.random.default_rng(seed)
        frame = seen(scene([person(each, Worn.RIGHT, chance, face_px=40)], chance), chance)
        afar += any(not face.masked for face in masks.look(frame))
        near += bool(KitchenEye(only_masks).look(frame, 0).sightings)
    assert afar >= 4
    assert near * 4 <= afar

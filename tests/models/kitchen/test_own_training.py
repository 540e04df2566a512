"""Hats, cigarettes and rats with a network put in by an operator: a tiny one that alarms at what is dark."""

import hashlib
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.errors import RegistryMalformed
from models.face.picture import Picture
from models.kitchen.crops import MOST_CROPS, SIZE_PX, CropClassifier, crop
from models.kitchen.eye import KitchenEye, Parts
from models.kitchen.kinds import Kind, Readiness
from models.kitchen.labelled import LabelsMalformed, read
from models.kitchen.movement import MOST_PLACES, Movement
from models.kitchen.watch import Alarm, KitchenCamera, KitchenWatch, rules_of
from models.registry import Networks
from tests.support.dishes import noise
from tests.support.networks import photo

pytestmark = pytest.mark.capability("CAN-10")
DARK = Path(__file__).with_name("dark.onnx")
ENTRY = """
[{role}]
role = "{role}"
file = "{role}/dark.onnx"
use = "a test"
sha256 = "{digest}"
size_bytes = {size}
licence = "own"
input = "[n,3,64,64]"
output = "prob [n,2]"
conversion = "none"
[{role}.source]
repository = "own/training"
commit = "own"
path = "dark.onnx"
sha256 = "{digest}"
licence_path = "LICENSE"
[{role}.settings]
start = 0.7
measured_cases = 500
"""


@pytest.fixture
def store(tmp_path: Path, networks: Networks) -> Networks:
    """The store of a gateway whose operator trained all three."""
    for name in ("face-mask", "yunet", "yolox-nano"):
        path = networks.path(name)
        shutil.copytree(path.parent, tmp_path / path.parent.name)
    text = ""
    for role in ("kitchen-hat", "kitchen-smoking", "kitchen-rat"):
        (tmp_path / role).mkdir()
        shutil.copy(DARK, tmp_path / role)
        digest = hashlib.sha256(DARK.read_bytes()).hexdigest()
        text += ENTRY.format(role=role, digest=digest, size=DARK.stat().st_size)
    (tmp_path / "registry.toml").write_text(text)
    return Networks(tmp_path)


def floor(seed: int) -> Picture:
    """Lighter far away, darker near, where rats run."""
    chance = np.random.default_rng(seed)
    light = np.linspace(180, 75, 480)[:, None, None]
    return np.clip(light + chance.normal(0, 3, (480, 640, 3)), 0, 255).astype(np.uint8)


def with_rat(seed: int, x: int, shade: int = 20) -> Picture:
    picture = floor(seed)
    cv2.ellipse(picture, (x, 400), (26, 12), 0, 0, 360, (shade, shade, shade), -1)
    return picture


def run(store: Networks, kind: Kind, pictures: list[Picture], *, step_ms: int = 500) -> list[Alarm]:
    camera = KitchenCamera(KitchenEye(Parts(store, {kind})), KitchenWatch("cam-1", rules=rules_of(store)))
    return [alarm for n, picture in enumerate(pictures) for alarm in camera.frame(picture, n * step_ms)]


def faces(seed: int, *, light: float) -> Picture:
    """A photograph with something bright or dark above the face."""
    above = np.full((300, 720, 3), int(255 * light), np.uint8)
    picture = np.vstack([above, photo("fr-obama/01.jpg")])
    grain = np.random.default_rng(seed).normal(0, 2, picture.shape)
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


def test_a_trained_kind_is_off_until_somebody_turns_it_on(store: Networks) -> None:
    assert Parts(store).kinds == {Kind.NO_MASK, Kind.PHONE}
    assert Parts(store, {Kind.NO_HAT, Kind.RAT}).kinds == {Kind.NO_HAT, Kind.RAT}


def test_a_head_that_the_network_alarms_at_is_one_alarm_with_a_snapshot(store: Networks) -> None:
    alarms = run(store, Kind.NO_HAT, [faces(n, light=0.05) for n in range(8)])
    assert [alarm.kind for alarm in alarms] == [Kind.NO_HAT]
    assert alarms[0].snapshot.jpeg
    assert run(store, Kind.NO_HAT, [faces(n, light=1.0) for n in range(8)]) == []


def test_a_small_dark_thing_that_runs_is_a_rat_and_one_that_lies_is_not(store: Networks) -> None:
    still = [floor(n) for n in range(5)]
    (alarm,) = run(store, Kind.RAT, still + [with_rat(n, 100 + 40 * n) for n in range(8)], step_ms=200)
    assert alarm.kind is Kind.RAT
    assert alarm.score > 0.7
    assert run(store, Kind.RAT, [with_rat(n, 300) for n in range(15)], step_ms=200) == []
    assert run(store, Kind.RAT, still + [with_rat(n, 100 + 40 * n, shade=235) for n in range(8)], step_ms=200) == []


def test_a_light_switched_on_is_no_movement() -> None:
    movement = Movement()
    assert movement.places(floor(1)) == []
    assert movement.places(np.clip(floor(2).astype(int) + 60, 0, 255).astype(np.uint8)) == []
    assert movement.places(np.clip(floor(3).astype(int) + 60, 0, 255).astype(np.uint8)) == []


def test_a_hundred_things_that_move_are_bounded() -> None:
    movement, picture = Movement(), floor(2)
    movement.places(floor(1))
    for number in range(100):
        cv2.circle(picture, (20 + 62 * (number % 10), 20 + 48 * (number // 10)), 8, (20, 20, 20), -1)
    assert len(movement.places(picture)) == MOST_PLACES


def test_forty_heads_are_looked_at_up_to_a_bound(store: Networks) -> None:
    boxes = [(10.0 + n, 100.0, 60.0, 80.0) for n in range(40)]
    assert len(CropClassifier(store, Kind.NO_HAT).scores(noise(1, (480, 640)), boxes)) == MOST_CROPS


@pytest.mark.parametrize("box", [(-200.0, 0.0, 50.0, 50.0), (0.0, 0.0, 2.0, 2.0), (5_000.0, 10.0, 50.0, 50.0)])
def test_a_part_outside_the_picture_is_left_out(box: tuple[float, float, float, float]) -> None:
    assert crop(noise(1), box, Kind.SMOKING) is None
    inside = crop(noise(1), (100.0, 100.0, 50.0, 50.0), Kind.SMOKING)
    assert inside is not None
    assert inside.shape == (SIZE_PX, SIZE_PX, 3)


def test_a_network_of_another_form_is_refused_by_name(store: Networks, networks: Networks) -> None:
    wrong = networks.path("person-light")
    path = store.store / "kitchen-hat" / "dark.onnx"
    path.write_bytes(wrong.read_bytes())
    entry = (store.store / "registry.toml").read_text()
    digest = hashlib.sha256(DARK.read_bytes()).hexdigest()
    (store.store / "registry.toml").write_text(entry.replace(digest, hashlib.sha256(wrong.read_bytes()).hexdigest()))
    changed = Networks(store.store)
    with pytest.raises(RegistryMalformed, match="kitchen-hat"):
        CropClassifier(changed, Kind.NO_HAT)
    parts = Parts(changed, {Kind.NO_HAT, Kind.PHONE})
    assert parts.kinds == {Kind.PHONE}
    assert {state.kind: state.readiness for state in parts.states}[Kind.NO_HAT] is Readiness.DAMAGED


def test_labels_are_read_and_a_wrong_line_is_named(tmp_path: Path) -> None:
    assert read(tmp_path) == []
    (tmp_path / "kitchen").mkdir()
    index = tmp_path / "kitchen" / "index.jsonl"
    row = {"file": "a.jpg", "group": "g", "kinds": ["no_hat"], "boxes": [{"label": "hat", "xywh": [1, 2, 3, 4]}]}
    index.write_text(json.dumps(row) + "\n\n")
    (marked,) = read(tmp_path)
    assert marked.of("hat") == [(1.0, 2.0, 3.0, 4.0)]
    for wrong in ({**row, "kinds": ["cap"]}, {**row, "boxes": [{"label": "cap", "xywh": [1, 2, 3, 4]}]}, {"file": "a"}):
        index.write_text(json.dumps(row) + "\n" + json.dumps(wrong) + "\n")
        with pytest.raises(LabelsMalformed, match=r"index.jsonl:2"):
            read(tmp_path)

"""The scene before the simulated camera: its orders, its faults and its attacks."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from firmware_sim.camera.device import Scene
from firmware_sim.core.device import WrongActError

from tests.support.networks import require_samples


def test_light_noise_blur_and_a_covered_part_each_change_the_picture_as_named() -> None:
    scene = Scene(1, dishes=(1, 2, 3))
    plain = scene.picture().astype(float)
    scene.act({"light": 0.4})
    assert scene.picture().mean() < 0.5 * plain.mean()
    scene.act({"light": 1.0, "noise": 40.0})
    assert np.abs(scene.picture() - plain).mean() > 15
    scene.act({"noise": 2.0, "blur": 6.0})
    assert _sharpness(scene.picture()) < 0.5 * _sharpness(plain.astype(np.uint8))
    scene.act({"blur": 0.0, "occluded": 0.5})
    assert scene.picture()[:, :400].std() < 10
    scene.act({"black": True})
    assert scene.picture().max() == 0


@pytest.mark.parametrize("attack", ["print", "screen"])
def test_an_attack_shows_the_face_flat_within_an_edge(attack: str) -> None:
    scene = Scene(1)
    scene.act({"face": 1})
    plain = scene.picture()
    scene.act({"attack": attack})
    shown = scene.picture()
    assert shown.shape == plain.shape
    assert shown[:60, :60].std() < 20  # the room around what is held up
    assert np.abs(shown.astype(float) - plain).mean() > 10


def test_a_frozen_camera_sends_the_very_same_bytes() -> None:
    scene = Scene(1)
    before = scene.jpeg()
    assert scene.jpeg() != before
    scene.act({"frozen": True})
    assert scene.jpeg() == scene.jpeg()


def test_real_pictures_of_a_folder_can_be_shown() -> None:
    folder = require_samples() / "trays"
    name = next(path.relative_to(folder) for path in sorted(folder.rglob("*.jpg")))
    scene = Scene(1, folder)
    assert scene.act({"show": str(name)}) == {"show": str(name)}
    found = cv2.imread(str(folder / name))
    assert found is not None
    wanted = cv2.resize(found, (960, 720), interpolation=cv2.INTER_AREA)
    assert np.abs(scene.picture().astype(float) - wanted).mean() < 4
    scene.act({"tray": [1]})
    assert np.abs(scene.picture().astype(float) - wanted).mean() > 20


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"tray": [1, 2, 3, 4, 5]},
        {"noise": -1},
        {"light": True},
        {"attack": "mask"},
        {"show": "../secret.png"},
        {"a": 1},
    ],
)
def test_a_wrong_order_is_refused_and_changes_nothing(tmp_path: Path, order: dict[str, object]) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "secret.png").write_bytes(cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes())
    scene = Scene(1, tmp_path / "pictures", dishes=(1,))
    with pytest.raises(WrongActError):
        scene.act(order)
    assert scene.dishes == (1,)


def _sharpness(picture: np.ndarray) -> float:
    return float(cv2.Laplacian(picture, cv2.CV_64F).std())

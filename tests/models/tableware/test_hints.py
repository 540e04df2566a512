"""The general detector's bowls on real trays."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from models.objects import BOWL, Detector
from models.registry import Networks
from models.tableware.hints import bowl_boxes
from models.tableware.ware import find_ware
from tests.support.dishes import empty, noise
from tests.support.networks import require_networks, require_samples

pytestmark = pytest.mark.capability("SET-02")


def test_bowls_on_a_real_tray_are_where_the_plates_are() -> None:
    picture = np.asarray(cv2.imread(str(require_samples() / "trays/tray6/food_image.jpg")), dtype=np.uint8)
    seen = [each for each in Detector(require_networks()).look(picture) if each.kind == BOWL]
    wares = find_ware(picture)
    assert len(wares) == 3
    assert len(seen) >= 2
    for bowl in seen:
        middle = bowl.box[0] + bowl.box[2] / 2, bowl.box[1] + bowl.box[3] / 2
        assert any(np.hypot(middle[0] - ware.x, middle[1] - ware.y) < ware.radius for ware in wares)


@pytest.mark.parametrize("picture", [noise(), empty(), empty(0)])
def test_nothing_is_seen_in_noise_or_in_an_empty_frame(picture: np.ndarray) -> None:
    assert [each for each in Detector(require_networks()).look(picture) if each.kind == BOWL] == []


def test_without_the_detector_there_are_no_hints(tmp_path: Path) -> None:
    assert bowl_boxes(empty(), Networks(tmp_path)) == []

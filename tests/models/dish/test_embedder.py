"""By what network a picture is described, and what happens where there is none."""

from pathlib import Path

import numpy as np
import pytest

from models.dish import embedder
from models.dish.calibration import FETCHED, OWN, calibration_of
from models.dish.embedder import best, fetched, own
from models.dish.errors import PictureUnusable
from models.dish.picture import usable, views
from models.errors import NetworkDamaged, NetworkMissing
from models.registry import Networks
from tests.support.dishes import dish, empty, noise
from tests.support.networks import require_networks, require_samples

RED, GREEN = (30, 40, 210), (40, 180, 60)
pytestmark = pytest.mark.capability("SET-02")


def test_without_a_fetched_network_our_own_describes(tmp_path: Path) -> None:
    describer = best(Networks(tmp_path))
    assert describer.name.startswith("small")
    assert calibration_of(describer) is OWN
    same = describer.describe(dish(RED, seed=1)) @ describer.describe(dish(RED, seed=2))
    other = describer.describe(dish(RED, seed=1)) @ describer.describe(dish(GREEN, seed=1))
    assert same > other + 0.2


def test_asking_for_the_fetched_network_where_it_is_not_says_how_to_fetch_it(tmp_path: Path) -> None:
    with pytest.raises(NetworkMissing, match="fetch"):
        fetched(Networks(tmp_path))


def test_the_fetched_network_is_preferred() -> None:
    describer = best(require_networks())
    assert "mobilenet" in describer.name
    assert calibration_of(describer) is FETCHED


def test_our_own_network_with_a_wrong_digest_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = tmp_path / "small.onnx"
    damaged.write_bytes(embedder.OWN_FILE.read_bytes()[:-1] + b"x")
    monkeypatch.setattr(embedder, "OWN_FILE", damaged)
    with pytest.raises(NetworkDamaged, match="not used"):
        own()


def test_our_own_network_is_below_five_megabytes() -> None:
    assert embedder.OWN_FILE.stat().st_size < 5_000_000


def test_a_description_has_length_one_and_repeats() -> None:
    describer = own()
    first, again = describer.describe(dish(RED)), describer.describe(dish(RED))
    assert float(np.linalg.norm(first)) == pytest.approx(1.0, abs=1e-5)
    assert np.array_equal(first, again)


@pytest.mark.parametrize("picture", [noise(), empty(), np.zeros((40, 40), np.uint8), "no picture"])
def test_what_shows_nothing_is_refused(picture: object) -> None:
    with pytest.raises(PictureUnusable):
        usable(picture)


def test_every_real_picture_of_the_samples_is_usable() -> None:
    import cv2

    files = [*require_samples().glob("dishes_cn/*/*.jpg"), *require_samples().glob("products/grocery/*/*/*.jpg")]
    assert len(files) > 100
    for path in files:
        picture = cv2.imread(str(path))
        assert usable(picture) is picture, path.name


def test_views_are_red_first_and_of_the_size_asked_for() -> None:
    picture = np.zeros((60, 90, 3), np.uint8)
    picture[:, :, 2] = 200
    asked = views(picture, 32)
    assert asked.shape == (4, 3, 32, 32)
    assert (asked[:, 0] == 200).all()
    assert (asked[:, 1:] == 0).all()

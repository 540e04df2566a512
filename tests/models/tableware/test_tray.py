"""Ware and food on drawn trays, and what is left after the meal."""

import cv2
import numpy as np
import pytest

from models.dish.errors import PictureUnusable
from models.objects import overlap
from models.tableware.food import FoodFinder
from models.tableware.kind import Camera, WareKind, teach_kind, tell_kind
from models.tableware.tray import cut_out, find_portions, leftovers, match, vectors
from models.tableware.ware import Ware, cover, find_ware
from tests.support.dishes import ByColour, empty, noise, tray

RED, GREEN = (30, 40, 200), (40, 150, 60)
FULL = [(320, 300, RED, 1.0), (900, 500, GREEN, 1.0)]
pytestmark = pytest.mark.capability("SET-02")


@pytest.fixture(scope="module")
def finder() -> FoodFinder:
    return FoodFinder.shipped()


def test_plates_are_found_where_they_are() -> None:
    found = sorted(find_ware(tray(FULL)), key=lambda ware: ware.x)
    assert [(round(ware.x, -1), round(ware.y, -1)) for ware in found] == [(320, 300), (900, 500)]
    assert all(abs(ware.radius - 190) < 15 for ware in found)


def test_a_tray_without_plates_holds_nothing(finder: FoodFinder) -> None:
    picture = tray([])
    cv2.rectangle(picture, (700, 500), (1000, 800), (240, 240, 240), -1)  # a napkin
    cv2.line(picture, (300, 200), (340, 700), (90, 90, 90), 14)  # a knife
    assert find_portions(picture, finder) == []


@pytest.mark.parametrize("picture", [noise(shape=(480, 640)), empty(shape=(480, 640))])
def test_a_frame_of_noise_or_of_nothing_is_refused(finder: FoodFinder, picture: np.ndarray) -> None:
    with pytest.raises(PictureUnusable):
        find_portions(picture, finder)


def test_food_is_found_on_each_plate_and_an_empty_plate_has_none(finder: FoodFinder) -> None:
    portions = find_portions(tray([*FULL, (600, 780, RED, 0.0)]), finder)
    middles = sorted((each.box[0] + each.box[2] / 2, each.box[1] + each.box[3] / 2) for each in portions)
    assert [(round(x, -2), round(y, -2)) for x, y in middles] == [(300, 300), (900, 500)]
    wanted = 320 - 114, 300 - 114, 228, 228
    assert max(overlap(each.box, wanted) for each in portions) > 0.7


def test_what_is_cut_out_shows_the_food_alone(finder: FoodFinder) -> None:
    picture = tray(FULL)
    portion = find_portions(picture, finder)[0]
    cut = cut_out(picture, portion)
    assert (cut == 127).all(axis=2).mean() > 0.1
    assert cut.shape[0] >= portion.box[3]


def test_dishes_are_matched_over_the_meal_though_the_tray_was_turned(finder: FoodFinder) -> None:
    before, after = tray(FULL, seed=1), tray([(900, 450, RED, 0.3), (330, 420, GREEN, 1.0)], seed=2)
    first, second = find_portions(before, finder), find_portions(after, finder)
    pairs = match(vectors(before, first, ByColour()), vectors(after, second, ByColour()))
    left = leftovers(first, second, pairs)
    assert len(pairs) == 2
    red = next(place for place, each in enumerate(first) if each.box[0] < 600)
    assert left[red] == pytest.approx(0.3, abs=0.12)
    assert left[1 - red] == pytest.approx(1.0, abs=0.15)


def test_a_dish_eaten_up_leaves_nothing(finder: FoodFinder) -> None:
    before, after = tray(FULL, seed=1), tray([(320, 300, RED, 0.0), (900, 500, GREEN, 1.0)], seed=2)
    first, second = find_portions(before, finder), find_portions(after, finder)
    left = leftovers(first, second, match(vectors(before, first, ByColour()), vectors(after, second, ByColour())))
    assert round(min(left), 1) == 0.0


def test_unlike_things_are_no_pair() -> None:
    one, other = np.array([1, 0], np.float32), np.array([0.2, 0.98], np.float32)
    assert match([one], [other]) == []
    assert match([one, None], [one, other])[0].after == 0


def test_a_picture_learnt_from_is_measured_by_weights_that_have_not_seen_it(finder: FoodFinder) -> None:
    learnt = finder._learnt
    assert set(learnt.values()) == {"without-3", "without-6", "without-8"}
    digest = next(iter(learnt))
    assert finder.weights(digest) is not finder.weights()
    assert finder.weights("unseen") is finder.weights()


def test_the_kind_of_a_plate_is_told_by_size_and_colour() -> None:
    picture = tray([(320, 300, RED, 1.0), (900, 500, GREEN, 1.0)])
    large = tray([(500, 480, RED, 1.0)], radius=240)
    plate = Ware(320, 300, 190, 1.0)
    camera = Camera.from_known(plate, diameter_mm=190.0)
    kinds = [
        teach_kind("small", picture, plate, camera),
        teach_kind("large", large, Ware(500, 480, 240, 1.0), camera),
        WareKind("small blue", 190.0, (120.0, 128.0, 90.0)),
    ]
    told = tell_kind(picture, Ware(902, 499, 193, 1.0), camera, kinds)
    assert told.kind == "small"
    assert told.diameter_mm == pytest.approx(193.0)
    assert tell_kind(large, Ware(500, 480, 236, 1.0), camera, kinds).kind == "large"


def test_a_plate_between_two_kinds_or_like_none_is_asked_about() -> None:
    picture = tray([(320, 300, RED, 1.0)])
    plate, camera = Ware(320, 300, 190, 1.0), Camera(0.5)
    rim = teach_kind("x", picture, plate, camera).rim
    near = [WareKind("a", 186.0, rim), WareKind("b", 194.0, rim)]
    assert tell_kind(picture, plate, camera, near).kind is None
    assert tell_kind(picture, plate, camera, [WareKind("tiny", 90.0, rim)]).kind is None
    assert tell_kind(picture, plate, camera, []).kind is None


def test_circles_cover_one_another_by_their_common_area() -> None:
    one = Ware(0, 0, 10, 1)
    assert cover(one, Ware(0, 0, 5, 1)) == 1.0
    assert cover(one, Ware(30, 0, 10, 1)) == 0.0
    assert cover(one, Ware(10, 0, 10, 1)) == pytest.approx(0.391, abs=0.001)

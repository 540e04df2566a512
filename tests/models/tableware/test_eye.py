"""From a frame to the sights that a lane decides by."""

from pathlib import Path

import numpy as np
import pytest

from models.dish.album import Album
from models.dish.calibration import Calibration
from models.dish.recogniser import Recogniser, Teacher
from models.fusion.decision import Ask, Charge, Reason, decide
from models.tableware.eye import Eye
from models.tableware.food import FoodFinder
from models.tableware.kind import Camera, teach_kind
from models.tableware.tray import cut_out, find_portions
from models.tableware.ware import Ware
from tests.support.dishes import ByColour, empty, noise, tray

RED, GREEN, PLUM = (30, 40, 200), (40, 150, 60), (120, 30, 90)
MENU = {"tomato": ("plate", 600), "spinach": ("plate", 500)}
pytestmark = pytest.mark.capability("SET-02")


@pytest.fixture
def eye(tmp_path: Path) -> Eye:
    recogniser = Recogniser(ByColour(), Album(tmp_path), Calibration(base=-2.0, weight=4.0))
    teacher, finder = Teacher(recogniser, now_ms=lambda: 1), FoodFinder.shipped()
    for name, colour in (("tomato", RED), ("spinach", GREEN)):
        picture = tray([(500, 480, colour, 1.0)], seed=7)
        teacher.teach(name, [cut_out(picture, portion) for portion in find_portions(picture, finder)], who="cook")
    plate = tray([(500, 480, RED, 1.0)])
    kind = teach_kind("plate", plate, Ware(500, 480, 190, 1.0), Camera(0.6))
    return Eye(recogniser, finder=finder, camera=Camera(0.6), kinds=[kind])


def test_a_tray_of_taught_dishes_is_charged_with_a_box_around_each(eye: Eye) -> None:
    look = eye.look(tray([(320, 300, RED, 1.0), (900, 500, GREEN, 0.9)], seed=3))
    assert {dish.told.dish for dish in look.dishes} == {"tomato", "spinach"}
    assert all(dish.box[2] > 100 and dish.kind is not None and dish.kind.kind == "plate" for dish in look.dishes)
    decision = decide(None, look.sights, None, expected={}, menu=MENU)
    assert isinstance(decision, Charge)
    assert decision.total_fen == 1100


def test_a_thing_never_taught_blocks_the_bill(eye: Eye) -> None:
    look = eye.look(tray([(320, 300, RED, 1.0), (900, 500, PLUM, 1.0)], seed=3))
    decision = decide(None, look.sights, None, expected={}, menu=MENU)
    assert isinstance(decision, Ask)
    assert Reason.UNKNOWN_THING in decision.reasons


@pytest.mark.parametrize(("frame", "reason"), [(noise(), "noise"), (empty(0), "empty"), (empty(), "empty")])
def test_a_frame_of_no_use_is_no_empty_tray(eye: Eye, frame: np.ndarray, reason: str) -> None:
    look = eye.look(frame)
    assert (look.dishes, look.reason, look.sights) == ((), reason, None)
    decision = decide(None, look.sights, None, expected={}, menu=MENU)
    assert not isinstance(decision, Charge)


def test_the_menu_narrows_what_is_seen(eye: Eye) -> None:
    look = eye.look(tray([(320, 300, RED, 1.0)], seed=3), menu={"spinach"})
    assert [name for dish in look.dishes for name, _ in dish.told.candidates] == ["spinach"]

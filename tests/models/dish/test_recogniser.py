"""Teaching dishes and telling them, with a trail of who said what."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from models.dish.album import Album
from models.dish.calibration import Calibration
from models.dish.errors import AlbumTorn, NothingTaught, PictureUnusable
from models.dish.recogniser import Recogniser, Teacher, judge
from tests.support.dishes import ByColour, dish, empty, noise

RED, GREEN, BROWN = (30, 40, 210), (40, 180, 60), (30, 60, 110)
CALIBRATION = Calibration(base=-2.0, weight=4.0, accept=0.8, ask=0.3, floor=0.5)
pytestmark = pytest.mark.capability("SET-02")


class Terminal:
    """An album with its recogniser and teacher, and a clock that counts."""

    def __init__(self, folder: Path) -> None:
        self.clock: Iterator[int] = count(1_000)
        self.album = Album(folder)
        self.recogniser = Recogniser(ByColour(), self.album, CALIBRATION)
        self.teacher = Teacher(self.recogniser, now_ms=lambda: next(self.clock))


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


def test_a_dish_taught_from_one_picture_is_told_in_another(terminal: Terminal) -> None:
    terminal.teacher.teach("tomato", [dish(RED, seed=1)], who="cook")
    terminal.teacher.teach("spinach", [dish(GREEN, seed=1)], who="cook")
    told = terminal.recogniser.tell(dish(RED, seed=9))
    assert (told.dish, told.outcome, told.second) == ("tomato", "known", "spinach")
    assert told.sure >= CALIBRATION.accept


def test_a_thing_never_taught_is_not_known(terminal: Terminal) -> None:
    terminal.teacher.teach("tomato", [dish(RED, seed=seed) for seed in range(3)], who="cook")
    terminal.teacher.teach("spinach", [dish(GREEN, seed=seed) for seed in range(3)], who="cook")
    told = terminal.recogniser.tell(dish(BROWN, seed=5))
    assert told.outcome != "known"


@pytest.mark.parametrize(
    ("picture", "reason"), [(noise(), "noise"), (empty(), "empty"), (empty(0), "empty"), (empty()[:8, :8], "too small")]
)
def test_a_frame_that_shows_nothing_is_unknown_and_says_why(
    terminal: Terminal, picture: np.ndarray, reason: str
) -> None:
    terminal.teacher.teach("tomato", [dish(RED)], who="cook")
    told = terminal.recogniser.tell(picture)
    assert (told.dish, told.outcome, told.sure, told.reason) == (None, "unknown", 0.0, reason)


def test_before_anything_is_taught_everything_is_unknown(terminal: Terminal) -> None:
    assert terminal.recogniser.tell(dish(RED)).reason == "nothing taught"


def test_the_menu_of_the_day_narrows_what_can_be_told(terminal: Terminal) -> None:
    for name, colour in (("tomato", RED), ("spinach", GREEN), ("beef", BROWN)):
        terminal.teacher.teach(name, [dish(colour, seed=1)], who="cook")
    told = terminal.recogniser.tell(dish(RED, seed=2), menu={"spinach", "beef"})
    assert told.dish in {"spinach", "beef"}
    assert {name for name, _ in told.candidates} == {"spinach", "beef"}


def test_teaching_needs_a_picture_and_stores_nothing_if_one_of_them_is_useless(terminal: Terminal) -> None:
    with pytest.raises(NothingTaught):
        terminal.teacher.teach("tomato", [], who="cook")
    with pytest.raises(PictureUnusable):
        terminal.teacher.teach("tomato", [dish(RED), noise()], who="cook")
    assert terminal.album.trail == ()


def test_a_correction_becomes_a_taught_picture_with_who_when_and_what_was_told(terminal: Terminal) -> None:
    terminal.teacher.teach("tomato", [dish(RED, seed=1)], who="cook")
    terminal.teacher.teach("spinach", [dish(GREEN, seed=1)], who="cook")
    picture = dish((30, 90, 200), seed=4)
    told = terminal.recogniser.tell(picture)
    lesson = terminal.teacher.correct(picture, told, "carrots", who="cashier 7")
    assert (lesson.dish, lesson.who, lesson.at_ms, lesson.why) == ("carrots", "cashier 7", 1_002, "corrected")
    assert lesson.said == told.dish
    assert terminal.recogniser.tell(dish((30, 90, 200), seed=5)).dish == "carrots"


def test_the_trail_is_there_after_a_restart(terminal: Terminal, tmp_path: Path) -> None:
    picture = dish(RED, seed=1)
    terminal.teacher.teach("spinach", [picture], who="cook")
    terminal.teacher.correct(picture, terminal.recogniser.tell(picture), "tomato", who="cashier")
    again = Terminal(tmp_path)
    assert [(each.dish, each.who, each.why) for each in again.album.trail] == [
        ("spinach", "cook", "taught"),
        ("tomato", "cashier", "corrected"),
    ]
    assert [each.dish for each in again.album.lessons()] == ["tomato"], "the last word on a picture counts"
    assert again.recogniser.tell(dish(RED, seed=2)).dish == "tomato"


def test_a_withdrawn_picture_is_erased_and_its_line_stays(terminal: Terminal) -> None:
    (lesson,) = terminal.teacher.teach("tomato", [dish(RED)], who="cook")
    terminal.teacher.withdraw(lesson, who="manager")
    assert [each.why for each in terminal.album.trail] == ["taught", "withdrawn"]
    assert terminal.album.trail[-1].who == "manager"
    assert not list((terminal.album.folder / "pictures").glob(f"{lesson.picture}*"))
    assert terminal.recogniser.tell(dish(RED)).outcome == "unknown"


def test_a_line_cut_off_by_a_power_cut_is_dropped_and_the_rest_holds(terminal: Terminal, tmp_path: Path) -> None:
    terminal.teacher.teach("tomato", [dish(RED)], who="cook")
    with (tmp_path / "lessons.jsonl").open("ab") as file:
        file.write(b'{"dish": "spi')
    again = Album(tmp_path)
    assert [each.dish for each in again.trail] == ["tomato"]
    again.add(dish(GREEN), dish="spinach", who="cook", at_ms=1, why="taught")
    assert [each.dish for each in Album(tmp_path).trail] == ["tomato", "spinach"]


def test_a_damaged_line_in_the_middle_is_said_and_not_skipped(terminal: Terminal, tmp_path: Path) -> None:
    terminal.teacher.teach("tomato", [dish(RED)], who="cook")
    path = tmp_path / "lessons.jsonl"
    path.write_bytes(b"{broken\n" + path.read_bytes())
    with pytest.raises(AlbumTorn, match="line 1"):
        Album(tmp_path)


def test_a_description_torn_by_a_power_cut_is_made_again(terminal: Terminal, tmp_path: Path) -> None:
    terminal.teacher.teach("tomato", [dish(RED)], who="cook")
    for path in (tmp_path / "pictures").glob("*.npy"):
        path.write_bytes(path.read_bytes()[:50])
    assert Terminal(tmp_path).recogniser.tell(dish(RED, seed=3)).dish == "tomato"


def test_pictures_are_described_once_for_each_network(terminal: Terminal, tmp_path: Path) -> None:
    terminal.teacher.teach("tomato", [dish(RED)], who="cook")
    same, other = ByColour(), ByColour("another network")
    Recogniser(same, Album(tmp_path), CALIBRATION)
    Recogniser(other, Album(tmp_path), CALIBRATION)
    assert (same.described, other.described) == (0, 1)


def test_two_dishes_about_as_near_are_asked_about() -> None:
    assert judge([("a", 0.80), ("b", 0.79)], CALIBRATION).outcome == "unknown"
    assert judge([("a", 0.80), ("b", 0.67)], CALIBRATION).outcome == "ask"
    assert judge([("a", 0.90), ("b", 0.60)], CALIBRATION).outcome == "known"


def test_one_dish_alone_must_be_near_by_itself() -> None:
    assert judge([("a", 0.93)], CALIBRATION).outcome == "known"
    assert judge([("a", 0.55)], CALIBRATION).outcome == "unknown"
    assert judge([("a", 0.45)], CALIBRATION).sure == 0.0

"""People followed from box to box, and counted over a line."""

import json
from pathlib import Path

import numpy as np
import pytest

from models.crowd.door import Crossings, DoorCount, DoorLine, LineMalformed
from models.crowd.track import MOST_TRACKS, Limits, Track, Tracker
from models.evaluate.crowd_scenes import LINE, SIZE, STEP_MS, Cutout, Walk, crossed, door_clip, guessed
from models.objects import Box, Seen

pytestmark = pytest.mark.capability("CAN-08")
DOTS = [Cutout(np.zeros((300, wide, 3), np.uint8), np.full((300, wide), 255, np.uint8)) for wide in (90, 105, 120)]
LABELS = [json.loads(line) for line in Path(__file__).with_name("clips.jsonl").read_text().splitlines()]


def person(x: float, y: float = 100.0, *, score: float = 0.9) -> Seen:
    return Seen((x, y, 50.0, 150.0), 0, score)


def followed(places: list[list[Seen]], *, limits: Limits | None = None, step_ms: int = 200) -> list[set[int]]:
    tracker = Tracker(limits)
    return [{track.number for track in tracker.add(each, n * step_ms)} for n, each in enumerate(places)]


def test_a_person_keeps_one_number_and_needs_a_few_frames_to_get_it() -> None:
    numbers = followed([[person(100 + 15 * n)] for n in range(10)])
    assert numbers == [set(), *[{1}] * 9]


def test_people_who_pass_one_another_keep_their_numbers() -> None:
    frames = [[person(100 + 20 * n, 100), person(500 - 20 * n, 130)] for n in range(20)]
    tracker, ends = Tracker(), {}
    for n, each in enumerate(frames):
        for track in tracker.add(each, n * 200):
            ends[track.number] = track.box[0]
    assert ends == {1: 480.0, 2: 120.0}


def test_a_person_hidden_for_a_moment_is_the_same_person() -> None:
    frames = [[person(100 + 15 * n)] if n not in (5, 6, 7) else [] for n in range(15)]
    assert set.union(*followed(frames)) == {1}


def test_a_weak_box_prolongs_a_track_and_begins_none() -> None:
    assert set.union(*followed([[person(100, score=0.3)]] * 10)) == set()
    strong_then_weak = [[person(100, score=0.9 if n < 4 else 0.3)] for n in range(12)]
    assert followed(strong_then_weak)[-1] == {1}


def test_after_a_long_gap_and_after_a_clock_that_steps_back_nobody_is_known() -> None:
    tracker = Tracker()
    for at_ms in (0, 200, 400):
        tracker.add([person(100)], at_ms)
    assert [track.number for track in tracker.add([person(100)], 600)] == [1]
    assert tracker.add([person(100)], 60_000) == []
    assert tracker.add([person(100)], 1_000) == []


def test_hundreds_of_boxes_a_frame_keep_memory_bounded() -> None:
    tracker, chance = Tracker(), np.random.default_rng(1)
    for n in range(30):
        tracker.add([person(*chance.uniform(0, 5_000, 2)) for _ in range(300)], n * 100)
        assert len(tracker._tracks) <= MOST_TRACKS


def tracks(*points: tuple[int, float, float]) -> list[Track]:
    boxes: list[tuple[int, Box]] = [(number, (x - 5, y - 10, 10.0, 20.0)) for number, x, y in points]
    return [Track(number, box, 0, 0, hits=9) for number, box in boxes]


def counted(path: list[float], line: DoorLine = LINE) -> Crossings:
    door = DoorCount(line)
    for x in path:
        door.add(tracks((1, x, 100)), 400, 200)
    return door.total


def test_in_and_out_are_told_by_the_side_a_person_comes_to() -> None:
    assert counted([100, 150, 190, 210, 250]) == Crossings(1, 0)
    assert counted([250, 210, 190, 150]) == Crossings(0, 1)
    assert counted([100, 250, 100, 250]) == Crossings(2, 1)


def test_swaying_on_the_line_counts_nothing_and_coming_off_it_counts_once() -> None:
    assert counted([150, *[199, 201, 203, 197] * 20, 150]) == Crossings(0, 0)
    assert counted([150, *[199, 201, 203, 197] * 20, 250]) == Crossings(1, 0)


def test_walking_past_the_end_of_a_line_is_no_crossing() -> None:
    short = DoorLine("gate", (0.5, 0.0), (0.5, 0.3), inside=(0.9, 0.1))
    assert counted([100, 300], short) == Crossings(0, 0)


def test_a_person_seen_first_on_the_line_is_counted_by_nobody() -> None:
    assert counted([200, 201, 260]) == Crossings(0, 0)


def test_a_slanted_line_counts_in_a_wide_picture() -> None:
    slant = DoorLine("slant", (0.2, 0.9), (0.8, 0.1), inside=(0.9, 0.9))
    door = DoorCount(slant)
    for step in range(11):
        door.add(tracks((1, 50 + 30 * step, 50 + 10 * step)), 400, 200)
    assert door.total == Crossings(1, 0)


@pytest.mark.parametrize("inside", [(0.5, 0.5), (0.51, 0.2)])
def test_a_line_without_an_inner_side_is_refused(inside: tuple[float, float]) -> None:
    with pytest.raises(LineMalformed):
        DoorLine("wrong", (0.5, 0.0), (0.5, 1.0), inside=inside)


def test_the_counts_of_tracks_that_are_gone_are_forgotten() -> None:
    door = DoorCount(LINE)
    for number in range(2_000):
        door.add(tracks((number, 100, 100)), 400, 200)
    assert len(door._sides) < 300


def test_the_composer_knows_who_crossed_a_turn_back_included() -> None:
    walk = Walk(DOTS[0], 200, 0.9, begin=0.1, speed=0.2, turn_s=3.0, late_s=0.0)
    assert crossed(walk, 2.5) == (1, 0)
    assert crossed(walk, 12.0) == (1, 1)


@pytest.mark.parametrize("label", LABELS, ids=lambda label: str(label["seed"]))
def test_the_clips_are_still_those_that_were_labelled(label: dict[str, int]) -> None:
    _, entered, left = door_clip(DOTS, label["seed"], people=label["people"], seconds=label["seconds"])
    assert (entered, left) == (label["in"], label["out"])


@pytest.mark.parametrize(("people", "most"), [(2, 0.03), (4, 0.05), (8, 0.1)])
def test_few_crossings_are_missed_though_boxes_shake_and_people_hide_one_another(people: int, most: float) -> None:
    wrong = crossings = 0
    for seed in range(40):
        walks, entered, left = door_clip(DOTS, seed, people=people, seconds=12.0)
        chance, tracker, door = np.random.default_rng(seed), Tracker(), DoorCount(LINE)
        for at_ms in range(0, 12_000, STEP_MS):
            door.add(tracker.add(guessed(walks, at_ms / 1000, chance), at_ms), *SIZE)
        wrong += abs(door.total.entered - entered) + abs(door.total.left - left)
        crossings += entered + left
    assert wrong / crossings <= most

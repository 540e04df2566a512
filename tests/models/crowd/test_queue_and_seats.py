"""Waiting and free seats, from people followed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.crowd.door import Crossings
from models.crowd.queue import MOST_FRAMES, Queue, QueueLimits
from models.crowd.seats import FreeSeats, is_reset_due
from models.crowd.track import Track
from models.evaluate.crowd_scenes import STEP_MS, ZONE, queue_clip
from models.zones import Zone

pytestmark = pytest.mark.capability("CAN-08")
LEFT = Zone("queue", ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)))


def standing(*places: tuple[int, float]) -> list[Track]:
    return [Track(number, (x * 100 - 5, 40, 10, 20), 0, 0) for number, x in places]


def test_a_queue_served_every_ten_seconds_waits_ten_seconds_a_person() -> None:
    queue = Queue(LEFT)
    state = None
    for second in range(120):
        served = second // 10
        people = [(number, 0.2 if number >= served else 0.8) for number in range(max(0, served - 1), served + 4)]
        state = queue.add(standing(*people), 100, 100, second * 1_000)
    assert state is not None
    assert state.people == 4
    assert state.wait_s == pytest.approx(40, rel=0.15)
    assert state.served_per_minute == pytest.approx(6, rel=0.15)


def test_no_time_is_told_while_too_few_were_served() -> None:
    queue = Queue(LEFT)
    for second in range(60):
        state = queue.add(standing((1, 0.2), (2, 0.3)), 100, 100, second * 1_000)
        assert (state.people, state.wait_s) == (2, None)
    assert queue.add([], 100, 100, 70_000).wait_s == 0


def test_somebody_who_walks_through_the_zone_was_not_served() -> None:
    queue = Queue(LEFT)
    for second in range(100):
        state = queue.add(standing((second // 3, 0.3 if second % 3 else 0.9), (500, 0.1)), 100, 100, second * 1_000)
        assert state.served_per_minute == 0


def test_one_missed_frame_does_not_shorten_the_queue() -> None:
    queue = Queue(LEFT)
    told = [queue.add(standing((1, 0.2)) if n != 10 else [], 100, 100, n * 200).people for n in range(20)]
    assert told == [1] * 20


def test_a_clock_that_steps_back_starts_anew_and_memory_is_bounded() -> None:
    queue = Queue(LEFT, QueueLimits(window_ms=10**9))
    for n in range(MOST_FRAMES + 500):
        queue.add(standing((n, 0.2)), 100, 100, n)
    assert len(queue._counts) == MOST_FRAMES
    assert len(queue._since) <= 256
    assert queue.add([], 100, 100, 0).people == 0


def test_following_places_alone_tells_the_composed_queue_rightly() -> None:
    right = moments = 0
    for seed in range(6):
        queue = Queue(ZONE)
        for n, stand in enumerate(queue_clip(seed, begin=4, every_s=6, arrive_s=6, seconds=60)):
            state = queue.add(standing(*stand.places), 100, 100, n * STEP_MS)
            right, moments = right + (abs(state.people - stand.people) <= 1), moments + 1
    assert right / moments > 0.97


def test_free_seats_are_seats_less_those_inside() -> None:
    seats = FreeSeats(100, error=0.05)
    assert seats.add(Crossings(30, 0)).free == 70
    state = seats.add(Crossings(10, 20))
    assert state.as_json() == {"free": 80, "inside": 20, "within": 3}
    assert seats.add(Crossings(200, 0)).free == 0


def test_more_out_than_in_is_drift_and_never_fewer_than_nobody() -> None:
    seats = FreeSeats(50)
    state = seats.add(Crossings(2, 5))
    assert (state.inside, state.free, seats.drift) == (0, 50, 3)


def test_a_reset_ends_the_drift_of_the_day() -> None:
    seats = FreeSeats(50, error=0.1)
    seats.add(Crossings(40, 20))
    assert seats.reset().as_json() == {"free": 50, "inside": 0, "within": 0}
    assert seats.reset(inside=12).free == 38


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=60))
def test_free_seats_stay_between_none_and_all(steps: list[tuple[int, int]]) -> None:
    seats = FreeSeats(20)
    for entered, left in steps:
        state = seats.add(Crossings(entered, left))
        assert 0 <= state.free <= 20
        assert state.inside >= 0


@pytest.mark.parametrize(
    ("last", "now", "due"),
    [("13:59", "14:00", False), ("01:00", "02:59", False), ("02:59", "03:00", True), ("03:00", "03:01", False)],
)
def test_the_room_is_empty_once_a_day_in_the_sites_own_time(last: str, now: str, due: bool) -> None:
    def at(text: str) -> int:
        hours, minutes = text.split(":")
        return (
            int(np.datetime64("2026-11-20").astype("datetime64[ms]").astype(int))
            + ((int(hours) - 8) * 60 + int(minutes)) * 60_000
        )

    assert is_reset_due(at(last), at(now), at_minute=180, offset_minutes=480) is due

"""What must be seen, how often and for how long, before it is one alarm."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.kitchen.persistence import MOST_FRAMES, Episodes, Rule

pytestmark = pytest.mark.capability("CAN-10")
RULE = Rule(least_frames=4, share=0.6, over_ms=2_000, window_ms=5_000, start=0.6, keep=0.4, quiet_ms=10_000)


def alarms(
    scores: list[float], *, step_ms: int = 500, begin_ms: int = 0, episodes: Episodes | None = None
) -> list[int]:
    kept = episodes or Episodes(RULE)
    return [n for n, score in enumerate(scores) if kept.add(begin_ms + n * step_ms, score)]


def test_one_alarm_begins_when_it_was_seen_long_and_often_enough() -> None:
    assert alarms([0.9] * 20) == [4]


def test_a_moment_is_no_alarm() -> None:
    assert alarms([0.0] * 8 + [0.9] * 3 + [0.0] * 10) == []


def test_seen_in_every_second_frame_alone_is_too_seldom() -> None:
    assert alarms([0.9, 0.0] * 20) == []
    assert alarms([0.9, 0.9, 0.0] * 10) != []


def test_a_score_between_the_two_levels_holds_an_episode_open_but_begins_none() -> None:
    assert alarms([0.5] * 40) == []
    episodes = Episodes(RULE)
    assert alarms([0.9] * 5 + [0.5] * 100 + [0.9] * 10, episodes=episodes) == [4]
    assert episodes.open


def test_after_the_quiet_time_a_new_episode_gives_a_new_alarm() -> None:
    assert alarms([0.9] * 10 + [0.0] * 19 + [0.9] * 10) == [4]
    assert alarms([0.9] * 10 + [0.0] * 21 + [0.9] * 10) == [4, 35]


def test_time_in_which_the_camera_was_blind_proves_neither() -> None:
    episodes = Episodes(RULE)
    assert alarms([0.9] * 6, episodes=episodes) == [4]
    assert alarms([0.9] * 6, begin_ms=3_600_000, episodes=episodes) == []
    assert episodes.open
    fresh = Episodes(RULE)
    assert alarms([0.9] * 3, episodes=fresh) + alarms([0.9] * 3, begin_ms=60_000, episodes=fresh) == []


def test_a_clock_that_steps_back_starts_the_window_anew() -> None:
    episodes = Episodes(RULE)
    assert alarms([0.9] * 4, begin_ms=50_000, episodes=episodes) == []
    assert alarms([0.9] * 10, begin_ms=0, episodes=episodes) == [4]


def test_a_fast_camera_is_judged_by_time_and_keeps_a_bounded_memory() -> None:
    episodes = Episodes(RULE)
    assert alarms([0.0] * 1_000, step_ms=1, episodes=episodes) == []
    assert len(episodes._frames) <= MOST_FRAMES
    assert alarms([0.9] * 100, step_ms=33) == [61]


@pytest.mark.parametrize("wrong", [{"keep": 0.7}, {"share": 0.0}, {"over_ms": 5_000}, {"quiet_ms": 0}, {"start": 1.5}])
def test_a_rule_that_cannot_hold_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        Rule(**wrong)  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.integers(-4_000, 4_000), st.floats(0, 1)), max_size=300))
def test_alarms_are_never_nearer_than_the_quiet_time_of_watching(steps: list[tuple[int, float]]) -> None:
    episodes, at_ms, quiet_ms, given_before = Episodes(RULE), 0, 0, False
    for step_ms, score in steps:
        at_ms += step_ms
        watched = 0 <= step_ms < RULE.gap_ms
        quiet_ms = quiet_ms + step_ms if watched and score < RULE.start else quiet_ms
        if episodes.add(at_ms, score):
            assert not given_before or quiet_ms >= RULE.quiet_ms
            given_before, quiet_ms = True, 0

"""What lies on a reader, out of rounds that miss tags and hear strays."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.stations.canteen.lanes.field import Field, FieldRules, Heard

pytestmark = pytest.mark.capability("SET-01")


def hear(field: Field, *uids: str, rssi: int | None = None, whole: bool = True) -> Field:
    return field.hear(frozenset(Heard(uid, rssi) for uid in uids), whole=whole)


def rounds(*sets: str, rules: FieldRules | None = None) -> Field:
    field = Field(rules or FieldRules())
    for one in sets:
        field = hear(field, *one)
    return field


def test_a_set_is_stable_after_three_of_five_rounds_saw_exactly_it() -> None:
    assert rounds("AB", "AB").view().stable is None
    assert rounds("AB", "A", "AB", "AB").view().stable == frozenset("AB")
    assert rounds("AB", "A", "B", "AB", "AB").view().stable == frozenset("AB")


def test_a_plate_just_laid_down_makes_the_old_set_doubtful() -> None:
    assert rounds("AB", "AB", "AB", "ABC").view().stable is None
    assert rounds("AB", "AB", "AB", "ABC", "ABC", "ABC").view().stable == frozenset("ABC")


def test_a_tag_heard_every_other_round_keeps_the_set_doubtful() -> None:
    assert rounds("A", "AB", "A", "AB", "A").view().stable is None


def test_a_plate_taken_away_is_forgotten_within_a_window() -> None:
    assert rounds("AB", "AB", "AB", "A", "A", "A").view().stable is None
    assert rounds("AB", "AB", "AB", "A", "A", "A", "A").view().stable == frozenset("A")


def test_two_empty_rounds_mean_that_nothing_lies_there() -> None:
    assert not rounds("A", "A", "A", "").view().empty
    assert rounds("A", "A", "A", "", "").view().empty


def test_rounds_the_reader_did_not_finish_never_make_a_set_stable() -> None:
    field = Field(FieldRules())
    for _ in range(5):
        field = hear(field, "A", whole=False)
    assert field.view().stable is None


def test_a_tag_heard_now_and_then_beside_a_steady_tray_is_a_stray() -> None:
    view = rounds("AB", "ABX", "AB", "AB", "AB").view()
    assert (view.stable, view.strays) == (frozenset("AB"), frozenset("X"))


def test_weak_tags_are_strays_and_those_between_are_at_the_edge() -> None:
    rules = FieldRules(sure_rssi=70, stray_rssi=50)
    field = Field(rules)
    for _ in range(5):
        field = field.hear(frozenset({Heard("A", 80), Heard("E", 60), Heard("S", 40)}))
    view = field.view()
    assert (view.stable, view.edge) == (frozenset("A"), frozenset("E"))


@given(seed=st.integers(0, 10**6), tray=st.integers(1, 6), missed=st.floats(0, 0.15))
def test_a_stable_set_is_never_more_than_what_was_there(seed: int, tray: int, missed: float) -> None:
    chance = Random(seed)
    there = [f"T{n}" for n in range(tray)]
    field = Field(FieldRules())
    for _ in range(12):
        field = hear(field, *(uid for uid in there if chance.random() >= missed))
        stable = field.view().stable
        assert stable is None or stable <= set(there)

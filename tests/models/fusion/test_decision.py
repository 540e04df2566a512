"""Chips, picture and weight agree, or the lane asks."""

import pytest

from models.fusion.decision import Ask, Charge, Chip, Decision, Expected, Reason, Sight, Wait, Weighed, decide
from models.fusion.simulate import Rates, World, run

pytestmark = [pytest.mark.capability("SET-01"), pytest.mark.capability("SET-02")]
MENU = {"rice": ("bowl", 200), "pork": ("plate", 1200), "greens": ("plate", 600)}
EXPECTED = {"rice": Expected(420, 15), "pork": Expected(520, 25), "greens": Expected(430, 20)}
RICE, PORK, GREENS = (Chip(f"u-{name}", MENU[name][0], name, MENU[name][1]) for name in MENU)


def seen(dish: str, outcome: str = "known", *, second: str | None = None, ware: str | None = "") -> Sight:
    return Sight(MENU[dish][0] if ware == "" else ware, dish, outcome, second)  # type: ignore[arg-type]


def tell(
    chips: list[Chip] | None, sights: list[Sight] | None, grams: float | None = None, *, stable: bool = True
) -> Decision:
    weighed = None if grams is None else Weighed(grams, stable)
    return decide(chips, sights, weighed, expected=EXPECTED, menu=MENU)


BOTH = [RICE, PORK]
SEEN = [seen("pork"), seen("rice")]


def test_what_agrees_is_charged() -> None:
    decision = tell(BOTH, SEEN, 945)
    assert isinstance(decision, Charge)
    assert decision.total_fen == 1400


@pytest.mark.parametrize(
    ("chips", "sights", "grams", "reason"),
    [
        ([RICE], SEEN, 940, Reason.FEWER_CHIPS),
        (BOTH, [seen("pork")], 520, Reason.MORE_CHIPS),
        (BOTH, [seen("pork")], None, Reason.MORE_CHIPS),
        (BOTH, [], 940, Reason.MORE_CHIPS),
        (BOTH, [seen("pork"), seen("greens")], 940, Reason.OTHER_DISH),
        (BOTH, [seen("pork"), seen("rice", ware="plate")], 940, Reason.OTHER_DISH),
        (BOTH, [seen("pork"), seen("rice", "unknown")], 940, Reason.UNKNOWN_THING),
        (BOTH, [*SEEN, seen("greens", "unknown")], 940, Reason.UNKNOWN_THING),
        (BOTH, SEEN, 1200, Reason.WEIGHT),
        (BOTH, None, None, Reason.BLIND),
        (BOTH, None, 700, Reason.WEIGHT),
        ([*BOTH, Chip("x", "", None, 0, known=False)], SEEN, 940, Reason.UNKNOWN_CHIP),
        ([RICE, Chip("p", "plate", "pork", 1200, paid=True)], SEEN, 940, Reason.PAID_CHIP),
        ([], SEEN, 940, Reason.FEWER_CHIPS),
        ([], [], 940, Reason.WEIGHT),
        (None, [seen("pork", "ask")], None, Reason.UNKNOWN_THING),
        (None, [seen("pork")], 900, Reason.WEIGHT),
        (None, None, 520, Reason.BLIND),
    ],
)
def test_what_does_not_agree_is_asked_about(
    chips: list[Chip] | None, sights: list[Sight] | None, grams: float | None, reason: Reason
) -> None:
    decision = tell(chips, sights, grams)
    assert isinstance(decision, Ask)
    assert reason in decision.reasons


@pytest.mark.parametrize(
    ("chips", "sights", "grams"),
    [
        ([RICE, PORK, RICE], SEEN, 940),  # one chip heard twice
        (BOTH, SEEN, None),
        (BOTH, None, 940),
        (BOTH, [seen("pork")], 940),  # the scale stands for a ware the camera overlooked
        (BOTH, [seen("pork", "ask"), seen("rice", ware=None)], None),
        (BOTH, [seen("greens", "ask", second="pork"), seen("rice")], 940),
        (None, SEEN, None),
        ([PORK, GREENS], [seen("greens"), seen("pork", "ask", ware=None)], 950),
    ],
)
def test_one_silent_part_is_made_up_for_by_the_others(
    chips: list[Chip] | None, sights: list[Sight] | None, grams: float | None
) -> None:
    assert isinstance(tell(chips, sights, grams), Charge)


def test_the_second_candidate_counts_only_with_the_scale() -> None:
    sights = [seen("greens", "ask", second="pork"), seen("rice")]
    assert isinstance(tell(BOTH, sights, None), Ask)


def test_a_moving_scale_is_waited_for() -> None:
    decision = tell(BOTH, SEEN, 940, stable=False)
    assert isinstance(decision, Ask)
    assert decision.reasons == (Reason.UNSETTLED,)


@pytest.mark.parametrize(("sights", "grams"), [([], None), (None, None), ([], 3.0), (None, 0.0)])
def test_an_empty_tray_waits(sights: list[Sight] | None, grams: float | None) -> None:
    assert isinstance(tell([], sights, grams), Wait)


def test_wares_are_paired_with_chips_as_a_whole() -> None:
    open_chip = Chip("any", "plate", None, 800)
    assert isinstance(tell([open_chip, PORK], [seen("pork"), seen("greens")]), Charge)
    assert isinstance(tell([open_chip, PORK], [seen("greens"), seen("greens")]), Ask)


def test_a_lane_of_three_parts_charges_wrongly_less_often_than_one_of_two_in_simulation() -> None:
    three = run(4000, World(Rates(chip_missed=0.05, chip_stray=0.05), seed=1))
    two = run(4000, World(Rates(chip_missed=0.05, chip_stray=0.05), seed=1, camera=False))
    assert three["simulated"]
    assert three["silent_wrong_charges"] < two["silent_wrong_charges"]
    assert three["silent_wrong_upper_95"] < 0.005


def test_faultless_parts_neither_ask_nor_err_in_simulation() -> None:
    perfect = Rates(
        chip_missed=0, chip_stray=0, chip_bound_wrong=0, plate_without_chip=0, foreign_thing=0, camera_missed=0,
        camera_extra=0, dish_right=1, dish_wrong=0, ware_wrong=0, portion_spread=0,
    )  # fmt: skip
    found = run(500, World(perfect, seed=3))
    assert (found["silent_wrong_charges"], found["asked"]["value"]) == (0, 0)

"""How sure an answer is."""

import pytest

from models.dish.calibration import FETCHED, OWN, Calibration, Case, calibrate

pytestmark = pytest.mark.capability("SET-02")


@pytest.mark.parametrize("calibration", [FETCHED, OWN])
def test_sureness_grows_as_the_second_falls_behind(calibration: Calibration) -> None:
    sure = [calibration.sure(0.9, second) for second in (0.89, 0.8, 0.6, 0.3)]
    assert sure == sorted(sure)
    assert sure[0] < calibration.ask < calibration.accept < sure[-1]


def test_calibration_finds_the_weights_that_made_the_cases() -> None:
    made = Calibration(base=-2.0, weight=5.0)
    cases = []
    for step in range(1, 60):
        first, second = 0.9, 0.9 - step / 100
        right = round(made.sure(first, second) * 100)
        cases += [Case(first, second, right=True)] * right + [Case(first, second, right=False)] * (100 - right)
    base, weight = calibrate([cases])
    assert base == pytest.approx(-2.0, abs=0.1)
    assert weight == pytest.approx(5.0, abs=0.2)


def test_calibration_refuses_cases_that_are_all_right() -> None:
    with pytest.raises(ValueError, match="right and wrong"):
        calibrate([[Case(0.9, 0.1, right=True)]])


def test_a_likeness_of_one_is_no_division_by_nothing() -> None:
    assert FETCHED.sure(1.0, 0.5) > 0.99
    assert FETCHED.sure(1.0, 1.0) < FETCHED.accept

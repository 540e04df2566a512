import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.scale.units import milligrams, parse_decimal, step_mg
from protocols.values.errors import Malformed

pytestmark = pytest.mark.capability("SET-03")


@pytest.mark.parametrize(
    ("digits", "decimals", "unit", "expected_mg"),
    [
        (1250, 3, "kg", 1_250_000),
        (2456, 1, "g", 245_600),
        (-5, 0, "g", -5_000),
        (3, -2, "kg", 300_000_000),
        (1, 3, "g", 1),
        (2, 0, "t", 2_000_000_000),
    ],
)
def test_conversion_is_exact(digits: int, decimals: int, unit: str, expected_mg: int) -> None:
    assert milligrams(digits, decimals=decimals, unit=unit) == expected_mg


@pytest.mark.parametrize(("digits", "decimals", "unit"), [(1, 4, "g"), (1, 0, "lb"), (1, 0, "")])
def test_what_is_not_whole_milligrams_or_not_metric_is_malformed(digits: int, decimals: int, unit: str) -> None:
    with pytest.raises(Malformed):
        milligrams(digits, decimals=decimals, unit=unit)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("+00123.4", (1234, 1)), ("  245.6", (2456, 1)), ("-  1.250", (-1250, 3)), ("0003", (3, 0)), ("7.", (7, 0))],
)
def test_numbers_are_read_as_scales_write_them(text: str, expected: tuple[int, int]) -> None:
    assert parse_decimal(text) == expected


@pytest.mark.parametrize("text", ["", "+", ".", "1.2.3", "+-1", "٣", "1234567890123", "1 2"])
def test_anything_else_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        parse_decimal(text)


def test_a_step_finer_than_a_milligram_is_not_told() -> None:
    assert step_mg(decimals=0, unit="g", step=5) == 5_000
    assert step_mg(decimals=4, unit="g") is None


@given(st.integers(-(10**9), 10**9), st.integers(-2, 3), st.sampled_from(["g", "kg", "t"]))
def test_sign_and_magnitude_are_kept(digits: int, decimals: int, unit: str) -> None:
    assert milligrams(-digits, decimals=decimals, unit=unit) == -milligrams(digits, decimals=decimals, unit=unit)


@given(st.text(max_size=20))
def test_arbitrary_text_is_a_number_or_malformed(text: str) -> None:
    try:
        digits, decimals = parse_decimal(text)
    except Malformed:
        return
    assert decimals >= 0
    assert abs(digits) < 10**12

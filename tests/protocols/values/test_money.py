"""Money adds up: splits lose no fen, rounding happens only where it is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.values.errors import RuleViolation
from protocols.values.money import allocate_fen, format_fen, permille_of_fen, price_of_weight_fen


@pytest.mark.parametrize(
    ("amount_fen", "shown"),
    [(0, "¥0.00"), (5, "¥0.05"), (1250, "¥12.50"), (-5, "-¥0.05"), (123456789, "¥1,234,567.89")],
)
def test_fen_are_shown_as_grouped_yuan(amount_fen: int, shown: str) -> None:
    assert format_fen(amount_fen) == shown


@given(st.integers(0, 10**9), st.lists(st.integers(0, 1000), min_size=1, max_size=8).filter(any))
def test_a_split_adds_up_and_is_within_a_fen_of_its_share(total_fen: int, weights: list[int]) -> None:
    parts = allocate_fen(total_fen, weights)
    assert sum(parts) == total_fen
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * sum(weights) - total_fen * weight) < sum(weights)


def test_a_split_without_weights_is_refused() -> None:
    with pytest.raises(RuleViolation):
        allocate_fen(100, [0, 0])


@pytest.mark.parametrize(("price_per_kg_fen", "weight_g", "price_fen"), [(3960, 125, 495), (999, 500, 500), (1, 1, 0)])
def test_a_weight_is_priced_with_half_a_fen_rounded_up(price_per_kg_fen: int, weight_g: int, price_fen: int) -> None:
    assert price_of_weight_fen(price_per_kg_fen, weight_g) == price_fen


def test_a_permille_share_rounds_half_up_and_refuses_negative_amounts() -> None:
    assert permille_of_fen(1001, 500) == 501
    with pytest.raises(RuleViolation):
        permille_of_fen(-1, 500)

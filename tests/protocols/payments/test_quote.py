"""Price class, first-N, fixed price and fee."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.payments.quote import PriceBook, PriceClass, Quote, dearest, first_n_key, quote
from protocols.values.errors import RuleViolation
from tests.support.payment_rules import LUNCH, make_price_rule

pytestmark = pytest.mark.capability("SET-09")


def look_up(*rules: Any, group: Any = 1, lane_kind: Any = 1, canteen: Any = 1, period: Any = 2) -> PriceClass:
    return PriceBook(rules).price_class(group=group, lane_kind=lane_kind, canteen=canteen, period=period)


def test_without_rules_the_bill_is_the_price() -> None:
    assert quote(1250, look_up(), meals_before=0) == Quote(1250, 0, 0, 1250)


def test_a_group_pays_its_class() -> None:
    retired = make_price_rule(groups=(5,), percent_permille=800)
    assert quote(1000, look_up(retired, group=5), meals_before=0).amount_fen == 800
    assert quote(1000, look_up(retired, group=1), meals_before=0).amount_fen == 1000


def test_the_first_meal_is_free_and_the_second_costs_more() -> None:
    rule = make_price_rule(first_n=1, first_permille=0, percent_permille=1500)
    price = look_up(rule)
    assert quote(1000, price, meals_before=0) == Quote(1000, 1000, 0, 0)
    assert quote(1000, price, meals_before=1) == Quote(1000, 0, 500, 1500)


def test_each_part_comes_from_the_matching_rule_of_highest_priority() -> None:
    price = look_up(
        make_price_rule(1, priority=1, percent_permille=900),
        make_price_rule(2, priority=5, percent_permille=700),
        make_price_rule(3, priority=9, fee_permille=50),
        make_price_rule(4, priority=7, lane_kinds=(4,), fixed_fen=1500),
    )
    assert (price.percent_permille, price.fee_permille, price.fixed_fen) == (700, 50, -1)


def test_a_rule_of_full_price_overrules_a_lower_discount() -> None:
    price = look_up(make_price_rule(1, priority=1, percent_permille=700), make_price_rule(2, priority=2, groups=(1,)))
    assert price.percent_permille == 1000


def test_the_fee_is_taken_of_what_is_left_after_the_discount_and_never_of_a_free_meal() -> None:
    price = PriceClass(percent_permille=800, fee_permille=50, fee_fen=10)
    assert quote(1000, price, meals_before=0) == Quote(1000, 200, 50, 850)
    assert quote(1000, price._replace(percent_permille=0), meals_before=0).amount_fen == 0


@pytest.mark.rule(3)
def test_rule_3_full_price_leaves_every_reduction_out() -> None:
    price = PriceClass(percent_permille=800, first_n=1, first_permille=0)
    assert quote(1000, price, meals_before=0, full_price=True).amount_fen == 1000


def test_first_n_counts_in_the_meal_only_where_the_rule_names_meals() -> None:
    assert first_n_key(look_up(make_price_rule(first_n=1, first_permille=0)), LUNCH) == LUNCH.business_day
    assert first_n_key(look_up(make_price_rule(first_n=1, periods=(2,))), LUNCH) == LUNCH.meal_key


@pytest.mark.rule(19)
def test_rule_19_between_two_quotes_the_one_without_the_doubtful_reduction_is_used() -> None:
    assert dearest([Quote(1000, 500, 0, 500), Quote(1000, 0, 0, 1000)]).amount_fen == 1000


@given(
    gross=st.integers(0, 10**7),
    percent=st.integers(0, 3000),
    first=st.integers(0, 3000),
    fee=st.integers(0, 500),
    before=st.integers(0, 3),
    full=st.booleans(),
)
def test_a_quote_always_adds_up(gross: Any, percent: Any, first: Any, fee: Any, before: Any, full: Any) -> None:
    price = PriceClass(percent, 1, first, fee_permille=fee, fee_fen=fee)
    found = quote(gross, price, meals_before=before, full_price=full)
    assert found.gross_fen - found.discount_fen + found.fee_fen == found.amount_fen
    assert min(found) >= 0


def test_a_negative_bill_is_a_defect() -> None:
    with pytest.raises(RuleViolation):
        quote(-1, PriceClass(), meals_before=0)

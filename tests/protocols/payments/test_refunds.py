"""What goes back, and to which buckets."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.payments.facts import Refund, Share
from protocols.payments.refunds import Back, RefundRefused, line_paid_fen, plan_refund
from tests.support.payment_rules import make_line, make_settlement

pytestmark = [pytest.mark.rule(10), pytest.mark.capability("SET-04")]

SALE = make_settlement(
    gross_fen=1000,
    discount_fen=100,
    amount_fen=900,
    shares=(Share(20, 500), Share(10, 400)),
    uses=(Share(50, 1),),
    lines=(make_line(600), make_line(300), make_line(100)),
)


def written(back: Back, items: tuple[int, ...]) -> Refund:
    return Refund("r", 1, 1, 1, 1, 1, 1, 1, back.refund_no, 1, 0, 0, 20261120, back.amount_fen, back.shares, items)


def test_rule_10_the_whole_goes_back_in_reverse_with_its_uses() -> None:
    assert plan_refund(SALE, [], ()) == Back(900, (Share(10, 400), Share(20, 500)), (Share(50, 1),), 1, whole=True)


def test_rule_10_by_item_what_was_paid_for_it_goes_back() -> None:
    assert line_paid_fen(SALE) == [540, 270, 90]
    first = plan_refund(SALE, [], (0,))
    assert first == Back(540, (Share(10, 400), Share(20, 140)), (), 1, whole=False)
    rest = plan_refund(SALE, [written(first, (0,))], ())
    assert rest == Back(360, (Share(20, 360),), (Share(50, 1),), 2, whole=True)


@pytest.mark.parametrize(
    ("before", "items", "word"),
    [
        ((), (3,), "no_such_item"),
        ((), (0, 0), "no_such_item"),
        ((0,), (0,), "item_refunded_before"),
    ],
)
def test_rule_10_an_item_goes_back_once(before: Any, items: Any, word: Any) -> None:
    done = [written(plan_refund(SALE, [], before), before)] if before else []
    with pytest.raises(RefundRefused) as refused:
        plan_refund(SALE, done, items)
    assert refused.value.word == word


def test_rule_10_a_sale_refunded_as_a_whole_is_never_refunded_again() -> None:
    done = [written(plan_refund(SALE, [], ()), ())]
    for items in ((), (0,)):
        with pytest.raises(RefundRefused) as refused:
            plan_refund(SALE, done, items)
        assert refused.value.word == "refunded_before"


def test_a_pass_goes_back_only_with_the_whole_meal() -> None:
    sale = make_settlement(amount_fen=0, shares=(Share(30, 1),), lines=(make_line(600), make_line(300)))
    assert plan_refund(sale, [], (0,), counting=[30]).shares == ()
    assert plan_refund(sale, [], (), counting=[30]).shares == (Share(30, 1),)


@given(
    prices=st.lists(st.integers(0, 2000), min_size=1, max_size=6),
    permille=st.integers(0, 1000),
    cut=st.integers(0, 1000),
    order=st.permutations(range(6)),
)
def test_rule_10_item_by_item_the_sum_is_the_original_bucket_by_bucket(
    prices: Any, permille: Any, cut: Any, order: Any
) -> None:
    lines = tuple(make_line(price) for price in prices)
    amount = sum(prices) * permille // 1000
    first = amount * cut // 1000
    shares = tuple(share for share in (Share(1, first), Share(2, amount - first)) if share.amount)
    sale = make_settlement(gross_fen=sum(prices), amount_fen=amount, shares=shares, lines=lines)
    done: list[Refund] = []
    for item in [index for index in order if index < len(lines)]:
        done.append(written(plan_refund(sale, done, (item,)), (item,)))
        assert sum(refund.amount_fen for refund in done) <= amount
    back: dict[int, int] = {}
    for refund in done:
        assert sum(share.amount for share in refund.shares) == refund.amount_fen
        for share in refund.shares:
            back[share.bucket] = back.get(share.bucket, 0) + share.amount
    assert back == {share.bucket: share.amount for share in shares}

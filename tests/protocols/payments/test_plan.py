"""The decision to take a payment."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.payments.facts import Share
from protocols.payments.plan import NeedPin, Plan, plan_payment
from protocols.payments.reference import BucketKind, CredentialAge, CredentialKind, LaneKind, LimitPer
from protocols.payments.refusals import TEXTS, Reason, Refusal
from tests.support.payment_rules import (
    DINNER,
    LUNCH,
    HeldRights,
    make_bucket,
    make_credential,
    make_limit,
    make_payment,
    make_person,
    make_price_rule,
    make_rules,
    make_scene,
)

RICH = {(1, 10): 10_000, (1, 20): 500}


def decide(priced_fen: Any, rights: Any = None, rules: Any = None, **changes: Any) -> Any:
    return plan_payment(rules or make_rules(), rights or HeldRights(RICH), make_payment(priced_fen, **changes))


def reason(outcome: Any) -> str:
    assert isinstance(outcome, Refusal)
    return outcome.reason


@pytest.mark.capability("SET-08")
@pytest.mark.rule(2)
def test_rule_2_the_scene_orders_the_kinds_and_one_bill_is_split() -> None:
    assert decide(1200).shares == (Share(20, 500), Share(10, 700))


@pytest.mark.rule(2)
def test_rule_2_among_grants_the_earliest_to_expire_pays_first() -> None:
    grants = [make_bucket(number, BucketKind.MEAL, expires_on=day) for number, day in ((1, 20261231), (2, 20261130))]
    rules = make_rules(buckets=[*grants, make_bucket(10)])
    rights = HeldRights({(1, 1): 300, (1, 2): 300, (1, 10): 300})
    assert decide(500, rights, rules).shares == (Share(2, 300), Share(1, 200))


@pytest.mark.capability("SET-08")
@pytest.mark.parametrize(
    "closed",
    [
        {"expires_on": 20261119},
        {"starts_on": 20261121},
        {"lane_kinds": (LaneKind.GATE,)},
        {"canteens": (9,)},
        {"periods": (3,)},
    ],
)
def test_a_bucket_pays_only_where_and_when_it_is_open(closed: Any) -> None:
    rules = make_rules(buckets=[make_bucket(10), make_bucket(20, BucketKind.MEAL, **closed)])
    assert decide(400, rules=rules).shares == (Share(10, 400),)
    assert reason(decide(400, HeldRights({(1, 20): 500}), rules)) == Reason.OUT_OF_SCOPE


@pytest.mark.capability("SET-08")
@pytest.mark.parametrize("field", ["meal_limit_fen", "day_limit_fen", "month_limit_fen"])
def test_a_buckets_limit_holds_over_several_payments(field: Any) -> None:
    rules = make_rules(buckets=[make_bucket(10), make_bucket(20, BucketKind.MEAL, **{field: 300})])
    rights = HeldRights(RICH)
    first = decide(200, rights, rules)
    rights.take(1, first)
    assert first.shares == (Share(20, 200),)
    assert decide(200, rights, rules).shares == (Share(20, 100), Share(10, 100))


@pytest.mark.capability("SET-08")
def test_split_by_ratio_and_what_one_kind_lacks_the_other_pays() -> None:
    scene = make_scene(ratio=((BucketKind.MEAL, 600), (BucketKind.CASH, 400)))
    rules = make_rules(scenes=[scene])
    assert decide(801, rules=rules).shares == (Share(20, 481), Share(10, 320))
    assert decide(2000, rules=rules).shares == (Share(20, 500), Share(10, 1500))


@pytest.mark.capability("SET-08")
def test_a_pass_pays_the_whole_meal_and_only_one_a_meal() -> None:
    rules = make_rules(buckets=[make_bucket(10), make_bucket(20, BucketKind.MEAL, counting=True)])
    rights = HeldRights({(1, 10): 5000, (1, 20): 2})
    plan = decide(1500, rights, rules)
    rights.take(1, plan)
    assert plan.shares == (Share(20, 1),)
    assert (plan.quote.amount_fen, plan.quote.discount_fen) == (0, 1500)
    assert decide(1500, rights, rules).shares == (Share(10, 1500),)
    assert decide(1500, rights, rules, moments=(DINNER,)).shares == (Share(20, 1),)


@pytest.mark.capability("SET-10")
def test_no_lease_and_no_network_is_refused_in_clear_words_never_a_guess() -> None:
    outcome = decide(500, HeldRights({}), online=False)
    assert reason(outcome) == Reason.NO_LEASE
    assert "离线" in TEXTS[outcome.reason][0]


@pytest.mark.capability("SET-10")
def test_too_little_names_what_is_missing() -> None:
    assert decide(1200, HeldRights({(1, 10): 1000})) == Refusal(Reason.NOT_ENOUGH, 200)


@pytest.mark.capability("SET-09")
@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"person": make_person(blocked="lost_card")}, Reason.BLOCKED),
        ({"person": make_person(valid_until=20261119)}, Reason.PERSON_INVALID),
        ({"person": make_person(valid_from=20261121)}, Reason.PERSON_INVALID),
        ({"credential": make_credential(valid_until=20261119)}, Reason.CREDENTIAL_INVALID),
        ({"credential": make_credential(cap_fen=1000)}, Reason.CREDENTIAL_CAP),
        ({"lane_kind": LaneKind.GATE}, Reason.SCENE_MISSING),
    ],
)
def test_who_may_not_pay_is_refused_with_the_reason(changes: Any, word: Any) -> None:
    assert reason(decide(1200, **changes)) == word


@pytest.mark.rule(14)
def test_rule_14_each_kind_of_credential_has_a_greatest_replica_age() -> None:
    rules = make_rules(ages=[CredentialAge(CredentialKind.STATIC_CODE, 3600)])
    code = make_credential(kind=CredentialKind.STATIC_CODE)
    assert reason(decide(100, rules=rules, credential=code, replica_age_s=3601)) == Reason.CREDENTIAL_STALE
    assert isinstance(decide(100, rules=rules, credential=code, replica_age_s=3600), Plan)
    assert isinstance(decide(100, rules=rules, replica_age_s=10**6), Plan)


@pytest.mark.rule(14)
def test_rule_14_a_lane_offline_for_too_many_days_stops_trading() -> None:
    rules = make_rules(scenes=[make_scene(BucketKind.CASH, offline_days_max=30)])
    assert isinstance(decide(100, rules=rules, replica_age_s=30 * 86_400), Plan)
    assert reason(decide(100, rules=rules, replica_age_s=30 * 86_400 + 1)) == Reason.TRADING_STALE


@pytest.mark.capability("SET-09")
def test_single_payment_limit() -> None:
    rules = make_rules(scenes=[make_scene(BucketKind.CASH, single_limit_fen=3000)])
    assert decide(3001, rules=rules) == Refusal(Reason.SINGLE_LIMIT, 3000)
    assert isinstance(decide(3000, rules=rules), Plan)


def test_a_pin_is_asked_above_an_amount_and_above_a_days_sum() -> None:
    person = make_person(pin_over_fen=3000, day_pin_over_fen=5000)
    assert decide(3001, person=person) == NeedPin(3001)
    assert isinstance(decide(3001, person=person, pin_given=True), Plan)
    rights = HeldRights(RICH)
    rights.take(1, decide(2500, rights, person=person))
    assert decide(2501, rights, person=person) == NeedPin(2501)
    assert isinstance(decide(2500, rights, person=person), Plan)


@pytest.mark.rule(3)
@pytest.mark.parametrize(("per", "again"), [(LimitPer.MEAL, True), (LimitPer.DAY, False), (LimitPer.MONTH, False)])
def test_rule_3_a_limit_of_times_counts_per_meal_day_or_month(per: Any, again: Any) -> None:
    rules = make_rules(limit_rules=[make_limit(times=1, per=per)])
    rights = HeldRights(RICH)
    plan = decide(100, rights, rules)
    rights.take(1, plan)
    assert plan.uses == (Share(50, 1),)
    assert reason(decide(100, rights, rules)) == Reason.LIMIT_TIMES
    assert isinstance(decide(100, rights, rules, moments=(DINNER,)), Plan) is again


@pytest.mark.rule(3)
def test_rule_3_a_limit_of_fen_refuses_what_would_pass_it() -> None:
    rules = make_rules(limit_rules=[make_limit(amount_fen=1000)])
    rights = HeldRights(RICH)
    rights.take(1, decide(600, rights, rules))
    assert decide(401, rights, rules) == Refusal(Reason.LIMIT_AMOUNT, 1000)
    assert isinstance(decide(400, rights, rules), Plan)


@pytest.mark.rule(3)
def test_rule_3_a_right_held_elsewhere_refuses_or_charges_the_full_price() -> None:
    cheap = [make_price_rule(percent_permille=500)]
    rights = HeldRights(RICH)
    rights.elsewhere = {50}
    refuses = make_rules(limit_rules=[make_limit(times=1)], price_rules=cheap)
    assert reason(decide(1000, rights, refuses)) == Reason.LIMIT_ELSEWHERE
    full = make_rules(limit_rules=[make_limit(times=1, when_absent="full")], price_rules=cheap)
    plan = decide(1000, rights, full)
    assert (plan.quote.amount_fen, plan.uses) == (1000, ())
    rights.elsewhere = set()
    assert decide(1000, rights, full).quote.amount_fen == 500


@pytest.mark.capability("SET-09")
def test_the_first_meal_of_the_day_is_free_at_home_only() -> None:
    rules = make_rules(price_rules=[make_price_rule(first_n=1, first_permille=0)])
    rights = HeldRights(RICH)
    plan = decide(800, rights, rules)
    rights.take(1, plan)
    assert plan.quote.amount_fen == 0
    assert decide(800, rights, rules, moments=(DINNER,)).quote.amount_fen == 800
    assert decide(800, HeldRights(RICH), rules, person=make_person(home_site=2)).quote.amount_fen == 800


@pytest.mark.rule(19)
def test_rule_19_only_rights_valid_on_both_sides_of_a_boundary_are_used() -> None:
    lunch_only = make_bucket(20, BucketKind.MEAL, periods=(2,))
    rules = make_rules(
        buckets=[make_bucket(10), lunch_only], price_rules=[make_price_rule(periods=(2,), percent_permille=500)]
    )
    sure, unsure = decide(400, rules=rules), decide(400, rules=rules, moments=(LUNCH, DINNER))
    assert sure.shares == (Share(20, 200),)
    assert unsure.shares == (Share(10, 400),)


@pytest.mark.rule(19)
def test_rule_19_a_meal_used_on_either_side_counts_against_an_unsure_moment() -> None:
    rules = make_rules(limit_rules=[make_limit(times=1)])
    rights = HeldRights(RICH)
    rights.take(1, decide(100, rights, rules, moments=(DINNER,)))
    assert isinstance(decide(100, rights, rules), Plan)
    assert reason(decide(100, rights, rules, moments=(LUNCH, DINNER))) == Reason.LIMIT_TIMES


@pytest.mark.capability("SET-05")
def test_a_fixed_price_replaces_the_bill() -> None:
    rules = make_rules(
        scenes=[make_scene(BucketKind.CASH, lane_kind=LaneKind.GATE)],
        price_rules=[make_price_rule(lane_kinds=(LaneKind.GATE,), fixed_fen=1500)],
    )
    assert decide(0, rules=rules, lane_kind=LaneKind.GATE).quote.amount_fen == 1500


def test_every_refusal_has_words_in_both_languages() -> None:
    assert set(TEXTS) == set(Reason)
    assert all(zh and en for zh, en in TEXTS.values())


amounts = st.integers(0, 3000)


@pytest.mark.rule(1, 2)
@given(
    price=amounts,
    held=st.lists(amounts, min_size=4, max_size=4),
    limits=st.lists(st.sampled_from([0, 100, 1000]), min_size=4, max_size=4),
    permille=st.integers(0, 1000),
    by_ratio=st.booleans(),
)
def test_rule_1_a_plan_pays_exactly_and_never_more_than_is_leased(
    price: Any, held: Any, limits: Any, permille: Any, by_ratio: Any
) -> None:
    kinds = [BucketKind.CASH, BucketKind.MEAL, BucketKind.MEAL, BucketKind.WELFARE]
    buckets = [make_bucket(i, kind, meal_limit_fen=limits[i], expires_on=20261130 + i) for i, kind in enumerate(kinds)]
    ratio = ((BucketKind.MEAL, permille), (BucketKind.CASH, 1000 - permille)) if by_ratio else ()
    scene = make_scene(BucketKind.MEAL, BucketKind.CASH, ratio=ratio)
    rules = make_rules(buckets=buckets, scenes=[scene])
    rights = HeldRights({(1, i): amount for i, amount in enumerate(held)})
    can_fen = sum(min(held[i], limits[i] or held[i]) for i in range(3))
    plan = decide(price, rights, rules)
    if isinstance(plan, Refusal):
        assert can_fen < price
        return
    assert sum(share.amount for share in plan.shares) == plan.quote.amount_fen == price <= can_fen
    assert all(0 < share.amount <= min(held[share.bucket], limits[share.bucket] or 9999) for share in plan.shares)
    assert len({share.bucket for share in plan.shares}) == len(plan.shares)

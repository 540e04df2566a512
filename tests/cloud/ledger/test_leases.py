"""Leases are transfers: sized, recalled, shrunk, lost (rules 1, 3, 4, 5, 6, 9)."""

from datetime import timedelta
from typing import Any

import pytest

from cloud.ledger import service as ledger
from cloud.ledger import standing
from cloud.ledger.accounts import available, issuer, receivable
from cloud.ledger.errors import NotEnough
from cloud.ledger.leases import Staying, home_grants, recalls, reserve_fen, true_up, visitor_grants
from cloud.ledger.messages import messages_after
from cloud.ledger.store import Holder
from cloud.ledger.store_postgres import PostgresLedger
from protocols.journal.kinds import Kind
from protocols.ledger.accounts import Owner, Transfer, TransferKind
from protocols.payments.facts import LeaseReturned, Movement, ShrinkAnswered, StandingReturned
from protocols.sync.messages import LeaseKind
from tests.cloud.sync.rig import BUCKET, DAY, Cloud, Gateway


async def told(cloud: Cloud, gateway: Gateway) -> list[tuple[int, int, int, int]]:
    """(n, kind, bucket, amount) of every message to a gateway."""
    async with cloud.database.transaction(cloud.organisation) as tx:
        _, messages = await messages_after(
            PostgresLedger(tx), Holder(cloud.site_of(gateway), gateway.epoch), 0, limit=100
        )
    return [(m.n, m.kind, m.bucket, m.amount) for m in messages]


@pytest.mark.capability("PLT-06", "SET-10")
@pytest.mark.rule(1)
async def test_rule_1_a_cause_is_posted_once_and_nothing_passes_below_zero(cloud: Cloud) -> None:
    person = await cloud.person(0)
    now = cloud.clock.now()
    source, target = issuer(cloud.organisation, BUCKET), available(person, BUCKET)
    up, down = (
        Transfer(TransferKind.TOP_UP, source, target, 500),
        Transfer(TransferKind.WITHDRAWAL, target, source, 501),
    )
    async with cloud.database.transaction(cloud.organisation) as tx:
        assert await ledger.post(tx, [up], cause=f"topup:{person}", business_day=DAY, now=now)
        assert not await ledger.post(tx, [up], cause=f"topup:{person}", business_day=DAY, now=now)
    with pytest.raises(NotEnough):
        async with cloud.database.transaction(cloud.organisation) as tx:
            await ledger.post(tx, [down], cause=f"out:{person}", business_day=DAY, now=now)
    assert (await cloud.held(person)).total == 500


@pytest.mark.rule(4, 5)
async def test_rule_4_home_holds_the_balance_less_one_meal_and_messages_are_numbered(cloud: Cloud) -> None:
    home = await cloud.gateway()
    person = await cloud.person(10_000, home, meal=2000)
    async with cloud.database.transaction(cloud.organisation) as tx:
        await cloud.top_up(tx, person, 1000)
        await cloud.top_up(tx, person, 0)
    held = await cloud.held(person)
    assert (held.available, held.at) == (2000, ((cloud.site_of(home), 1, 9000),))
    assert await told(cloud, home) == [(1, LeaseKind.GRANT, BUCKET, 8000), (2, LeaseKind.GRANT, BUCKET, 1000)]


@pytest.mark.rule(4)
def test_rule_4_home_is_never_left_with_less_than_one_meal() -> None:
    assert [reserve_fen(total, 2000) for total in (0, 1500, 2000, 3000, 4000, 9000)] == [0, 0, 0, 1000, 2000, 2000]
    assert home_grants({1: 500, 2: 9000}, {}, meal_fen=2000) == [(1, 500), (2, 7000)]
    assert home_grants({1: 2000}, {1: 7000}, meal_fen=2000) == []


@pytest.mark.rule(4)
def test_rule_4_what_is_expired_or_kept_for_its_owner_goes_home_no_more_and_is_no_reserve() -> None:
    free = {1: 4000, 2: 9000}
    assert Staying().leave(7, free) == free
    assert Staying(expired=frozenset({2})).leave(7, free) == {1: 4000}
    assert Staying(promised={(7, 2): 8000, (8, 1): 1}).leave(7, free) == {1: 4000, 2: 1000}
    assert Staying(promised={(7, 2): 9001}).leave(7, free) == {1: 4000}


def test_a_visitor_gets_the_better_bucket_first_and_the_rest_is_asked_of_the_largest_holders() -> None:
    assert visitor_grants({1: 300, 2: 900}, 1000, order=[1]) == [(1, 300), (2, 700)]
    assert visitor_grants({1: 300, 2: 900}, 1000) == [(2, 900), (1, 100)]
    assert recalls({(3, 1, 1): 500, (4, 1, 1): 800}, 1000) == [(4, 1, (1, 800)), (3, 1, (1, 200))]


@pytest.mark.rule(4)
async def test_rule_4_a_visit_announced_moves_a_meal_once_and_returns_go_to_whom_they_were_asked_for(
    cloud: Cloud,
) -> None:
    home, away = await cloud.gateway(), await cloud.gateway()
    person = await cloud.person(3000, home, meal=2000)
    async with cloud.database.transaction(cloud.organisation) as tx:
        visit: dict[str, Any] = {"now": cloud.clock.now()}
        assert await ledger.announce_visit(tx, person, cloud.site_of(away), DAY, **visit) == (1000, 1000)
        assert await ledger.announce_visit(tx, person, cloud.site_of(away), DAY, **visit) == (0, 0)
    assert await told(cloud, home) == [(1, LeaseKind.GRANT, BUCKET, 2000), (2, LeaseKind.RECALL, BUCKET, 1000)]
    home.write(Kind.LEASE_RETURNED, LeaseReturned(2, (Movement(person, BUCKET, 700),)))
    await cloud.send(home.batch())
    assert await told(cloud, away) == [(1, LeaseKind.GRANT, BUCKET, 1000), (2, LeaseKind.GRANT, BUCKET, 700)]
    held = await cloud.held(person)
    assert (held.available, {s: a for s, _, a in held.at}) == (
        0, {cloud.site_of(home): 1300, cloud.site_of(away): 1700},
    )  # fmt: skip


@pytest.mark.rule(9)
async def test_rule_9_a_correction_takes_what_is_free_asks_the_site_and_books_the_rest_as_owed(cloud: Cloud) -> None:
    home = await cloud.gateway()
    person = await cloud.person(10_000, home, meal=2000)
    target = issuer(cloud.organisation, BUCKET)
    async with cloud.database.transaction(cloud.organisation) as tx:
        how: dict[str, Any] = {"to": target, "cause": f"fix:{person}", "business_day": DAY, "now": cloud.clock.now()}
        shrunk = await ledger.shrink(tx, person, BUCKET, 11_000, **how)
        assert shrunk is not None
        assert (shrunk.taken, shrunk.asked, shrunk.receivable) == (2000, 8000, 1000)
        assert await ledger.shrink(tx, person, BUCKET, 11_000, **how) is None
    assert (await told(cloud, home))[-1] == (2, LeaseKind.SHRINK, BUCKET, 8000)
    home.pay(person, 5000)
    home.write(Kind.SHRINK_ANSWERED, ShrinkAnswered(2, person, BUCKET, 3000))
    home.write(Kind.SHRINK_ANSWERED, ShrinkAnswered(2, person, BUCKET, 0))
    await cloud.send(home.batch())
    assert (await cloud.held(person)).total == 0
    moved = await cloud.lines(kind=TransferKind.CORRECTION)
    owed = receivable(person, BUCKET)
    assert sum(int(row[5]) for row in moved) == 11_000
    assert sum(int(row[5]) for row in moved if row[1] == owed.owner_kind) == 1000 + 5000


@pytest.mark.rule(6)
async def test_rule_6_a_lost_sites_money_is_in_doubt_then_released_and_later_facts_name_who_bears_them(
    cloud: Cloud,
) -> None:
    gateway = await cloud.gateway()
    person = await cloud.person(10_000, gateway)
    site, bearer = cloud.site_of(gateway), cloud.number()
    gateway.pay(person, 1000)
    await cloud.send(gateway.batch())
    gateway.pay(person, 2000)  # happened, and comes in while the money is in doubt
    gateway.pay(person, 3000)  # comes in after it was released
    now = cloud.clock.now()
    async with cloud.database.transaction(cloud.organisation) as tx:
        lost = await ledger.declare_lost(tx, site, epoch=1, bearer=bearer, now=now, business_day=DAY)
        again = await ledger.declare_lost(tx, site, epoch=1, bearer=bearer, now=now, business_day=DAY)
    assert (lost, again) == (9000, 0)
    held = await cloud.held(person)
    assert (held.available, held.at, held.in_doubt) == (0, (), 9000)
    await cloud.send(gateway.batch(2, 2))
    assert (await cloud.held(person)).in_doubt == 7000
    for days, released in ((1, 0), (7, 7000), (1, 0)):
        cloud.clock.move(timedelta(days=days))
        async with cloud.database.transaction(cloud.organisation) as tx:
            how: dict[str, Any] = {"after_days": 7, "now": cloud.clock.now(), "business_day": DAY}
            assert await ledger.release_in_doubt(tx, **how) == released
    await cloud.send(gateway.batch(3, 3))
    held = await cloud.held(person)
    assert (held.available, held.in_doubt) == (7000, 0)
    losses = [row for row in await cloud.lines(kind=TransferKind.SPEND) if row[1] == Owner.LOSS]
    assert [(row[2], row[5]) for row in losses] == [(bearer, 3000)]


@pytest.mark.rule(9)
async def test_rule_9_a_correction_that_a_lost_site_can_answer_no_more_is_owed(cloud: Cloud) -> None:
    home = await cloud.gateway()
    person = await cloud.person(10_000, home)
    async with cloud.database.transaction(cloud.organisation) as tx:
        how: dict[str, Any] = {"to": issuer(cloud.organisation, BUCKET), "business_day": DAY, "now": cloud.clock.now()}
        shrunk = await ledger.shrink(tx, person, BUCKET, 4_000, cause=f"fix:{person}", **how)
        assert shrunk is not None
        assert shrunk.asked == 4_000
        lost: dict[str, Any] = {"bearer": 1, "now": cloud.clock.now(), "business_day": DAY}
        await ledger.declare_lost(tx, cloud.site_of(home), epoch=1, **lost)
    owed = receivable(person, BUCKET)
    moved = await cloud.lines(kind=TransferKind.CORRECTION)
    assert [(row[1], row[2], row[5]) for row in moved] == [(owed.owner_kind, person, 4_000)]
    assert (await cloud.held(person)).in_doubt == 10_000


@pytest.mark.rule(3)
async def test_rule_3_a_limit_is_counted_by_one_site_at_a_time(cloud: Cloud) -> None:
    home, away = await cloud.gateway(), await cloud.gateway()
    person, rule = await cloud.person(1000, home), cloud.number()
    there = Holder(cloud.site_of(away), 1)
    async with cloud.database.transaction(cloud.organisation) as tx:
        give: dict[str, Any] = {"from_day": DAY, "uses_a_day": 1}
        assert await ledger.give_standing_rights(tx, [person], rule, **give) == 1
        assert await ledger.give_standing_rights(tx, [person], rule, **give) == 0
        assert await standing.want_for_visit(PostgresLedger(tx), person, [rule], there, day=DAY) == 1
        assert await standing.want_for_visit(PostgresLedger(tx), person, [rule], there, day=DAY) == 0
    assert await told(cloud, away) == []
    home.write(Kind.STANDING_RETURNED, StandingReturned(3, person, rule, DAY))
    await cloud.send(home.batch())
    assert await told(cloud, away) == [(1, LeaseKind.PASS, rule, 1)]
    assert (await told(cloud, home))[-1][1] == LeaseKind.STANDING
    assert await cloud.fetch("SELECT site, from_day FROM standing_rights WHERE person = $1", person) == [
        (cloud.site_of(home), 20261121)
    ]


@pytest.mark.rule(3)
async def test_rule_3_a_day_already_used_at_home_is_not_passed_on(cloud: Cloud) -> None:
    home, away = await cloud.gateway(), await cloud.gateway()
    person, rule = await cloud.person(1000, home), cloud.number()
    async with cloud.database.transaction(cloud.organisation) as tx:
        await ledger.give_standing_rights(tx, [person], rule, from_day=DAY, uses_a_day=1)
        await standing.want_for_visit(PostgresLedger(tx), person, [rule], Holder(cloud.site_of(away), 1), day=DAY)
    home.write(Kind.STANDING_RETURNED, StandingReturned(3, person, rule, DAY + 1))
    await cloud.send(home.batch())
    assert await told(cloud, away) == []
    assert (await told(cloud, home))[-1][1:] == (LeaseKind.STANDING, rule, 1)


@pytest.mark.capability("SET-08")
@pytest.mark.rule(2)
async def test_rule_2_what_was_paid_from_the_worse_bucket_is_swapped_once_where_the_better_was_elsewhere(
    cloud: Cloud,
) -> None:
    home, away = await cloud.gateway(), await cloud.gateway()
    better, worse = cloud.number(), cloud.number()
    person = await cloud.person(1500, home, bucket=better)
    async with cloud.database.transaction(cloud.organisation) as tx:
        await ledger.set_home(tx, person, cloud.site_of(away), 0)
        await cloud.top_up(tx, person, 5000, bucket=worse)
    away.pay(person, 2000, bucket=worse)
    home.write(Kind.LEASE_RETURNED, LeaseReturned(0, (Movement(person, better, 1500),)))
    await cloud.send(away.batch())
    await cloud.send(home.batch())
    for expected in ([(better, worse, 1500)], []):
        async with cloud.database.transaction(cloud.organisation) as tx:
            swaps = await ledger.true_up(
                tx, person, period="2026-11", days=(20261101, 20261130), bucket_order=[better, worse],
                now=cloud.clock.now(),
            )  # fmt: skip
        assert swaps == expected
    assert (await cloud.held(person, bucket=better)).total == 0
    assert (await cloud.held(person, bucket=worse)).total == 4500


@pytest.mark.rule(2)
def test_rule_2_true_up_takes_no_more_than_is_left_and_starts_with_the_best() -> None:
    assert true_up({3: 700, 2: 100}, {1: 500, 2: 400}, [1, 2, 3]) == [(1, 3, 500), (2, 3, 200)]
    assert true_up({1: 700}, {2: 400}, [1, 2]) == []

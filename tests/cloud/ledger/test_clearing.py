"""Clearing at month end while facts are in the field, and days of booking (rules 7, 8, 10, 13, 28)."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from cloud.ledger import service as ledger
from protocols.journal.kinds import Kind
from protocols.ledger.accounts import Owner, TransferKind
from protocols.payments.facts import CashTaken, CashVoided, CutoffPassed, LeaseReturned, Movement, Share
from tests.cloud.sync.rig import BUCKET, DAY, STALL, Cloud, refund, settlement


async def clear(cloud: Cloud, bucket: int) -> int:
    async with cloud.database.transaction(cloud.organisation) as tx:
        return await ledger.cut_off(tx, [bucket], now=cloud.clock.now(), business_day=20261130)


@pytest.mark.capability("PLT-06", "SET-08")
@pytest.mark.rule(8)
async def test_rule_8_each_site_is_swept_when_its_stream_has_passed_the_marker(cloud: Cloud) -> None:
    near, far = await cloud.gateway(), await cloud.gateway()
    bucket = cloud.number()
    one = await cloud.person(5000, near, bucket=bucket, meal=1000)
    two = await cloud.person(5000, far, bucket=bucket)
    far.pay(two, 700, bucket=bucket)  # before the marker, not sent yet
    assert await clear(cloud, bucket) == 1000
    assert await clear(cloud, bucket) == 0
    near.write(Kind.CUTOFF_PASSED, CutoffPassed(2, (bucket,), (Movement(one, bucket, 4000),)))
    await cloud.send(near.batch())
    async with cloud.database.transaction(cloud.organisation) as tx:
        state = {each.site: each for each in await ledger.clearing_state(tx, [bucket])}
    assert (state[cloud.site_of(near)].passed, state[cloud.site_of(near)].amount) == (True, 0)
    assert (state[cloud.site_of(far)].passed, state[cloud.site_of(far)].amount) == (False, 5000)
    far.write(Kind.CUTOFF_PASSED, CutoffPassed(2, (bucket,), (Movement(two, bucket, 4300),)))
    await cloud.send(far.batch())
    assert (await cloud.held(two, bucket=bucket)).total == 0
    cleared = await cloud.lines(kind=TransferKind.CLEARING)
    assert sorted(int(row[5]) for row in cleared) == [1000, 4000, 4300]


@pytest.mark.rule(8)
async def test_rule_8_what_comes_back_after_the_cut_off_follows_the_clearing_and_no_site_gets_more(
    cloud: Cloud,
) -> None:
    gateway = await cloud.gateway()
    bucket = cloud.number()
    person = await cloud.person(5000, gateway, bucket=bucket)
    await clear(cloud, bucket)
    gateway.write(Kind.LEASE_RETURNED, LeaseReturned(0, (Movement(person, bucket, 2000),)))
    await cloud.send(gateway.batch())
    async with cloud.database.transaction(cloud.organisation) as tx:
        assert await ledger.size_leases(tx, [person], now=cloud.clock.now(), business_day=DAY) == 0
    held = await cloud.held(person, bucket=bucket)
    assert (held.available, held.total) == (0, 3000)


@pytest.mark.rule(10)
async def test_rule_10_a_refund_into_a_cleared_bucket_follows_the_clearing(cloud: Cloud) -> None:
    gateway = await cloud.gateway()
    bucket = cloud.number()
    person = await cloud.person(5000, gateway, bucket=bucket)
    sale = gateway.pay(person, 1200, bucket=bucket)
    await clear(cloud, bucket)
    gateway.write(Kind.CUTOFF_PASSED, CutoffPassed(2, (bucket,), (Movement(person, bucket, 3800),)))
    gateway.write(Kind.REFUND, refund(sale, 1200, bucket=bucket))
    answer = await cloud.send(gateway.batch())
    assert answer.applied == 3
    assert (await cloud.held(person, bucket=bucket)).total == 0
    assert [int(row[5]) for row in await cloud.lines(kind=TransferKind.CLEARING)] == [3800, 1200]
    assert [int(row[5]) for row in await cloud.lines(kind=TransferKind.REFUND)] == [1200]


@pytest.mark.rule(7)
async def test_rule_7_a_settlement_beyond_the_books_is_posted_against_exceptions(cloud: Cloud) -> None:
    gateway = await cloud.gateway()
    person = await cloud.person(1000, gateway)
    gateway.pay(person, 1800)
    answer = await cloud.send(gateway.batch())
    assert (answer.applied, answer.quarantined) == (1, 0)
    spends = [(row[1], row[2], row[4], row[5]) for row in await cloud.lines(kind=TransferKind.SPEND)]
    assert spends == [(Owner.PERSON, person, STALL, 1000), (Owner.EXCEPTIONS, person, STALL, 800)]
    assert (await cloud.held(person)).total == 0


@pytest.mark.rule(11)
async def test_rule_11_cash_taken_offline_is_spendable_and_voidable_while_unspent(cloud: Cloud) -> None:
    gateway = await cloud.gateway()
    person = await cloud.person(0, gateway)
    bucket = cloud.number()
    gateway.write(Kind.CASH_TAKEN, CashTaken("a", 1, person, bucket, 5000, 1, DAY))
    gateway.pay(person, 1500, bucket=bucket)
    gateway.write(Kind.CASH_VOIDED, CashVoided("b", 1, person, bucket, 3500, 1, 1, DAY))
    await cloud.send(gateway.batch())
    assert (await cloud.held(person, bucket=bucket)).total == 0
    assert [int(row[5]) for row in await cloud.lines(kind=TransferKind.CASH_VOIDED)] == [3500]


@pytest.mark.rule(13)
async def test_rule_13_a_stall_has_no_running_balance(cloud: Cloud) -> None:
    gateway = await cloud.gateway()
    person = await cloud.person(1000, gateway)
    gateway.pay(person, 400)
    await cloud.send(gateway.batch())
    kinds = await cloud.fetch("SELECT DISTINCT owner_kind FROM ledger_balances")
    assert {row[0] for row in kinds} <= {Owner.PERSON, Owner.IN_DOUBT, Owner.GOODWILL}


@pytest.mark.rule(28)
async def test_rule_28_a_line_carries_the_day_it_happened_and_the_day_it_was_posted(cloud: Cloud) -> None:
    gateway = await cloud.gateway()
    person = await cloud.person(1000, gateway)
    gateway.pay(person, 400)
    cloud.clock.move(timedelta(days=14))
    await cloud.send(gateway.batch())
    days = await cloud.fetch(
        "SELECT business_day, posting_day FROM ledger_transfers WHERE kind = $1", TransferKind.SPEND
    )
    assert days == [(20261120, 20261204)]


async def test_a_pass_of_a_counting_bucket_stands_beside_the_fen_of_a_bill(cloud: Cloud) -> None:
    gateway = await cloud.gateway()
    passes = cloud.number()
    person = await cloud.person(5000, gateway)
    async with cloud.database.transaction(cloud.organisation) as tx:
        await ledger.set_counting(tx, [passes])
        await cloud.top_up(tx, person, 3, bucket=passes)
    both = msgspec.structs.replace(settlement(person, 700), shares=(Share(BUCKET, 700), Share(passes, 1)))
    gateway.write(Kind.SETTLEMENT, both)
    answer = await cloud.send(gateway.batch())
    assert (answer.applied, answer.quarantined) == (1, 0)
    assert (await cloud.held(person, bucket=passes)).total == 2
    assert (await cloud.held(person)).total == 4300


@pytest.mark.rule(6, 8)
async def test_rule_8_facts_of_a_site_that_was_lost_before_a_clearing_know_of_it(cloud: Cloud) -> None:
    """A lost site has no marker to pass; its buckets are being cleared all the same, and still count times or fen."""
    gateway, passes = await cloud.gateway(), cloud.number()
    await cloud.gateway()
    person = await cloud.person(5000, gateway)
    how: dict[str, Any] = {"now": cloud.clock.now(), "business_day": DAY}
    async with cloud.database.transaction(cloud.organisation) as tx:
        await ledger.set_counting(tx, [passes])
        await ledger.declare_lost(tx, cloud.site_of(gateway), epoch=1, bearer=1, **how)
        await ledger.cut_off(tx, [passes, BUCKET], **how)
    both = msgspec.structs.replace(settlement(person, 700), shares=(Share(BUCKET, 700), Share(passes, 1)))
    gateway.write(Kind.SETTLEMENT, both)
    gateway.write(Kind.LEASE_RETURNED, LeaseReturned(0, (Movement(person, BUCKET, 4300),)))
    answer = await cloud.send(gateway.batch())
    assert (answer.applied, answer.quarantined) == (2, 0)
    assert [row[5] for row in await cloud.lines(kind=TransferKind.CLEARING)] == [4300]
    assert (await cloud.held(person)).total == 0

"""Weeks without a network, batches doubled, and two loops sending at once: the books come out the same."""

import asyncio
import os

import pytest

from cloud.sync import service
from protocols.journal.kinds import Kind
from protocols.ledger.accounts import TransferKind
from tests.cloud.sync.rig import LUNCH_MS, Cloud, at, settlement

ENTRIES = int(os.environ.get("OFFLINE_ENTRIES", "100000"))
DAYS = 30
DAY_MS = 86_400_000


@pytest.mark.timeout(600)
@pytest.mark.capability("SET-10")
@pytest.mark.lesson("square-24h", "thingsboard-edge-8h")
async def test_a_gateway_offline_for_30_days_with_100_000_settlements_loses_none(cloud: Cloud) -> None:
    gateway = await cloud.gateway()
    people = [await cloud.person(10_000_000, gateway) for _ in range(50)]
    pay = [settlement(person, 12, lane=1 + person % 6) for person in people]
    for number in range(ENTRIES):
        ago_ms = (ENTRIES - number) * (DAYS * DAY_MS) // ENTRIES
        gateway.write(Kind.SETTLEMENT, pay[number % len(pay)], at_ms=LUNCH_MS - ago_ms)
    answer = await cloud.send_all(gateway, size=5000)
    assert (answer.applied_through, answer.state) == (ENTRIES, "open")
    spent = await cloud.fetch(
        "SELECT count(*), sum(amount)::bigint FROM ledger_transfers WHERE kind = $1", int(TransferKind.SPEND)
    )
    assert spent == [(ENTRIES, ENTRIES * 12)]
    async with cloud.database.transaction(cloud.organisation) as tx:
        hours = await service.completeness(tx, device=gateway.device, since=at(1).replace(month=10), until=at(21))
    assert sum(hour.applied for hour in hours) == ENTRIES
    assert len({hour.hour_at for hour in hours}) >= DAYS * 24
    assert all(hour.complete for hour in hours)


@pytest.mark.lesson("erpnext-loops", "odoo-152259")
async def test_two_loops_that_send_the_same_journal_at_once_post_it_once(cloud: Cloud) -> None:
    gateway = await cloud.gateway()
    person = await cloud.person(1_000_000, gateway)
    for _ in range(60):
        gateway.pay(person, 100)

    async def loop(size: int) -> None:
        through = 0
        while through < 60:
            answer = await cloud.send(gateway.batch(through + 1, min(through + size, 60)))
            through = answer.applied_through

    await asyncio.gather(loop(7), loop(13), loop(60))
    assert (await cloud.held(person)).total == 1_000_000 - 6000
    assert len(await cloud.lines(kind=TransferKind.SPEND)) == 60


@pytest.mark.lesson("odoo-261096")
async def test_a_connection_that_drops_in_mid_batch_leaves_nothing_half_done(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cloud.sync import store_postgres

    gateway = await cloud.gateway()
    person = await cloud.person(10_000, gateway)
    gateway.pay(person, 100)
    kept = store_postgres.PostgresStore.finish

    async def cut(*_: object) -> None:
        raise ConnectionResetError("cut")

    monkeypatch.setattr(store_postgres.PostgresStore, "finish", cut)
    with pytest.raises(ConnectionResetError):
        await cloud.send(gateway.batch())
    assert await cloud.fetch("SELECT 1 FROM inbox WHERE device = $1", gateway.device) == []
    monkeypatch.setattr(store_postgres.PostgresStore, "finish", kept)
    assert (await cloud.send(gateway.batch())).applied == 1


@pytest.mark.rule(26)
async def test_rule_26_a_fault_that_is_no_entrys_aborts_the_batch_and_sets_nothing_aside(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cloud.sync import store_postgres

    gateway = await cloud.gateway()
    person = await cloud.person(10_000, gateway)
    for _ in range(3):
        gateway.pay(person, 100)

    async def broken(*_: object) -> None:
        raise ValueError("every write fails")

    monkeypatch.setattr(store_postgres.PostgresStore, "write_part", broken)
    with pytest.raises(ValueError, match="every write fails"):
        await cloud.send(gateway.batch())
    assert await cloud.fetch("SELECT 1 FROM quarantine WHERE device = $1", gateway.device) == []

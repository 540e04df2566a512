"""Batches into the books: once, in order, signed (rules 20, 24)."""

import dataclasses

import msgspec
import pytest

from cloud.sync.devices import DeviceKey
from cloud.sync.ingest import BadCheckpoint, UnknownStream
from protocols.ledger.accounts import Owner, TransferKind
from tests.cloud.sync.rig import STALL, Cloud


async def test_settlements_move_money_from_the_sites_lease_to_the_stall(cloud: Cloud) -> None:
    gateway = await cloud.gateway()
    person = await cloud.person(10_000, gateway, meal=2000)
    assert (await cloud.held(person)).at == ((cloud.site_of(gateway), 1, 8000),)
    gateway.pay(person, 1500)
    gateway.pay(person, 700)
    answer = await cloud.send(gateway.batch())
    assert (answer.applied_through, answer.applied, answer.duplicates, answer.state) == (2, 2, 0, "open")
    assert answer.head == gateway.hash_at(2)
    held = await cloud.held(person)
    assert (held.available, held.at) == (2000, ((cloud.site_of(gateway), 1, 5800),))
    spends = await cloud.lines(kind=TransferKind.SPEND)
    assert [(row[3], row[4], row[5]) for row in spends] == [(Owner.STALL, STALL, 1500), (Owner.STALL, STALL, 700)]


@pytest.mark.rule(24)
@pytest.mark.lesson("odoo-40567", "odoo-152259")
async def test_rule_24_an_answer_lost_on_its_way_leaves_the_order_once(cloud: Cloud) -> None:
    gateway = await cloud.gateway()
    person = await cloud.person(10_000, gateway)
    gateway.pay(person, 1500)
    await cloud.send(gateway.batch())  # committed, but the edge never hears of it
    gateway.pay(person, 600)
    answer = await cloud.send(gateway.batch(1))
    assert (answer.applied, answer.duplicates, answer.applied_through) == (1, 1, 2)
    assert [row[5] for row in await cloud.lines(kind=TransferKind.SPEND)] == [1500, 600]
    answer = await cloud.send(gateway.batch(1))
    assert (answer.applied, answer.duplicates, answer.applied_through) == (0, 2, 2)
    assert (await cloud.held(person)).total == 7900


@pytest.mark.rule(24)
async def test_rule_24_a_gap_answers_the_present_prefix_and_changes_nothing(cloud: Cloud) -> None:
    gateway = await cloud.gateway()
    person = await cloud.person(10_000, gateway)
    for _ in range(5):
        gateway.pay(person, 100)
    await cloud.send(gateway.batch(1, 2))
    answer = await cloud.send(gateway.batch(4))
    assert (answer.applied_through, answer.applied, answer.head) == (2, 0, gateway.hash_at(2))
    answer = await cloud.send(gateway.batch(answer.applied_through + 1))
    assert answer.applied_through == 5


@pytest.mark.rule(20)
async def test_rule_20_a_batch_that_its_checkpoint_does_not_sign_is_refused_whole(cloud: Cloud) -> None:
    gateway = await cloud.gateway()
    person = await cloud.person(10_000, gateway)
    gateway.pay(person, 100)
    batch = gateway.batch()
    forged = msgspec.structs.replace(batch.checkpoint, signature=bytes(64))
    with pytest.raises(BadCheckpoint):
        await cloud.send(msgspec.structs.replace(batch, checkpoint=forged))
    moved = msgspec.structs.replace(batch.checkpoint, seq=7)
    with pytest.raises(BadCheckpoint):
        await cloud.send(msgspec.structs.replace(batch, checkpoint=moved))
    assert await cloud.fetch("SELECT 1 FROM inbox WHERE device = $1", gateway.device) == []
    assert (await cloud.send(batch)).applied == 1


@pytest.mark.rule(22)
async def test_rule_22_a_backlog_under_a_revoked_key_waits_for_a_person(cloud: Cloud) -> None:
    from cloud.sync import service

    gateway = await cloud.gateway()
    person = await cloud.person(10_000, gateway)
    gateway.pay(person, 100)
    good = cloud.directory.keys[gateway.device, 1]
    cloud.directory.keys[gateway.device, 1] = dataclasses.replace(good, revoked=True)
    answer = await cloud.send(gateway.batch())
    assert (answer.applied_through, answer.state) == (0, "frozen")
    async with cloud.database.transaction(cloud.organisation) as tx:
        await service.resume_stream(tx, device=gateway.device, epoch=1)
    answer = await cloud.send(gateway.batch())
    assert (answer.applied_through, answer.applied) == (1, 1)


@pytest.mark.rule(22)
async def test_rule_22_a_rotated_key_stays_good_for_its_own_range(cloud: Cloud) -> None:
    gateway = await cloud.gateway()
    person = await cloud.person(10_000, gateway)
    for _ in range(4):
        gateway.pay(person, 100)
    old = cloud.directory.keys[gateway.device, 1]
    cloud.directory.keys[gateway.device, 1] = dataclasses.replace(old, until_seq=2)
    with pytest.raises(BadCheckpoint):
        await cloud.send(gateway.batch(1, 3))
    assert (await cloud.send(gateway.batch(1, 2))).applied == 2
    cloud.directory.keys[gateway.device, 2] = DeviceKey(2, old.public_key, 1, 3, 0, revoked=False)
    gateway.key_id = 2
    assert (await cloud.send(gateway.batch(3))).applied == 2


async def test_a_stream_nobody_opened_is_unknown(cloud: Cloud) -> None:
    gateway = await cloud.gateway()
    gateway.pay(1, 100)
    cloud.directory.add(gateway, organisation=cloud.organisation, site=1)
    batch = msgspec.structs.replace(gateway.batch(), epoch=9)
    with pytest.raises(UnknownStream):
        await cloud.send(batch)


@pytest.mark.lesson("snipe-it-6167")
async def test_other_companies_see_nothing_of_a_batch(cloud: Cloud) -> None:
    from tests.support.cloud import make_organisation

    gateway = await cloud.gateway()
    person = await cloud.person(10_000, gateway)
    gateway.pay(person, 100)
    await cloud.send(gateway.batch())
    other = await make_organisation(cloud.database)
    tables = (
        "inbox",
        "ledger_transfers",
        "ledger_balances",
        "streams",
        "lease_sites",
        "lease_messages",
        "completeness",
    )
    async with cloud.database.transaction(other) as tx:
        for table in tables:
            assert await tx.fetchval(f"SELECT count(*) FROM {table}") == 0, table

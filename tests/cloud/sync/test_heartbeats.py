"""What a gateway reported is not forgotten: at least n entries, so much money (rule 20)."""

from datetime import timedelta

import pytest

from cloud.sync import heartbeats, service
from cloud.sync.store_postgres import PostgresStore
from cloud.sync.streams import StreamStatus
from protocols.sync.messages import Heartbeat
from tests.cloud.sync.rig import Cloud, Gateway


async def beat(cloud: Cloud, gateway: Gateway, sum_fen: int) -> None:
    """The gateway says how it stands."""
    head_seq = len(gateway.bodies)
    said = Heartbeat(1, 1, head_seq, gateway.hash_at(head_seq), sum_fen, 1, 0, {}, 0, 0, (), 0, 0)
    device = cloud.directory.records[gateway.device]
    async with cloud.database.transaction(cloud.organisation) as tx:
        await heartbeats.note(PostgresStore(tx), device, said, generation=1, now=cloud.clock.now())


async def first_stream(cloud: Cloud, gateway: Gateway) -> StreamStatus:
    async with cloud.database.transaction(cloud.organisation) as tx:
        return (await service.stream_statuses(tx, device=gateway.device))[0]


async def missing(cloud: Cloud, gateway: Gateway) -> tuple[int, int]:
    async with cloud.database.transaction(cloud.organisation) as tx:
        found = await service.stream_certificate(tx, device=gateway.device, epoch=1)
    assert found.complete is not bool(found.missing)
    return found.missing, found.missing_fen


@pytest.mark.rule(20)
async def test_rule_20_a_lower_heartbeat_does_not_make_the_cloud_forget_a_higher_one(cloud: Cloud) -> None:
    gateway = await cloud.gateway()
    person = await cloud.person(10_000, gateway)
    gateway.pay(person, 100)
    await cloud.send(gateway.batch())
    older = gateway.clone()
    for _ in range(4):
        gateway.pay(person, 50)
    await beat(cloud, gateway, 300)
    assert await missing(cloud, gateway) == (4, 200)
    cloud.clock.move(timedelta(minutes=1))
    older.pay(person, 30)
    await beat(cloud, older, 130)
    assert await missing(cloud, gateway) == (4, 200), "late, repeated, or an old image: what was told stands"
    stands = await first_stream(cloud, gateway)
    assert stands.heartbeat_at == cloud.clock.now()
    assert (stands.reported_seq, stands.reported_head) == (5, gateway.hash_at(5))


@pytest.mark.rule(20, 21)
async def test_rule_20_what_an_old_image_lost_shows_although_it_goes_on_past_it(cloud: Cloud) -> None:
    gateway = await cloud.gateway()
    person = await cloud.person(10_000, gateway)
    gateway.pay(person, 100)
    await cloud.send(gateway.batch())
    older = gateway.clone()
    gateway.pay(person, 50)
    gateway.pay(person, 60)
    await beat(cloud, gateway, 210)
    for amount in (1, 2, 3):
        older.pay(person, amount)
        await cloud.send(older.batch(len(older.bodies)))
        await beat(cloud, older, 100)
    assert (await first_stream(cloud, gateway)).contradicted
    assert await missing(cloud, gateway) == (1, 0), "the entry that was reported came in as another"
    await cloud.send(gateway.batch(2))
    assert not (await first_stream(cloud, gateway)).contradicted, "as a branch of its own it is here after all"
    assert await missing(cloud, gateway) == (0, 0)
    await beat(cloud, older, 106)
    assert (await first_stream(cloud, gateway)).reported_seq == 4

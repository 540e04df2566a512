"""The demonstration campus: as large as asked, the same for the same seed, and ready for gateways."""

import time

import pytest

from cloud import seed
from cloud.core.context import Core
from protocols.payments.credentials import card_key
from protocols.payments.reference import Credential
from protocols.sync.codec import decode
from tests.support.domains import Cloud, TestGateway

SMALL = seed.Options(people=60, sites=2, lanes=6, plates=40, seed=42)


@pytest.fixture
async def core(fresh_core: Core) -> Core:
    return fresh_core


@pytest.mark.capability("SET-07", "SET-08", "SET-09")
async def test_a_seeded_campus_lets_its_gateways_in_with_everything_a_diner_needs(cloud: Cloud) -> None:
    started = time.monotonic()
    world = await seed.seed(cloud.core, SMALL)
    assert time.monotonic() - started < 30
    assert (len(world.people), len(world.lanes), len(world.gateways), len(world.plates)) == (60, 6, 2, 40)
    assert [lane["kind"] for lane in world.lanes] == ["plate", "plate", "weigh", "plate", "pos", "gate"]
    gateway = TestGateway(cloud)
    who = await gateway.join(world.gateways[0]["provisioning_code"])
    await cloud.settle()
    credentials = await gateway.replica("credentials")
    diner = world.people[7]
    card = decode(credentials[f"{card_key(who.site_key, diner['card'])}@0"].body or b"", Credential)
    assert card.person == diner["id"]
    grants = [message for message in (await gateway.leases()).messages if message.kind == 1]
    assert {grant.person for grant in grants} >= {p["id"] for p in world.people if p["home_site"] == who.site}
    assert len(await gateway.replica("lanes")) == 3
    assert len(await gateway.replica("plates")) == 40

"""A gateway changes its key in the middle of its day, is killed, and goes on under the new one."""

from collections.abc import AsyncIterator
from random import Random

import pytest
from firmware_sim.world.campus import Campus

from tests.support.campus import (
    campus_folder,
    cloud_command,
    eventually,
    have_lunch,
    nothing_waits,
    open_books,
    options_for,
    running_campus,
    signed_in,
)

pytestmark = [pytest.mark.serial, pytest.mark.timeout(400)]

PEOPLE = 40


@pytest.fixture
async def campus() -> AsyncIterator[Campus]:
    with campus_folder() as folder:
        async with running_campus(options_for(folder, people=PEOPLE, seed=22)) as running:
            yield running


@pytest.mark.capability("IOT-02")
@pytest.mark.rule(22)
async def test_rule_22_a_gateway_goes_on_under_a_new_key_that_the_old_one_vouched_for(campus: Campus) -> None:
    site = campus.sites[0]
    await have_lunch(campus, random=Random(1), speed=400)
    async with signed_in(campus) as client:
        gateways = (await client.get("/api/v1/devices/gateways")).json()["items"]
        gateway = next(one for one in gateways if one["name"] == site.facts.name)
        answer = await client.post(f"/api/v1/devices/gateways/{gateway['id']}/commands", json={"name": "rotate-key"})
        assert answer.is_success, answer.text
        await have_lunch(campus, random=Random(2), speed=400)
        await eventually(lambda: nothing_waits(campus), timeout_s=60, what="the stream stopped at the new key")
        async with open_books(campus) as books:
            keys = await books.fetch(
                "SELECT key_id, last_seq FROM devices_keys WHERE gateway_id = $1 ORDER BY key_id", gateway["id"]
            )
            assert len(keys) == 2
            assert keys[0]["last_seq"], "the old key vouches for nothing after the entry that names the new one"
            await site.kill()
            await site.start_gateway(campus.session)
            await have_lunch(campus, random=Random(3), speed=400)
            await eventually(lambda: nothing_waits(campus), timeout_s=60, what="no session under the new key")
            assert await books.fetchval("SELECT count(*) FROM quarantine") == 0
    await cloud_command(campus, "books")

"""A cloud restored from last night's backup: edges send again, nobody leases too early, the books agree."""

import asyncio
from collections.abc import AsyncIterator
from random import Random

import asyncpg
import pytest
from firmware_sim.world.campus import Campus

from tests.support.campus import (
    GatewayDisk,
    booked_settlements,
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

pytestmark = [pytest.mark.serial, pytest.mark.timeout(600)]

PEOPLE = 120
SPEED = 300.0


@pytest.fixture
async def campus() -> AsyncIterator[Campus]:
    with campus_folder() as folder:
        async with running_campus(options_for(folder, people=PEOPLE, seed=25)) as running:
            yield running


async def _all_sent(campus: Campus) -> None:
    await eventually(lambda: nothing_waits(campus), timeout_s=90, what="the gateways never sent everything")


async def _top_up(campus: Campus, person: int, amount_fen: int) -> None:
    async with signed_in(campus) as client:
        buckets = (await client.get("/api/v1/payments/buckets")).json()["items"]
        cash = next(bucket for bucket in buckets if bucket["kind"] in (1, "cash"))
        answer = await client.post(
            "/api/v1/payments/top-ups",
            json={"person_id": person, "bucket_id": cash["id"], "amount_fen": amount_fen, "note": "after the restore"},
            headers={"Idempotency-Key": f"restore-{person}"},
        )
        assert answer.is_success, answer.text


async def _grants(books: asyncpg.Connection, person: int) -> int:
    found = await books.fetchval("SELECT count(*) FROM lease_messages WHERE kind = 1 AND person = $1", person)
    return int(found)


@pytest.mark.capability("PLT-12", "SET-10")
@pytest.mark.rule(24, 25)
async def test_rule_25_a_restored_cloud_gets_everything_again_and_leases_only_when_all_sites_declared(
    campus: Campus,
) -> None:
    random = Random(25)
    await have_lunch(campus, random=random, speed=SPEED)
    await _all_sent(campus)
    await cloud_command(campus, "backup")
    await cloud_command(campus, "verify")
    await have_lunch(campus, random=random, speed=SPEED)
    await _all_sent(campus)
    await campus.cloud.stop()
    await have_lunch(campus, random=random, speed=SPEED)  # the lanes trade while the cloud is down
    await cloud_command(campus, "restore")
    silent, other = campus.sites
    await campus.act("cut", silent.facts.name)
    await campus.start_cloud()
    async with open_books(campus) as books:
        await _top_up(campus, person := next(iter(campus.diners)), 12_345)
        before = await _grants(books, person)
        await asyncio.sleep(4)
        assert await _grants(books, person) == before, "a lease was given before every site had declared"
        await campus.act("heal", "")
        await _all_sent(campus)
        await eventually(
            lambda: _granted_more(books, person, before), timeout_s=150, what="no lease after all sites had declared"
        )
        await cloud_command(campus, "books")
        booked = await booked_settlements(books)
        assert await books.fetchval("SELECT count(*) FROM ledger_balances WHERE balance < 0") == 0
    committed: dict[str, int] = {}
    for site in (silent, other):
        await site.gateway.stop()
        disk = GatewayDisk(site)
        committed |= disk.charges()
        assert disk.breaches() == []
        disk.close()
        assert site.tally.told.items() <= booked.items()
    assert committed == booked


async def _granted_more(books: asyncpg.Connection, person: int, before: int) -> bool:
    return await _grants(books, person) > before

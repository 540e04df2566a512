"""A lunch with the network cut, gateways killed, answers lost and batches doubled: the books agree to the fen."""

import asyncio
from collections.abc import AsyncIterator
from random import Random

import asyncpg
import pytest
from firmware_sim.proxy import Weather
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
    watch_every_commit,
)

pytestmark = [pytest.mark.serial, pytest.mark.timeout(900)]

PEOPLE = 2_200  # some are refused: visitors whose rights are elsewhere while the network is cut
SETTLEMENTS = 2_000
KILLS = 10
SPEED = 45.0  # a lunch of 105 minutes in 140 s, so that queues are long and every lane is busy
SEED = 20261120


@pytest.fixture
async def campus() -> AsyncIterator[Campus]:
    with campus_folder() as folder:
        async with running_campus(options_for(folder, people=PEOPLE, seed=SEED)) as running:
            yield running


@pytest.fixture
async def books(campus: Campus) -> AsyncIterator[asyncpg.Connection]:
    async with open_books(campus) as connection:
        yield connection


async def _kill_now_and_then(campus: Campus, random: Random) -> None:
    for _ in range(KILLS):
        await asyncio.sleep(random.uniform(4, 14))
        site = random.choice(campus.sites)
        await site.kill()
        await asyncio.sleep(random.uniform(0.1, 1.0))
        await site.start_gateway(campus.session)


@pytest.mark.capability("SET-01", "SET-03", "SET-04", "SET-05", "SET-10", "PLT-06")
@pytest.mark.rule(1, 5, 7, 18, 24)
@pytest.mark.lesson("odoo-40567", "odoo-125037", "odoo-261096")
async def test_after_a_lunch_without_network_and_ten_kills_the_ledger_is_what_people_were_told(
    campus: Campus, books: asyncpg.Connection
) -> None:
    random = Random(SEED)
    await watch_every_commit(books)
    await campus.act("cut", "")
    await asyncio.gather(have_lunch(campus, random=random, speed=SPEED), _kill_now_and_then(campus, random))
    served = sum(desk.served for desk in campus.desks())
    told = await campus.state()
    assert all(one["network"] == "cut" and one["waiting"] > 0 for one in told["gateways"])
    for site in campus.sites:
        site.proxy.set(Weather(lose_answers=0.5, double=0.5))
    await asyncio.sleep(5)
    assert all(site.proxy.counts.answers_lost and site.proxy.counts.doubled for site in campus.sites)
    await campus.act("heal", "")
    await eventually(lambda: nothing_waits(campus), timeout_s=120, what="the gateways never sent everything")
    await _show_that_books_agree(campus, books, served)


async def _show_that_books_agree(campus: Campus, books: asyncpg.Connection, served: int) -> None:
    for site in campus.sites:
        await site.gateway.stop()
    await cloud_command(campus, "books")
    booked = await booked_settlements(books)
    told: dict[str, int] = {}
    last_charges: dict[str, int] = {}
    committed: dict[str, int] = {}
    for site in campus.sites:
        assert not site.tally.contradictions
        told |= site.tally.told
        last_charges |= site.tally.unshown
        disk = GatewayDisk(site)
        committed |= disk.charges()
        assert disk.breaches() == [], "spends stay within applied grants at every edge commit"
        disk.close()
    assert committed == booked, "the cloud's ledger holds every committed settlement once, to the fen"
    assert told.items() <= booked.items(), "nothing a person was told is missing or differs"
    unshown = {entry: amount for entry, amount in booked.items() if entry not in told}
    assert unshown.items() <= last_charges.items(), "what no screen had shown came up as the last charge"
    assert sum(booked.values()) == sum(told.values()) + sum(unshown.values())
    assert served >= PEOPLE * 0.9
    assert len(booked) >= SETTLEMENTS
    assert sum(site.kills for site in campus.sites) == KILLS
    assert await books.fetchval("SELECT count(*) FROM ledger_balances WHERE balance < 0") == 0
    assert await books.fetchval("SELECT count(*) FROM watched_commits") > 0
    assert await books.fetchval("SELECT count(*) FROM quarantine") == 0

"""A job exists exactly when the use case that asked for it committed, and runs on the same PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from cloud.core.context import Core
from cloud.core.database import Database
from cloud.core.jobs import Jobs

WAIT_S = 10.0


@pytest.fixture
async def jobs(core: Core) -> AsyncIterator[Jobs]:
    made = Jobs(core.database.dsn, workers=2, poll_s=0.2, stop_timeout_s=2)
    yield made
    await made.stop()


async def _waiting(database: Database) -> int:
    async with database.plain_transaction() as tx:
        return int(await tx.fetchval("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'"))


async def test_a_job_runs_after_the_commit(jobs: Jobs, database: Database, organisation_id: int) -> None:
    done: asyncio.Queue[int] = asyncio.Queue(10)

    async def work(number: int) -> None:
        await done.put(number)

    jobs.register("try.work", work)
    await jobs.start()
    async with database.transaction(organisation_id) as tx:
        await jobs.defer(tx, "try.work", {"number": 7})
        await asyncio.sleep(0.4)
        assert done.empty()
    async with asyncio.timeout(WAIT_S):
        assert await done.get() == 7


async def test_a_job_of_a_transaction_that_failed_does_not_exist(
    jobs: Jobs, database: Database, organisation_id: int
) -> None:
    async def fail() -> None:
        async with database.transaction(organisation_id) as tx:
            await jobs.defer(tx, "try.never", {})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await _waiting(database) == 0


async def test_one_waiting_job_of_a_name_is_enough(jobs: Jobs, database: Database, organisation_id: int) -> None:
    async with database.transaction(organisation_id) as tx:
        await jobs.defer(tx, "try.once", {}, once="clearing-2026-11")
    with pytest.raises(asyncpg.UniqueViolationError):
        async with database.transaction(organisation_id) as tx:
            await jobs.defer(tx, "try.once", {}, once="clearing-2026-11")
    assert await _waiting(database) == 1


async def test_a_job_that_fails_is_tried_again(jobs: Jobs, database: Database, organisation_id: int) -> None:
    done: asyncio.Queue[int] = asyncio.Queue(10)
    tries = 0

    async def work() -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise RuntimeError("not yet")
        await done.put(tries)

    jobs.register("try.again", work)
    await jobs.start()
    async with database.transaction(organisation_id) as tx:
        await jobs.defer(tx, "try.again", {})
    async with asyncio.timeout(WAIT_S):
        assert await done.get() == 2


async def test_a_job_for_tomorrow_waits(jobs: Jobs, core: Core, database: Database, organisation_id: int) -> None:
    async def work() -> None:
        raise AssertionError("too early")

    jobs.register("try.tomorrow", work)
    await jobs.start()
    before = await _waiting(database)
    async with database.transaction(organisation_id) as tx:
        await jobs.defer(tx, "try.tomorrow", {}, at=core.clock.now() + timedelta(days=36500))
    await asyncio.sleep(0.6)
    assert await _waiting(database) == before + 1

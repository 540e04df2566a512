"""Fixtures of the cloud's tests: `core`, `database`, `organisation_id` and `client` over a real PostgreSQL."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from cloud.core import rights
from cloud.core.clock import ManualClock
from cloud.core.context import Core
from cloud.core.database import Database
from cloud.core.postgres import PostgresAddress
from tests.support.cloud import (
    LUNCH,
    PostgresServer,
    make_organisation,
    open_test_core,
    postgres_server,
    signed_in,
)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """The session's PostgreSQL."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="module")
def module_address(postgres: PostgresServer) -> PostgresAddress:
    """A database that the tests of one module share; each makes an organisation of its own."""
    return postgres.fresh_database()


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands at lunch until moved."""
    return ManualClock(LUNCH)


@pytest.fixture
async def core(module_address: PostgresAddress, tmp_path: Path, clock: ManualClock) -> AsyncIterator[Core]:
    """A core over the module's database."""
    async with open_test_core(module_address, tmp_path, clock=clock) as made:
        yield made


@pytest.fixture
def database(core: Core) -> Database:
    """The core's database."""
    return core.database


@pytest.fixture
async def organisation_id(database: Database) -> int:
    """A fresh organisation for each test."""
    return await make_organisation(database)


@pytest.fixture
async def client(core: Core, organisation_id: int) -> AsyncIterator[httpx.AsyncClient]:
    """A client signed in with every right in the test's organisation."""
    async with signed_in(core, organisation_id, f"user{organisation_id}", rights.ALL) as made:
        yield made

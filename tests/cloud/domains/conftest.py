"""A cloud with every domain, and a client who may do everything."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from cloud.core import rights
from cloud.core.clock import ManualClock
from cloud.core.context import Core
from tests.support.cloud import PostgresServer, open_test_core
from tests.support.domains import Cloud, open_cloud


@pytest.fixture
def cloud(core: Core, organisation_id: int) -> Cloud:
    return open_cloud(core, organisation_id)


@pytest.fixture
async def client(cloud: Cloud) -> AsyncIterator[httpx.AsyncClient]:
    async with cloud.signed_in(f"user{cloud.organisation_id}", rights.ALL) as made:
        yield made


@pytest.fixture
async def fresh_core(postgres: PostgresServer, tmp_path: Path, clock: ManualClock) -> AsyncIterator[Core]:
    """A core over a database of its own, for what looks at the whole installation."""
    address = await asyncio.to_thread(postgres.fresh_database)
    async with open_test_core(address, tmp_path, clock=clock) as made:
        yield made

"""A cloud with faces: the networks of this machine, a small campus, and real pictures."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from cloud.core import rights
from cloud.core.clock import ManualClock
from cloud.core.context import Core
from cloud.core.postgres import PostgresAddress
from cloud.settings import Recognition
from tests.support.cloud import open_test_core, test_settings
from tests.support.domains import Cloud, open_cloud
from tests.support.networks import require_networks
from tests.support.small_campus import Campus, open_campus


@pytest.fixture
async def core(module_address: PostgresAddress, tmp_path: Path, clock: ManualClock) -> AsyncIterator[Core]:
    """A core that finds the networks."""
    settings = replace(test_settings(tmp_path), recognition=Recognition(networks=str(require_networks().store)))
    async with open_test_core(module_address, tmp_path, clock=clock, settings=settings) as made:
        yield made


@pytest.fixture
def cloud(core: Core, organisation_id: int) -> Cloud:
    return open_cloud(core, organisation_id)


@pytest.fixture
async def client(cloud: Cloud) -> AsyncIterator[httpx.AsyncClient]:
    async with cloud.signed_in(f"user{cloud.organisation_id}", rights.ALL) as made:
        yield made


@pytest.fixture
async def campus(cloud: Cloud, client: httpx.AsyncClient) -> Campus:
    return await open_campus(cloud, client)

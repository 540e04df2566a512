"""`cloud`: an organisation's books over the module's database, checked from scratch when the test is done."""

from collections.abc import AsyncIterator

import pytest

from cloud.core.clock import ManualClock
from cloud.core.database import Database
from tests.cloud.sync.rig import Cloud


@pytest.fixture
async def cloud(database: Database, organisation_id: int, clock: ManualClock) -> AsyncIterator[Cloud]:
    """Books of an organisation of its own."""
    made = Cloud(database, organisation_id, clock)
    yield made
    assert await made.findings() == []

"""`cloud`: an organisation's books over the module's database."""

import pytest

from cloud.core.clock import ManualClock
from cloud.core.database import Database
from tests.cloud.sync.rig import Cloud


@pytest.fixture
def cloud(database: Database, organisation_id: int, clock: ManualClock) -> Cloud:
    """Books of an organisation of its own."""
    return Cloud(database, organisation_id, clock)

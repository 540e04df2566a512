"""Old sessions and answers go; fresh ones stay."""

from datetime import timedelta

import httpx

from cloud.core.clock import ManualClock
from cloud.core.context import Core
from cloud.core.housekeeping import ANSWERS_KEPT, clear_away

SESSION = "/api/v1/identity/session"


async def test_only_what_is_past_its_time_goes(
    core: Core, client: httpx.AsyncClient, clock: ManualClock, organisation_id: int
) -> None:
    async with core.database.transaction(organisation_id) as tx:
        for age, key in ((timedelta(0), "fresh"), (ANSWERS_KEPT * 2, "old")):
            await tx.execute(
                "INSERT INTO core_idempotency (organisation_id, scope, key, request_sm3, created_at) "
                "VALUES ($1, 'x', $2, '\\x00', $3)",
                organisation_id,
                key,
                clock.now() - age,
            )
    assert await clear_away(core) == 1
    assert (await client.get(SESSION)).status_code == 200
    clock.move(timedelta(days=1))
    assert await clear_away(core) == 1
    assert (await client.get(SESSION)).status_code == 401

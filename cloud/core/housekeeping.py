"""What the core clears away by itself: ended sessions and old answers to repeated requests."""

from datetime import timedelta
from typing import Final

from cloud.core.context import Core

JOB: Final = "core.housekeeping"
_EVERY_HOUR: Final = "17 * * * *"
ANSWERS_KEPT: Final = timedelta(days=90)


def register(core: Core) -> None:
    """Clear away once an hour."""

    async def work(timestamp: int) -> None:
        del timestamp  # the run's own hour: what is old is judged by the core's clock
        await clear_away(core)

    core.jobs.periodic(JOB, _EVERY_HOUR, work)


async def clear_away(core: Core) -> int:
    """Remove what is past its time; answers how many rows went."""
    now = core.clock.now()
    removed = 0
    async with core.database.system_transaction() as tx:
        for query, before in (
            ("DELETE FROM core_sessions WHERE ends_at < $1", now),
            ("DELETE FROM core_idempotency WHERE created_at < $1", now - ANSWERS_KEPT),
        ):
            removed += int((await tx.execute(query, before)).rsplit(" ", 1)[1])
    return removed

"""Make a backup when one is due, verify it, and let old ones go."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from cloud.core.backup import BackupFact, Backups
from cloud.core.clock import Clock
from cloud.core.errors import CloudError, NotFound
from cloud.core.startup import open_backups, open_postgres
from cloud.settings import Settings

_LOOK_S = 60.0
_log = logging.getLogger(__name__)


async def keep_backups(settings: Settings, clock: Clock, facts: Sequence[BackupFact]) -> None:
    """Run until cancelled; the first look is one look's time after the start. A failure is logged and tried again."""
    if not settings.backup.every_s:
        return
    while True:
        await asyncio.sleep(_LOOK_S)
        try:
            async with open_postgres(settings) as address:
                if address.admin_dsn:
                    backups = open_backups(settings, address, clock, facts)
                    await back_up_if_due(backups, clock, every=timedelta(seconds=settings.backup.every_s))
                    backups.prune(settings.backup.keep)
        except (CloudError, OSError):
            _log.exception("no backup could be made; trying again")


async def back_up_if_due(backups: Backups, clock: Clock, *, every: timedelta) -> bool:
    """Make and verify a backup unless the newest verified one is younger than `every`; whether one was made."""
    try:
        newest = backups.manifest(backups.newest_verified())
        if clock.now() - datetime.fromisoformat(newest.created_at) < every:
            return False
    except NotFound:
        pass
    made = await backups.make()
    await backups.verify(made.name)
    return True

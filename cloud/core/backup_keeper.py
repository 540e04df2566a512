"""Make a backup when one is due, verify it, and let old ones go."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncpg

from cloud.core.backup import BackupFact, Backups
from cloud.core.clock import Clock
from cloud.core.context import Core
from cloud.core.errors import CloudError, NotFound
from cloud.core.startup import open_backups

_LOOK_S = 60.0
_log = logging.getLogger(__name__)


async def keep_backups(core: Core, facts: Sequence[BackupFact]) -> None:
    """Run until cancelled; the first look is one look's time after the start. A failure is logged and tried again."""
    settings = core.settings
    if not settings.backup.every_s or not core.address.admin_dsn:
        return
    backups = open_backups(settings, core.address, core.clock, facts)
    while True:
        await asyncio.sleep(_LOOK_S)
        try:
            await back_up_if_due(backups, core.clock, every=timedelta(seconds=settings.backup.every_s))
            backups.prune(settings.backup.keep)
        except (CloudError, OSError, asyncpg.PostgresError):
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

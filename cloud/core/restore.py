"""Put a backup in the place of the database: a new generation begins, and edges send again what it lacks."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from cloud.core.backup import Backups, Manifest
from cloud.core.clock import Clock
from cloud.core.errors import Conflict
from cloud.core.migrate import migrate
from cloud.core.postgres import APPLICATION_ROLE, PostgresAddress, database_of, renamed


class CoreRuns(Conflict):
    """The core is still connected: stop it, then restore."""

    code = "core_runs"


@dataclass(frozen=True)
class Restored:
    """What a restore did: the former database stays under the name `kept_as` until a person drops it."""

    backup: str
    generation: int
    kept_as: str


async def restore(
    backups: Backups, address: PostgresAddress, clock: Clock, *, name: str = "", even_older: bool = False
) -> Restored:
    """Restore a backup, the newest verified one by default.

    Edges prune what the newest verified backup covers, so an older one is refused unless `even_older` is said: it
    leaves gaps that edges may no longer be able to fill. Raises CoreRuns while the core is connected.
    """
    newest = backups.newest_verified() if not name or not even_older else name
    chosen = name or newest
    if chosen < newest:
        raise Conflict(f"{chosen} is older than {newest}, which edges rely on; say --even-older to restore it anyway")
    manifest = backups.manifest(chosen)
    present = database_of(address.admin_dsn)
    await _refuse_while_running(address, present)
    fresh = f"{present}_restored"
    await backups.restore_into(manifest, fresh)
    await migrate(renamed(address.owner_dsn, fresh))
    number = await _begin_generation(address, fresh, manifest, clock.now())
    kept_as = f"{present}_before_g{number}_{clock.now():%Y%m%d%H%M%S}"
    admin = await asyncpg.connect(renamed(address.admin_dsn, "postgres"), timeout=10)
    try:
        await admin.execute(f'ALTER DATABASE "{present}" RENAME TO "{kept_as}"')
        await admin.execute(f'ALTER DATABASE "{fresh}" RENAME TO "{present}"')
    finally:
        await admin.close()
    return Restored(chosen, number, kept_as)


async def _refuse_while_running(address: PostgresAddress, present: str) -> None:
    admin = await asyncpg.connect(renamed(address.admin_dsn, "postgres"), timeout=10)
    try:
        others = await admin.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND usename = $2", present, APPLICATION_ROLE
        )
    finally:
        await admin.close()
    if others:
        raise CoreRuns(f"{others} connections of the core are open: stop it first")


async def _begin_generation(address: PostgresAddress, fresh: str, manifest: Manifest, now: datetime) -> int:
    """One more than the highest number ever given, which the present database may know better than the backup."""
    highest = manifest.generation
    highest = max(highest, await _generation_of(address.admin_dsn))
    connection: asyncpg.Connection[Any] = await asyncpg.connect(renamed(address.admin_dsn, fresh), timeout=10)
    try:
        await connection.execute("UPDATE core_generation SET generation = $1, begun_at = $2", highest + 1, now)
        await connection.execute("DELETE FROM core_sessions")
    finally:
        await connection.close()
    return highest + 1


async def _generation_of(dsn: str) -> int:
    try:
        connection = await asyncpg.connect(dsn, timeout=10)
    except (asyncpg.PostgresError, OSError):
        return 0  # the present database is lost: the backup's own number is the best there is
    try:
        return int(await connection.fetchval("SELECT generation FROM core_generation"))
    except asyncpg.PostgresError:
        return 0
    finally:
        await connection.close()

"""Build a running core from settings, and take it down in order."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from cloud.core.backup import BackupFact, Backups
from cloud.core.broker import EmbeddedBroker
from cloud.core.clock import Clock, SystemClock
from cloud.core.context import BrokerAddress, Core
from cloud.core.crypto import Vault, read_master_key
from cloud.core.database import Database
from cloud.core.errors import Unavailable
from cloud.core.events import EventLimits, Events
from cloud.core.jobs import Jobs
from cloud.core.migrate import migrate
from cloud.core.postgres import EmbeddedPostgres, PostgresAddress
from cloud.core.signing import CoreSigner, read_signing_key
from cloud.settings import Settings
from protocols.crypto.selftest import run_self_test

_log = logging.getLogger(__name__)


@asynccontextmanager
async def open_core(
    settings: Settings, *, table_modules: Sequence[str] = (), clock: Clock | None = None, with_broker: bool = True
) -> AsyncIterator[Core]:
    """A core with its database migrated; events and jobs are made but not started, so that parts can register first."""
    run_self_test()
    state = Path(settings.state_directory)
    await asyncio.to_thread(state.mkdir, parents=True, exist_ok=True)
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(open_postgres(settings))
        applied = await migrate(address.owner_dsn)
        if applied:
            _log.info("applied %d migrations", len(applied))
        database = await open_database(settings, address.dsn, table_modules)
        stack.push_async_callback(database.close)
        core = Core(
            settings=settings,
            database=database,
            clock=clock,
            vault=Vault(read_master_key(master_key_path(settings)), clock),
            signer=CoreSigner(read_signing_key(master_key_path(settings).with_name("signing.key"))),
            events=Events(database, clock, event_limits(settings)),
            jobs=Jobs(
                address.dsn,
                workers=settings.jobs.workers,
                poll_s=settings.jobs.poll_s,
                stop_timeout_s=settings.jobs.stop_timeout_s,
            ),
            state_directory=state,
            address=address,
            broker=await _broker(settings, stack) if with_broker else None,
        )
        stack.push_async_callback(core.events.stop)
        stack.push_async_callback(core.jobs.stop)
        yield core


@asynccontextmanager
async def open_postgres(settings: Settings) -> AsyncIterator[PostgresAddress]:
    """The addresses of the given PostgreSQL, or of the embedded one, which runs within this block."""
    if settings.database.dsn:
        given = settings.database
        yield PostgresAddress(given.dsn, given.owner_dsn or given.dsn, given.admin_dsn)
        return
    embedded = EmbeddedPostgres(Path(settings.state_directory) / "postgres")
    address = await embedded.start()
    watch = asyncio.create_task(embedded.keep_running())
    try:
        yield address
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        await embedded.stop()


async def open_database(settings: Settings, dsn: str, table_modules: Sequence[str]) -> Database:
    """The database as the application's role. Raises Unavailable where that role could pass row-level security."""
    database = await Database.open(
        dsn,
        table_modules=table_modules,
        min_size=settings.database.pool_least,
        max_size=settings.database.pool_most,
        acquire_timeout_s=settings.database.acquire_timeout_s,
        command_timeout_s=settings.database.command_timeout_s,
    )
    async with database.plain_transaction() as tx:
        row = await tx.fetchrow("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
    if row is None or row["rolsuper"] or row["rolbypassrls"]:
        await database.close()
        raise Unavailable("the role in database.dsn may pass row-level security: use the role quartermaster")
    return database


def open_backups(settings: Settings, address: PostgresAddress, clock: Clock, facts: Sequence[BackupFact]) -> Backups:
    """The backups of this installation."""
    given = settings.backup.directory
    return Backups(
        Path(given) if given else Path(settings.state_directory) / "backups",
        address,
        clock,
        facts=facts,
        timeout_s=settings.backup.timeout_s,
        master_key=read_master_key(master_key_path(settings)),
    )


def master_key_path(settings: Settings) -> Path:
    """Where the master key lies."""
    given = settings.security.master_key_file
    return Path(given) if given else Path(settings.state_directory) / "keys" / "master.key"


def event_limits(settings: Settings) -> EventLimits:
    """The `[events]` table as the events' own bounds."""
    given = settings.events
    return EventLimits(
        poll_s=given.poll_s,
        batch=given.batch,
        attempts=given.attempts,
        keep_s=given.keep_s,
        stream_queue=given.stream_queue,
        stream_clients=given.stream_clients,
    )


async def _broker(settings: Settings, stack: AsyncExitStack) -> BrokerAddress:
    if settings.broker.address:
        host, _, port = settings.broker.address.rpartition(":")
        return BrokerAddress(host, int(port))
    embedded = EmbeddedBroker(settings.broker.port)
    address = await embedded.start()
    stack.push_async_callback(embedded.stop)
    return address

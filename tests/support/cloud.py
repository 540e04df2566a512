"""A real PostgreSQL for tests: one server a session, a fresh database a module, copied from a migrated template."""

import asyncio
import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import httpx

from cloud.core.auth import CSRF_HEADER, CSRF_VALUE
from cloud.core.clock import Clock, ManualClock
from cloud.core.context import Core
from cloud.core.crypto import Vault
from cloud.core.database import Database
from cloud.core.events import Events
from cloud.core.jobs import Jobs
from cloud.core.migrate import migrate
from cloud.core.postgres import EmbeddedPostgres, PostgresAddress, make_database
from cloud.core.signing import CoreSigner
from cloud.core.startup import event_limits
from cloud.core.users import make_role, make_user
from cloud.main import create_app, register, table_modules
from cloud.settings import Security, Settings

TEMPLATE = "template_quartermaster"
PASSWORD = "Lunch-2026-ok"
LUNCH = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
MASTER_KEY = bytes(range(16))
SIGNING_KEY = bytes(range(1, 33))


@dataclass
class PostgresServer:
    """The session's server, with a migrated template."""

    embedded: EmbeddedPostgres
    numbers: "itertools.count[int]"

    def fresh_database(self) -> PostgresAddress:
        """A migrated database of its own; asyncio.run inside, so for fixtures outside a loop."""
        name = f"test_{next(self.numbers)}"
        asyncio.run(make_database(self.embedded.dsn("postgres", database="postgres"), name, template=TEMPLATE))
        return self.embedded.address(name)


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Start a server without waiting for the disk (tests only), migrate the template, stop it at the end."""
    directory = Path(tempfile.mkdtemp(prefix="qm-test-"))
    directory.chmod(0o711)
    quick = {"fsync": "off", "full_page_writes": "off", "max_connections": "200"}
    embedded = EmbeddedPostgres(directory / "postgres", settings=quick)

    async def start() -> None:
        await embedded.start()
        await make_database(embedded.dsn("postgres", database="postgres"), TEMPLATE)
        await migrate(embedded.address(TEMPLATE).owner_dsn)

    try:
        asyncio.run(start())
        yield PostgresServer(embedded, itertools.count(os.getpid() * 1000))
    finally:
        asyncio.run(embedded.stop())
        shutil.rmtree(directory, ignore_errors=True)


def test_settings(state_directory: Path) -> Settings:
    """Settings for tests: cheap password hashes, no jobs or broker in the process."""
    plain = Settings(state_directory=str(state_directory))
    return replace(plain, security=replace(plain.security, scrypt_cost=10), jobs=replace(plain.jobs, workers=0))


@asynccontextmanager
async def open_test_core(
    address: PostgresAddress, state_directory: Path, *, clock: Clock | None = None, settings: Settings | None = None
) -> AsyncIterator[Core]:
    """A core over a test database with a clock that stands at lunch; events are delivered by `deliver_pending`."""
    settings = settings or test_settings(state_directory)
    clock = clock or ManualClock(LUNCH)
    database = await Database.open(address.dsn, table_modules=table_modules(), min_size=1, max_size=10)
    core = Core(
        settings=settings,
        database=database,
        clock=clock,
        vault=Vault(MASTER_KEY, clock),
        signer=CoreSigner(SIGNING_KEY),
        events=Events(database, clock, event_limits(settings)),
        jobs=Jobs(address.dsn, workers=0),
        state_directory=state_directory,
        address=address,
    )
    register(core)
    try:
        yield core
    finally:
        await core.events.stop()
        await core.jobs.stop()
        await database.close()


async def make_organisation(database: Database, name: str = "甲公司", *, parent_id: int | None = None) -> int:
    """An organisation (below another one)."""
    async with database.system_transaction() as tx:
        made = await tx.fetchval(
            "INSERT INTO core_organisations (name, parent_id) VALUES ($1, $2) RETURNING id", name, parent_id
        )
    return int(made)


async def make_login(
    core: Core, organisation_id: int, login: str, granted: frozenset[str], *, password: str = PASSWORD
) -> int:
    """A user with exactly these rights, who need not change the password."""
    security: Security = core.settings.security
    async with core.database.transaction(organisation_id) as tx:
        role_id = await make_role(tx, f"role of {login}", granted)
        return await make_user(
            tx,
            login=login,
            name=login,
            password=password,
            role_ids=(role_id,),
            clock=core.clock,
            security=security,
            must_change_password=False,
        )


@asynccontextmanager
async def http_client(core: Core) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the whole application, not signed in; cookies and the CSRF header are kept."""
    transport = httpx.ASGITransport(create_app(core), raise_app_exceptions=False)
    headers = {CSRF_HEADER: CSRF_VALUE}
    async with httpx.AsyncClient(transport=transport, base_url="https://core.test", headers=headers) as client:
        yield client


@asynccontextmanager
async def signed_in(
    core: Core, organisation_id: int, login: str, granted: frozenset[str]
) -> AsyncIterator[httpx.AsyncClient]:
    """A client signed in as a fresh user with these rights."""
    await make_login(core, organisation_id, login, granted)
    async with http_client(core) as client:
        answer = await client.post("/api/v1/identity/session", json={"login": login, "password": PASSWORD})
        answer.raise_for_status()
        yield client


async def owner_connection(address: PostgresAddress) -> "asyncpg.Connection[asyncpg.Record]":
    """A connection as the owner of the tables; close it."""
    return await asyncpg.connect(address.owner_dsn)


async def everything_stored(address: PostgresAddress) -> dict[str, bytes]:
    """Every value of every table, read past row-level security."""
    connection = await asyncpg.connect(address.admin_dsn)
    try:
        rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = {row[0]: await connection.fetch(f'SELECT * FROM public."{row[0]}"') for row in rows}
    finally:
        await connection.close()
    return {
        name: b"".join(value if isinstance(value, bytes) else str(value).encode() for row in found for value in row)
        for name, found in tables.items()
    }

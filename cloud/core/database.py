"""The one way to the database: a transaction that knows its organisation, for plain SQL and Tortoise models alike."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from asyncpg import Connection

from cloud.core.errors import Unavailable
from cloud.core.orm import Orm

SYSTEM_ROLE = "quartermaster_system"

_GONE = (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError)


class Transaction:
    """An open transaction. `connection` is plain asyncpg; Tortoise queries of the same task run on it too.

    `organisation_id` is None in a system transaction until `enter` was called. Note that PostgreSQL refuses
    COPY FROM into a table under row-level security: copy into a temporary table, or insert from `unnest`.
    """

    def __init__(self, connection: "Connection[Any]", organisation_id: int | None) -> None:
        self.connection = connection
        self.organisation_id = organisation_id

    async def enter(self, organisation_id: int) -> None:
        """Leave the system's narrow right (or another organisation) and go on as `organisation_id`."""
        await self.connection.execute("RESET ROLE")
        await self.connection.execute("SELECT app_enter($1)", organisation_id)
        self.organisation_id = organisation_id

    async def execute(self, query: str, *arguments: Any) -> str:
        """Run a statement; answers PostgreSQL's command tag."""
        return str(await self.connection.execute(query, *arguments))

    async def fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """All rows."""
        return list(await self.connection.fetch(query, *arguments))

    async def fetchrow(self, query: str, *arguments: Any) -> asyncpg.Record | None:
        """The first row, or None."""
        return await self.connection.fetchrow(query, *arguments)

    async def fetchval(self, query: str, *arguments: Any) -> Any:
        """The first column of the first row, or None."""
        return await self.connection.fetchval(query, *arguments)


class Database:
    """A pool of connections of the application's role (neither superuser nor past row-level security)."""

    def __init__(self, pool: "asyncpg.Pool[Any]", orm: Orm, *, dsn: str, acquire_timeout_s: float) -> None:
        self._pool = pool
        self._orm = orm
        self._acquire_timeout_s = acquire_timeout_s
        self.dsn = dsn

    @classmethod
    async def open(
        cls,
        dsn: str,
        *,
        table_modules: Sequence[str] = (),
        min_size: int = 1,
        max_size: int = 10,
        acquire_timeout_s: float = 10.0,
        command_timeout_s: float = 60.0,
    ) -> "Database":
        """Connect; `table_modules` are the `tables.py` modules, the domain's name being the Tortoise app label."""
        pool = await asyncpg.create_pool(
            dsn, min_size=min_size, max_size=max_size, command_timeout=command_timeout_s, timeout=acquire_timeout_s
        )
        orm = await Orm.open(pool, table_modules)
        return cls(pool, orm, dsn=dsn, acquire_timeout_s=acquire_timeout_s)

    async def close(self) -> None:
        """Wait for running transactions (10 s at most), then close every connection."""
        await self._orm.close()

    @asynccontextmanager
    async def transaction(
        self, organisation_id: int, *, isolation: str = "read_committed"
    ) -> AsyncIterator[Transaction]:
        """A transaction of one organisation: it sees that one and those below it, and writes that one only."""
        async with self._begin(isolation) as connection:
            await connection.execute("SELECT app_enter($1)", organisation_id)
            yield Transaction(connection, organisation_id)

    @asynccontextmanager
    async def system_transaction(self) -> AsyncIterator[Transaction]:
        """A transaction across organisations that reaches only what migrations opened by `app_allow_system`."""
        async with self._begin("read_committed") as connection:
            await connection.execute(f"SET LOCAL ROLE {SYSTEM_ROLE}")
            yield Transaction(connection, None)

    @asynccontextmanager
    async def plain_transaction(self) -> AsyncIterator[Transaction]:
        """A transaction of no organisation: it reaches only tables that belong to none (generation, jobs)."""
        async with self._begin("read_committed") as connection:
            yield Transaction(connection, None)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator["Connection[Any]"]:
        """A bare connection outside a transaction, for LISTEN and advisory locks of the core itself."""
        async with self._acquire() as connection:
            yield connection

    @asynccontextmanager
    async def _begin(self, isolation: str) -> AsyncIterator["Connection[Any]"]:
        async with self._acquire() as connection:
            transaction = connection.transaction(isolation=isolation)
            try:
                await transaction.start()
            except (*_GONE, asyncpg.InternalClientError) as error:  # a pooled connection that was cut in mid-answer
                raise Unavailable("the database went away") from error
            try:
                with self._orm.bound_to(connection):
                    yield connection
            except BaseException:
                # On a lost connection this fails in its turn; what counts, a cancellation above all, is the first.
                with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                    await transaction.rollback()
                raise
            await transaction.commit()

    @asynccontextmanager
    async def _acquire(self) -> AsyncIterator["Connection[Any]"]:
        try:
            connection = await self._pool.acquire(timeout=self._acquire_timeout_s)
        except (TimeoutError, *_GONE) as error:
            raise Unavailable("the database does not answer") from error
        try:
            yield connection
        finally:
            await self._pool.release(connection)

"""Tortoise-ORM on connections that are ours: its queries join the transaction of the task they run in."""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.context import TortoiseContext, _current_context

_ALIAS = "default"
_CLOSE_TIMEOUT_S = 10.0


class Orm:
    """The Tortoise state of one `Database`, over that database's own pool."""

    def __init__(self, pool: "asyncpg.Pool[Any]", bound: tuple[TortoiseContext, AsyncpgDBClient] | None) -> None:
        self._pool = pool
        self._bound = bound

    @classmethod
    async def open(cls, pool: "asyncpg.Pool[Any]", table_modules: Sequence[str]) -> "Orm":
        """Register the models of `table_modules` (`cloud.domains.canteen.tables` gets the app label `canteen`)."""
        if not table_modules:
            return cls(pool, None)
        context = TortoiseContext()
        apps = {module.split(".")[-2]: {"models": [module], "default_connection": _ALIAS} for module in table_modules}
        credentials = {"host": "", "port": 5432, "user": "", "password": None, "database": ""}
        engine = {"engine": "tortoise.backends.asyncpg", "credentials": credentials}
        with context:
            await context.init(config={"connections": {_ALIAS: engine}, "apps": apps}, use_tz=True, timezone="UTC")
        client = context.connections.get(_ALIAS)
        if not isinstance(client, AsyncpgDBClient):
            raise TypeError("Tortoise gave another client than the one for asyncpg")
        client._pool = pool  # noqa: SLF001 - one pool under both, see bound_to
        return cls(pool, (context, client))

    @contextlib.contextmanager
    def bound_to(self, connection: Any) -> Iterator[None]:
        """Within this block, Tortoise queries of the task run on `connection`, inside its open transaction."""
        if self._bound is None:
            yield
            return
        context, client = self._bound
        wrapper = TransactionWrapper(client)
        wrapper._connection = connection  # noqa: SLF001 - as its own `in_transaction` does
        # The public ways in are one context for the whole process or one per `async with`; requests run in tasks
        # of their own and several databases live in one test process, so the variable itself is set and restored.
        mark = _current_context.set(context)
        token = context.connections.set(_ALIAS, wrapper)
        try:
            yield
        finally:
            context.connections.reset(token)
            _current_context.reset(mark)

    async def close(self) -> None:
        """Close the pool under both."""
        if self._bound is not None:
            self._bound[1]._pool = None  # noqa: SLF001 - it is ours
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

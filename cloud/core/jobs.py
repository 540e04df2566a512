"""Work for later: procrastinate on the same PostgreSQL, deferred in SQL so that it commits with the use case."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final

import procrastinate
from procrastinate import PsycopgConnector

from cloud.core.database import Transaction

JobHandler = Callable[..., Awaitable[None]]
QUEUE: Final = "core"
_log = logging.getLogger(__name__)
_DEFER: Final = """
SELECT procrastinate_defer_jobs_v1(ARRAY[
    ROW($1, $2, 0, $3, $4, $5::jsonb, $6)::procrastinate_job_to_defer_v1
])
"""


class Jobs:
    """Register handlers first, then `start`. A handler is `async (**arguments)`; arguments are JSON and hold ids."""

    def __init__(self, dsn: str, *, workers: int = 2, poll_s: float = 5.0, stop_timeout_s: float = 10.0) -> None:
        connector = PsycopgConnector(conninfo=dsn, min_size=1, max_size=max(2, workers + 2))
        self._app = procrastinate.App(connector=connector)
        self._workers = workers
        self._poll_s = poll_s
        self._stop_timeout_s = stop_timeout_s
        self._task: asyncio.Task[None] | None = None

    def register(self, name: str, handler: JobHandler, *, attempts: int = 5) -> None:
        """Run `handler` for jobs named `name`; a failure is tried again with growing waits, `attempts` times in all."""
        retry = procrastinate.RetryStrategy(max_attempts=attempts, exponential_wait=2)
        self._app.task(name=name, queue=QUEUE, retry=retry)(handler)

    def periodic(self, name: str, cron: str, handler: JobHandler) -> None:
        """Run `handler(timestamp)` by a cron expression (UTC), once over all processes; Unix seconds are passed."""
        task = self._app.task(name=name, queue=QUEUE, queueing_lock=name)(handler)
        self._app.periodic(cron=cron)(task)

    async def defer(
        self,
        tx: Transaction,
        name: str,
        arguments: dict[str, Any],
        *,
        at: datetime | None = None,
        lock: str | None = None,
        once: str | None = None,
    ) -> None:
        """Ask for a job; it exists once `tx` commits. `lock`: never two of one lock at a time.

        `once`: at most one waiting job of this text; asyncpg.UniqueViolationError where one waits already.
        """
        await tx.connection.execute(_DEFER, QUEUE, name, lock, once, json.dumps(arguments), at)

    async def start(self) -> None:
        """Begin to work, unless this process has no workers."""
        if self._workers:
            await self._app.open_async()
            self._task = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """Let running jobs end within the bound; what is cut off is run again."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        await self._app.close_async()

    async def _work(self) -> None:
        await self._app.run_worker_async(
            queues=[QUEUE],
            concurrency=self._workers,
            fetch_job_polling_interval=self._poll_s,
            install_signal_handlers=False,
            shutdown_graceful_timeout=self._stop_timeout_s,
            delete_jobs="successful",
        )

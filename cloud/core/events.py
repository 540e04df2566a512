"""News: written with `emit` in the transaction that made it, delivered after it, streamed to live pages."""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final

import asyncpg
from asyncpg import Connection

from cloud.core.clock import Clock
from cloud.core.database import Database, Transaction
from cloud.core.errors import TooMany

CHANNEL: Final = "core_outbox"
_BACK_OFF_MOST_S: Final = 300
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Event:
    """One piece of news. `topic` is `<domain>.<what happened>`; `payload` is JSON and holds ids, nothing personal."""

    id: int
    organisation_id: int
    topic: str
    payload: dict[str, Any]
    created_at: datetime


Handler = Callable[[Transaction, Event], Awaitable[None]]


async def emit(tx: Transaction, topic: str, payload: dict[str, Any], *, at: datetime) -> int:
    """Write an event of the transaction's organisation; it is told once the transaction has committed."""
    written = await tx.fetchval(
        "INSERT INTO core_outbox (organisation_id, topic, payload, created_at, next_try_at) "
        "VALUES ($1, $2, $3::jsonb, $4, $4) RETURNING id",
        tx.organisation_id,
        topic,
        json.dumps(payload),
        at,
    )
    await tx.execute("SELECT pg_notify($1, $2)", CHANNEL, str(written))
    return int(written)


@dataclass(frozen=True)
class EventLimits:
    """Bounds of delivery and streaming; see the `[events]` table of the settings."""

    poll_s: float = 5.0
    batch: int = 200
    attempts: int = 20
    keep_s: int = 604_800
    stream_queue: int = 256
    stream_clients: int = 500


class StreamClosed(Exception):
    """The core stops: the page connects again."""


class _Sign(Enum):
    LOST = "read everything anew"
    CLOSED = "the core stops"


class Stream:
    """The events one live page waits for. A reader that falls behind is told once to read everything anew."""

    def __init__(self, organisations: frozenset[int], prefixes: tuple[str, ...], size: int) -> None:
        self._organisations = organisations
        self._prefixes = prefixes
        self._queue: asyncio.Queue[Event | _Sign] = asyncio.Queue(size)

    def offer(self, event: Event) -> None:
        """Take the event if it concerns this page; never waits."""
        if event.organisation_id not in self._organisations or not event.topic.startswith(self._prefixes):
            return
        if self._queue.full():
            self.lose()
        else:
            self._queue.put_nowait(event)

    def lose(self) -> None:
        """Events went by unseen: what waits is worth nothing more, the page has to read anew."""
        self._replace_by(_Sign.LOST)

    def close(self) -> None:
        """End the page's stream: `next` raises StreamClosed."""
        self._replace_by(_Sign.CLOSED)

    async def next(self, timeout_s: float) -> Event | None:
        """The next event, or None where some were lost (read anew).

        Raises TimeoutError after `timeout_s` without one, StreamClosed when the core stops.
        """
        async with asyncio.timeout(timeout_s):
            found = await self._queue.get()
        if found is _Sign.CLOSED:
            raise StreamClosed
        return found if isinstance(found, Event) else None

    def _replace_by(self, sign: _Sign) -> None:
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait(sign)


class Events:
    """Delivers the outbox to subscribers and live pages. Subscribe first, then `start`."""

    def __init__(self, database: Database, clock: Clock, limits: EventLimits | None = None) -> None:
        self._database = database
        self._clock = clock
        self._limits = limits or EventLimits()
        self._handlers: dict[str, list[Handler]] = {}
        self._streams: set[Stream] = set()
        self._fresh: asyncio.Queue[int] = asyncio.Queue(10_000)
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def subscribe(self, topic: str, handler: Handler) -> None:
        """Call `handler(tx, event)` for every event of `topic`, in a transaction of the event's organisation.

        The mark "delivered" commits with what the handlers wrote, so their effects in the database happen once. A
        failure rolls back and is tried again later, up to the bound; then the event is set aside for a person.
        """
        self._handlers.setdefault(topic, []).append(handler)

    async def start(self) -> None:
        """Begin to deliver and to stream."""
        self._tasks = [asyncio.create_task(self._deliver_for_ever()), asyncio.create_task(self._listen_for_ever())]

    def close_streams(self) -> None:
        """End all live pages, so that their connections can close."""
        for stream in self._streams:
            stream.close()

    async def stop(self) -> None:
        """End both; what is under way is rolled back and delivered at the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    @asynccontextmanager
    async def stream(self, organisations: frozenset[int], prefixes: tuple[str, ...] = ("",)) -> AsyncIterator[Stream]:
        """A live page's view from now on. Raises TooMany at the bound of pages."""
        if len(self._streams) >= self._limits.stream_clients:
            raise TooMany("too many live pages are open", retry_after_s=30)
        stream = Stream(organisations, prefixes, self._limits.stream_queue)
        self._streams.add(stream)
        try:
            yield stream
        finally:
            self._streams.discard(stream)

    async def deliver_pending(self) -> int:
        """Deliver what is due now; answers how many events were delivered."""
        delivered = await self._skip_unheard()
        for _ in range(self._limits.batch):
            outcome = await self._deliver_one()
            if outcome is None:
                break
            delivered += outcome
        return delivered

    async def _skip_unheard(self) -> int:
        async with self._database.system_transaction() as tx:
            done = await tx.execute(
                "UPDATE core_outbox SET delivered_at = $1 "
                "WHERE delivered_at IS NULL AND set_aside IS NULL AND NOT topic = ANY ($2)",
                self._clock.now(),
                list(self._handlers),
            )
            oldest = self._clock.now() - timedelta(seconds=self._limits.keep_s)
            await tx.execute("DELETE FROM core_outbox WHERE delivered_at < $1", oldest)
        return int(done.rsplit(" ", 1)[1])

    async def _deliver_one(self) -> bool | None:
        """True: delivered; False: failed and put off; None: nothing is due."""
        event: Event | None = None
        try:
            async with self._database.system_transaction() as tx:
                row = await tx.fetchrow(
                    "SELECT id, organisation_id, topic, payload, created_at FROM core_outbox "
                    "WHERE delivered_at IS NULL AND set_aside IS NULL AND next_try_at <= $1 "
                    "ORDER BY next_try_at, id LIMIT 1 FOR UPDATE SKIP LOCKED",
                    self._clock.now(),
                )
                if row is None:
                    return None
                event = _event(row)
                await tx.enter(event.organisation_id)
                for handler in self._handlers.get(event.topic, []):
                    await handler(tx, event)
                await tx.execute("UPDATE core_outbox SET delivered_at = $2 WHERE id = $1", event.id, self._clock.now())
            return True
        except Exception:
            if event is None:
                raise
            _log.exception("event %d (%s) could not be delivered", event.id, event.topic)
            await self._put_off(event)
            return False

    async def _put_off(self, event: Event) -> None:
        async with self._database.transaction(event.organisation_id) as tx:
            attempts = await tx.fetchval("SELECT attempts + 1 FROM core_outbox WHERE id = $1", event.id)
            wait = timedelta(seconds=min(2**attempts, _BACK_OFF_MOST_S))
            aside = f"failed {attempts} times" if attempts >= self._limits.attempts else None
            await tx.execute(
                "UPDATE core_outbox SET attempts = $2, next_try_at = $3, set_aside = $4 WHERE id = $1",
                event.id,
                attempts,
                self._clock.now() + wait,
                aside,
            )

    async def _deliver_for_ever(self) -> None:
        while True:
            self._wake.clear()
            try:
                while await self.deliver_pending() >= self._limits.batch:
                    pass
            except Exception:  # noqa: BLE001 - a loop that must outlive any defect; it is logged
                _log.exception("delivery of events failed; trying again")
            try:
                async with asyncio.timeout(self._limits.poll_s):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _listen_for_ever(self) -> None:
        while True:
            try:
                async with self._database.connection() as connection:
                    await connection.add_listener(CHANNEL, self._heard)
                    self._lose_streams()  # whatever was told before this connection listened
                    try:
                        await self._publish_while_open(connection)
                    finally:
                        with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                            await connection.remove_listener(CHANNEL, self._heard)
            except Exception:  # noqa: BLE001 - as above
                _log.exception("listening for events failed; trying again")
                await asyncio.sleep(self._limits.poll_s)

    async def _publish_while_open(self, connection: "Connection[Any]") -> None:
        while not connection.is_closed():
            try:
                async with asyncio.timeout(self._limits.poll_s):
                    ids = [await self._fresh.get()]
            except TimeoutError:
                continue
            while not self._fresh.empty() and len(ids) < self._limits.batch:
                ids.append(self._fresh.get_nowait())
            if self._streams:
                await self._publish(ids)
        _log.warning("the connection that listens for events was lost; opening another")

    async def _publish(self, ids: list[int]) -> None:
        async with self._database.system_transaction() as tx:
            rows = await tx.fetch(
                "SELECT id, organisation_id, topic, payload, created_at FROM core_outbox "
                "WHERE id = ANY ($1) ORDER BY id",
                ids,
            )
        for row in rows:
            for stream in tuple(self._streams):
                stream.offer(_event(row))

    def _heard(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        self._wake.set()
        if self._fresh.full():
            self._lose_streams()
        else:
            self._fresh.put_nowait(int(str(payload)))

    def _lose_streams(self) -> None:
        for stream in self._streams:
            stream.lose()


def _event(row: Any) -> Event:
    return Event(row["id"], row["organisation_id"], row["topic"], json.loads(row["payload"]), row["created_at"])

"""The one place where a device is connected, watched, and connected again."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol, TypeVar

from edge.drivers.base import DriverContext, DriverError, Link
from edge.transports.base import TransportUnavailable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits between attempts: doubling from `first_s` to `most_s`, each shortened by up to half at random."""

    first_s: float = 0.25
    most_s: float = 10.0

    def wait_s(self, failures: int, chance: float) -> float:
        """The wait after that many failures running (from 1); `chance` is drawn from [0, 1)."""
        whole_s = min(self.most_s, self.first_s * 2 ** min(failures - 1, 30))
        return float(whole_s * (1 - chance / 2))


class Connection(Protocol):
    """What the loop needs of a link (every Transport has it)."""

    @property
    def url(self) -> str:
        """Where it leads, for logs."""

    async def open(self, *, timeout_s: float) -> None:
        """Open anew; TransportUnavailable when it cannot."""

    async def close(self) -> None:
        """Close; never raises."""


class DeviceLoop:
    """Keeps one device connected for an endless iterator of its readings.

    `prepare` proves that the device is there (a link that opens proves nothing). `session` yields readings from the
    open link until it raises; it notices a silent device by the time-outs of its reads.
    """

    def __init__(self, context: DriverContext, link: Connection, *, backoff: Backoff, open_timeout_s: float) -> None:
        self._context = context
        self._link = link
        self._backoff = backoff
        self._open_timeout_s = open_timeout_s
        self._closed = False
        self.up = False

    async def items(
        self, prepare: Callable[[], Awaitable[None]], session: Callable[[], AsyncGenerator[T, None]]
    ) -> AsyncGenerator[T | Link, None]:
        """Yield readings and changes of the link, for ever or until `close`; the first item is a Link."""
        failures = 0
        try:
            while not self._closed:
                began_s = self._context.monotonic_s()
                try:
                    await self._link.open(timeout_s=self._open_timeout_s)
                    await prepare()
                    yield self._turned(up=True, reason="")
                    async with aclosing(session()) as readings:
                        async for reading in readings:
                            yield reading
                    reason = "the device ended the session"
                except (TransportUnavailable, DriverError) as error:
                    reason = str(error)
                if self._closed:
                    return
                first = failures == 0
                lasted_s = self._context.monotonic_s() - began_s
                failures = 1 if self.up and lasted_s > self._backoff.most_s else failures + 1
                if self.up or first:
                    yield self._turned(up=False, reason=reason)
                await self._link.close()
                await self._context.sleep(self._backoff.wait_s(failures, self._context.random.random()))
        finally:
            self.up = False
            await self._link.close()

    async def close(self) -> None:
        """End the iterator and release the link; harmless when closed."""
        self._closed = True
        await self._link.close()

    def _turned(self, *, up: bool, reason: str) -> Link:
        self.up = up
        if up:
            self._context.log.info("%s: link up (%s)", self._context.name, self._link.url)
        else:
            self._context.log.warning("%s: link down: %s", self._context.name, reason)
        return Link(up=up, reason=reason, at_monotonic_s=self._context.monotonic_s())

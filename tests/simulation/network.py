"""The network of a world: one wire a gateway, that loses, delays, repeats and cuts either way.

A request goes on its way when it is made and may arrive after the one who made it has given up; an answer may be lost
after the cloud has committed. That is what the rules of sync are about, so that is what happens here.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from random import Random
from typing import Any, Protocol, TypeVar

from edge.core.errors import Unreachable
from edge.sync.api import failure_of
from protocols.sync.codec import decode, encode
from protocols.values.errors import Malformed
from tests.simulation.auditor import Violation
from tests.simulation.forger import altered
from tests.simulation.reached import Reached

T = TypeVar("T")
Ask = Callable[[], Awaitable[tuple[int, bytes]]]

TIMEOUT_S = 20.0
_ALTERED = 0.03
_STALE = 0.04
_KEPT = 6


class Cloud(Protocol):
    """What answers."""

    @property
    def generation(self) -> int:
        """Raised by each restore."""

    def streams(self) -> dict[tuple[int, int, int], dict[str, Any]]:
        """How each stream stands."""

    def inbox(self, device: int, epoch: int, branch: int = 0) -> list[tuple[int, int, bytes, bytes]]:
        """What was kept of a stream."""

    async def call(
        self, method: str, path: str, *, token: str, body: bytes = b"", query: Mapping[str, str] = {}
    ) -> tuple[int, bytes]:
        """Status and body, as over HTTP."""


@dataclass
class Weather:
    """How a wire behaves at present. Rates are of 1."""

    lost: float = 0.0
    repeated: float = 0.0
    unavailable: float = 0.0  # the cloud says "try again"
    delay_s: float = 0.05
    straggle_s: float = 600.0  # how long a repeated request may lie about; up to days
    up_cut: bool = False
    down_cut: bool = False

    @property
    def cut(self) -> bool:
        """Whether nothing can come back."""
        return self.up_cut or self.down_cut


class Traffic(Protocol):
    """Who watches what passes: the auditor learns of grants here, and nowhere else."""

    def arrived(self, site: int, path: str, query: Mapping[str, str], request: bytes, status: int, body: bytes) -> None:
        """An answer that the gateway gets to read."""


class Wire:
    """One gateway's way to the cloud, in the place of `edge.sync.api.CloudApi`."""

    def __init__(
        self, site: int, cloud: Cloud, random: Random, traffic: Traffic, reached: Reached,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:  # fmt: skip
        self.site, self._cloud, self._random, self._traffic, self._reached = site, cloud, random, traffic, reached
        self._spawn = spawn
        self.weather = Weather()
        self.token = ""
        self.faults = 0
        self._sent: deque[Ask] = deque(maxlen=_KEPT)
        self._pages: deque[tuple[int, bytes]] = deque(maxlen=_KEPT)

    async def straggle(self) -> None:
        """What was sent some time ago comes in now, oldest last."""
        for ask in reversed(self._sent):
            self.faults += 1
            await ask()
            self._reached.note("batch repeated out of order")

    async def post(self, path: str, message: object, answer: type[T]) -> T:
        """As the real one: raises Unreachable, SessionEnded or Rejected."""
        return await self._call("POST", path, answer, encode(message), {})

    async def get(self, path: str, answer: type[T], **query: int | str) -> T:
        """As the real one."""
        return await self._call("GET", path, answer, b"", {name: str(value) for name, value in query.items()})

    async def close(self) -> None:
        """Nothing is kept open."""

    async def _call(self, method: str, path: str, answer: type[T], body: bytes, query: Mapping[str, str]) -> T:
        token = self.token
        loop = asyncio.get_running_loop()
        back: asyncio.Future[tuple[int, bytes]] = loop.create_future()

        def ask() -> Awaitable[tuple[int, bytes]]:
            return self._cloud.call(method, path, token=token, body=body, query=query)

        if path == "batches":
            self._sent.append(ask)
            if self._random.random() < _ALTERED:
                self._spawn(self._forge(token, body))
        self._spawn(self._carry(path, ask, back))
        try:
            async with asyncio.timeout(TIMEOUT_S):
                status, said = await back
        except TimeoutError as error:
            raise Unreachable("TimeoutError") from error
        if path == "leases" and status == HTTPStatus.OK:
            said = self._perhaps_stale(said)
        self._traffic.arrived(self.site, path, query, body, status, said)
        if status == HTTPStatus.OK:
            try:
                return decode(said, answer)
            except Malformed as error:
                raise Unreachable(f"the answer cannot be read: {error}") from error
        raise failure_of(status, said)

    async def _carry(
        self, path: str, ask: Callable[[], Awaitable[tuple[int, bytes]]], back: "asyncio.Future[tuple[int, bytes]]"
    ) -> None:
        weather, random = self.weather, self._random
        await asyncio.sleep(self._delay_s())
        if weather.up_cut or random.random() < weather.lost:
            self.faults += 1
            self._reached.note("request lost")
            return
        if random.random() < weather.unavailable:
            self.faults += 1
            self._settle(back, 503, b"")
            return
        status, said = await ask()
        if random.random() < weather.repeated:
            self.faults += 1
            self._spawn(self._again(path, ask))
        await asyncio.sleep(self._delay_s())
        if weather.down_cut or random.random() < weather.lost:
            self.faults += 1
            if status == HTTPStatus.OK:
                self._reached.note("answer lost after commit")
                if path == "batches":
                    self._reached.note("batch answer lost after commit")
                elif path == "lease-asks":
                    self._reached.note("answer to a visitor's ask lost after commit")
            return
        if back.done():
            self._reached.note("answer after its asker gave up")
        self._settle(back, status, said)

    async def _forge(self, token: str, body: bytes) -> None:
        """The same entries with one changed, on the way before them: nothing of it may be taken."""
        self.faults += 1
        self._reached.note("altered batch sent")
        batch = altered(body, self._random)
        await self._cloud.call("POST", "batches", token=token, body=encode(batch), query={})
        for key in self._cloud.streams():
            kept = self._cloud.inbox(*key) if key[0] == batch.device else []
            if any(row[3] == batch.bodies[-1] for row in kept):
                raise Violation(f"the cloud took an entry of device {batch.device} that was altered on the wire")

    def _perhaps_stale(self, said: bytes) -> bytes:
        """Now and then a store on the way answers with a page it kept; never one of before the cloud was restored."""
        generation = self._cloud.generation
        self._pages.append((generation, said))
        old, page = self._random.choice(self._pages)
        if old != generation or self._random.random() >= _STALE:
            return said
        self.faults += 1
        self._reached.note("old page of leases served again")
        return page

    async def _again(self, path: str, ask: Callable[[], Awaitable[tuple[int, bytes]]]) -> None:
        """The same bytes once more, perhaps days later, and perhaps behind later ones."""
        await asyncio.sleep(self._random.uniform(0.0, self.weather.straggle_s))
        await ask()
        self._reached.note("request repeated")
        if path == "batches":
            self._reached.note("batch repeated out of order")

    def _delay_s(self) -> float:
        delay_s = self.weather.delay_s
        if self._random.random() < 0.02:  # now and then one that outlasts its asker
            delay_s *= 1_000
        return self._random.uniform(0.2, 1.8) * min(delay_s, 2 * TIMEOUT_S)

    @staticmethod
    def _settle(back: "asyncio.Future[tuple[int, bytes]]", status: int, said: bytes) -> None:
        if not back.done():
            back.set_result((status, said))

"""The network between a gateway and the cloud, with its faults: cut, delay, lost answers, doubled requests.

An HTTPS reverse proxy for /edge/v1 and a plain relay for MQTT. It ends TLS with a certificate of its own, because a
request can only be doubled, and an answer only be lost *after* the cloud committed, by something that sees whole
requests. Every draw comes from a seed.
"""

import argparse
import asyncio
import contextlib
import json
import ssl
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from random import Random

import aiohttp
from aiohttp import web

from firmware_sim.world.certificates import Authority

_MOST_BODY_BYTES = 16 * 1024 * 1024
_HOP_HEADERS = {"connection", "transfer-encoding", "content-encoding", "content-length", "host", "keep-alive"}


@dataclass(frozen=True)
class Weather:
    """What the network does to each request: probabilities 0 to 1, delay in seconds."""

    cut: bool = False
    lose_answers: float = 0.0
    double: float = 0.0
    delay_s: float = 0.0

    @property
    def word(self) -> str:
        """One word for a screen: up, cut or lossy."""
        if self.cut:
            return "cut"
        return "lossy" if self.lose_answers or self.double or self.delay_s else "up"


@dataclass
class Counts:
    """What the network did so far."""

    requests: int = 0
    refused: int = 0
    answers_lost: int = 0
    doubled: int = 0


@dataclass
class Proxy:
    """One gateway's road to the cloud. `start` binds free ports; `weather` may be changed at any time."""

    upstream: str  # https://127.0.0.1:port of the cloud
    upstream_ca: Path
    authority: Authority
    broker: tuple[str, int] | None = None
    seed: int = 0
    port: int = 0
    broker_port: int = 0
    weather: Weather = field(default_factory=Weather)
    counts: Counts = field(default_factory=Counts)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)
        self._runner: web.AppRunner | None = None
        self._client: aiohttp.ClientSession | None = None
        self._relay: asyncio.Server | None = None
        self._pipes: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listen on loopback; `port` and `broker_port` say where."""
        trust = ssl.create_default_context(cafile=str(self.upstream_ca))
        trust.check_hostname = False
        self._client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=trust, limit=32),
            timeout=aiohttp.ClientTimeout(total=120),
            auto_decompress=False,
        )
        app = web.Application(client_max_size=_MOST_BODY_BYTES)
        app.router.add_route("*", "/{path:.*}", self._pass)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self.authority.server_context())
        await site.start()
        self.port = self._runner.addresses[0][1]
        if self.broker is not None:
            self._relay = await asyncio.start_server(self._pipe, "127.0.0.1", self.broker_port)
            self.broker_port = self._relay.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close every connection and listener."""
        if self._relay is not None:
            self._relay.close()
        self._drop_pipes()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._client is not None:
            await self._client.close()

    def set(self, weather: Weather) -> None:
        """Change the weather; a cut also drops what is connected."""
        self.weather = weather
        if weather.cut:
            self._drop_pipes()

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        weather = self.weather
        self.counts.requests += 1
        if weather.cut:
            return self._hang_up(request, refused=True)
        if weather.delay_s:
            await asyncio.sleep(weather.delay_s * self._random.uniform(0.5, 1.5))
        body = await request.read()
        try:
            answer = await self._forward(request, body)
            if self._random.random() < weather.double:
                self.counts.doubled += 1
                answer = await self._forward(request, body)
        except (aiohttp.ClientError, TimeoutError):
            return self._hang_up(request, refused=True)
        if self.weather.cut or self._random.random() < weather.lose_answers:
            self.counts.answers_lost += 1
            return self._hang_up(request, refused=False)
        return answer

    async def _forward(self, request: web.Request, body: bytes) -> web.Response:
        if self._client is None:
            raise TimeoutError("not started")
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_HEADERS}
        url = self.upstream + request.raw_path
        async with self._client.request(request.method, url, data=body, headers=headers) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_HEADERS}
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)

    def _hang_up(self, request: web.Request, *, refused: bool) -> web.Response:
        self.counts.refused += refused
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=502)

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.weather.cut or self.broker is None:
            writer.transport.abort()
            return
        with contextlib.suppress(OSError):
            await self._relay_between(self.broker, reader, writer)

    async def _relay_between(
        self, broker: tuple[str, int], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        async with self._connected(broker, writer) as (up_reader, up_writer):
            await asyncio.wait(
                [asyncio.create_task(_copy(reader, up_writer)), asyncio.create_task(_copy(up_reader, writer))],
                return_when=asyncio.FIRST_COMPLETED,
            )

    @contextlib.asynccontextmanager
    async def _connected(
        self, broker: tuple[str, int], writer: asyncio.StreamWriter
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        try:
            up_reader, up_writer = await asyncio.open_connection(*broker)
        except OSError:
            writer.transport.abort()
            raise
        self._pipes |= {writer, up_writer}
        try:
            yield up_reader, up_writer
        finally:
            self._pipes -= {writer, up_writer}
            writer.transport.abort()
            up_writer.transport.abort()

    def _drop_pipes(self) -> None:
        for writer in list(self._pipes):
            writer.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()


def main(argv: list[str]) -> int:
    """Run one proxy; each line on standard input is a JSON weather such as {"cut": true}."""
    parser = argparse.ArgumentParser(prog="python -m firmware_sim proxy", description=__doc__)
    parser.add_argument("--upstream", required=True, help="https address of the cloud")
    parser.add_argument("--upstream-ca", type=Path, required=True, help="file with the cloud's CA certificate")
    parser.add_argument("--state", type=Path, required=True, help="folder for the proxy's own certificate")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    proxy = Proxy(
        upstream=arguments.upstream,
        upstream_ca=arguments.upstream_ca,
        authority=Authority.open(arguments.state),
        seed=arguments.seed,
        port=arguments.port,
    )
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(proxy))
    return 0


async def _serve(proxy: Proxy) -> None:
    await proxy.start()
    _say({"port": proxy.port})
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    try:
        while line := await lines.readline():
            with contextlib.suppress(ValueError, TypeError):
                proxy.set(replace(Weather(), **json.loads(line)))
                _say(asdict(proxy.counts))
    finally:
        await proxy.stop()


def _say(fact: dict[str, int]) -> None:
    sys.stdout.write(json.dumps(fact) + "\n")
    sys.stdout.flush()

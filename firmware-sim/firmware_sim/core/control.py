"""The control line: JSON objects, one a line, over TCP on the loopback; each is answered by one."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from firmware_sim.core.device import WrongActError

_MOST_LINE_BYTES = 65_536

Act = Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]


class ControlLine:
    """Listens for orders such as `{"tap": "04A1B2C3"}`.

    Answers `{"ok": true, ...}` or `{"ok": false, "error": "..."}`.
    """

    def __init__(self, act: Act, *, port: int) -> None:
        self._act = act
        self.port = port
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; port 0 becomes a free one."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=_MOST_LINE_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening; harmless when stopped."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError):
            while line := await reader.readline():
                answer = await self._answer(line)
                writer.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
                await writer.drain()
        writer.transport.abort()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            order = json.loads(line)
        except ValueError:
            return {"ok": False, "error": "not JSON"}
        if not isinstance(order, dict):
            return {"ok": False, "error": "not a JSON object"}
        try:
            return {"ok": True} | await self._act(order)
        except (WrongActError, OSError) as error:
            return {"ok": False, "error": str(error)}


class ControlClient:
    """The other end: sends an order and returns the answer. Used by the campus and by tests."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._turn = asyncio.Lock()
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def act(self, order: Mapping[str, Any], *, timeout_s: float = 5.0) -> dict[str, Any]:
        """The device's answer; WrongActError when it refuses, OSError or TimeoutError when it is not there."""
        async with self._turn, asyncio.timeout(timeout_s):
            reader, writer = await self._connection()
            writer.write(json.dumps(order).encode() + b"\n")
            line = await reader.readline()
        if not line:
            await self.close()
            raise ConnectionResetError("the control line was closed")
        answer: dict[str, Any] = json.loads(line)
        if not answer.pop("ok"):
            raise WrongActError(answer["error"])
        return answer

    async def close(self) -> None:
        """Disconnect; harmless when closed."""
        writer, self._reader, self._writer = self._writer, None, None
        if writer is not None:
            writer.transport.abort()

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, limit=2**20)
        return self._reader, self._writer

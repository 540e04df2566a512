"""Serves one scene over RTSP to the gateways that connect; same duties as any other device's host."""

import asyncio
import contextlib
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from firmware_sim.camera.device import Scene
from firmware_sim.camera.jpeg import Packetiser
from firmware_sim.camera.rtsp import MOST_REQUEST_BYTES, Conversation, parse
from firmware_sim.core.device import WrongActError

_MOST_CLIENTS: Final = 8
_MOST_WAITING_BYTES: Final = 1 << 20


class CameraHost:
    """A network camera on a loopback port. Unplugged it closes every connection; stalled it sends nothing."""

    def __init__(
        self, name: str, options: Mapping[str, Any], *, port: int, seed: int, now_s: Callable[[], float]
    ) -> None:
        """`options`: folder, width, height (multiples of 16), frames_per_s. Raises TypeError for an unknown one."""
        self.name = name
        self.scene, self._fps = _scene(seed=seed, **options)
        self._port = port
        self._now_s = now_s
        self._server: asyncio.Server | None = None
        self._clients: dict[asyncio.StreamWriter, asyncio.Task[Any] | None] = {}
        self._silent_until_s = 0.0
        self._served = 0

    @property
    def address(self) -> str:
        """Where the host finds the camera."""
        return f"rtsp://127.0.0.1:{self._port}/scene"

    async def start(self) -> None:
        """Listen; OSError when the port is taken."""
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port, limit=MOST_REQUEST_BYTES)
            self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close everything; harmless when stopped."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        clients = dict(self._clients)
        for writer in clients:
            writer.transport.abort()
        await asyncio.gather(*(task for task in clients.values() if task is not None), return_exceptions=True)
        await server.wait_closed()

    async def act(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """An order of the control line: of the wire, or of the scene. WrongActError when neither knows it."""
        match order:
            case {"plugged": bool(plugged)}:
                await (self.start() if plugged else self.stop())
                return {"plugged": plugged}
            case {"stall_s": float() | int() as stall_s}:
                self._silent_until_s = self._now_s() + stall_s
                return {"stall_s": stall_s}
        return await asyncio.to_thread(self.scene.act, order)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._clients) >= _MOST_CLIENTS:
            writer.close()
            return
        self._clients[writer] = asyncio.current_task()
        self._served += 1
        talk = Conversation(session=f"{self._served:08d}", frames_per_s=self._fps)
        sending = asyncio.create_task(self._play(talk, writer, ssrc=self._served))
        try:
            await self._talk(talk, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass  # a client that goes, or speaks something else, ends its own connection alone
        finally:
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await sending
            self._clients.pop(writer, None)
            writer.close()

    async def _talk(self, talk: Conversation, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not talk.ended:
            first = await reader.readexactly(1)
            if first == b"$":  # RTCP of the client on the same connection: read over
                length = struct.unpack(">BH", await reader.readexactly(3))[1]
                await reader.readexactly(length)
                continue
            request = parse((first + await reader.readuntil(b"\r\n\r\n")).decode("utf-8"))
            if request.body_bytes:
                await reader.readexactly(min(request.body_bytes, MOST_REQUEST_BYTES))
            writer.write(talk.answer(request).encode())
            await writer.drain()

    async def _play(self, talk: Conversation, writer: asyncio.StreamWriter, *, ssrc: int) -> None:
        """Send pictures at their pace; a client that does not keep up misses some, as with a camera."""
        packetiser = Packetiser(ssrc=ssrc)
        due_s = self._now_s()
        while True:
            due_s = max(due_s + 1.0 / self._fps, self._now_s())
            await asyncio.sleep(due_s - self._now_s())
            waiting = writer.transport.get_write_buffer_size()
            if not talk.playing or self._now_s() < self._silent_until_s or waiting > _MOST_WAITING_BYTES:
                continue
            jpeg = await asyncio.to_thread(self.scene.jpeg)
            writer.writelines(
                struct.pack(">cBH", b"$", talk.channel, len(packet)) + packet
                for packet in packetiser.packets(jpeg, self._now_s())
            )
            await writer.drain()


def _scene(
    *, seed: int, folder: str = "", width: int = 960, height: int = 720, frames_per_s: float = 5.0, **scene: Any
) -> tuple[Scene, float]:
    if width % 16 or height % 16 or not 0.5 <= frames_per_s <= 30:  # noqa: PLR2004
        raise TypeError("sides are multiples of 16, frames_per_s from 0.5 to 30")
    made = Scene(seed, Path(folder) if folder else None, width, height)
    if scene:
        try:
            made.act(scene)
        except WrongActError as error:
            raise TypeError(str(error)) from error
    return made, frames_per_s

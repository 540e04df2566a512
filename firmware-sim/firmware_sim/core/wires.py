"""The wire a device hangs on: a TCP port or a pty, one host at a time, that can be unplugged."""

import asyncio
import contextlib
import os
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

_MOST_READ_BYTES = 4096
_MOST_UNSENT_BYTES = 65_536

Receive = Callable[[bytes], None]


class Wire(Protocol):
    """A place to plug a host into."""

    @property
    def address(self) -> str:
        """Where the host finds the device, as the URL of its settings."""

    async def plug(self, receive: Receive) -> None:
        """Put the cable in; bytes of the host go to `receive`. OSError when the place is taken."""

    async def unplug(self) -> None:
        """Pull the cable: the host's connection ends. Harmless when unplugged."""

    def send(self, data: bytes) -> None:
        """Bytes for the host; lost when none is there or it does not read."""


class TcpWire:
    """A TCP port, the same again after it was unplugged. A second host takes the place of the first."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self.port = port
        self._server: asyncio.Server | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._receive: Receive | None = None

    @property
    def address(self) -> str:
        """The URL for the host's settings."""
        return f"tcp://{self._host}:{self.port}"

    async def plug(self, receive: Receive) -> None:
        """Listen; port 0 becomes a free one and is kept."""
        self._receive = receive
        self._server = await asyncio.start_server(self._serve, self._host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def unplug(self) -> None:
        """Stop listening and drop the host."""
        server, self._server = self._server, None
        self._drop()
        if server is not None:
            server.close()
            await server.wait_closed()

    def send(self, data: bytes) -> None:
        """Bytes for the host."""
        writer = self._writer
        if writer is None or writer.is_closing():
            return
        if writer.transport.get_write_buffer_size() < _MOST_UNSENT_BYTES:
            writer.write(data)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._drop()
        self._writer = writer
        with contextlib.suppress(OSError):
            while data := await reader.read(_MOST_READ_BYTES):
                if self._receive is not None and self._writer is writer:
                    self._receive(data)
        writer.transport.abort()
        if self._writer is writer:
            self._writer = None

    def _drop(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.transport.abort()


class PtyWire:
    """A pseudo terminal, reached by a symbolic link that stays the same after it was unplugged."""

    def __init__(self, link: Path) -> None:
        self._link = link
        self._master: int | None = None
        self._slave: int | None = None

    @property
    def address(self) -> str:
        """The URL for the host's settings."""
        return f"serial://{self._link}?baud=9600"

    async def plug(self, receive: Receive) -> None:
        """Make a pty and point the link to it."""
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self._remove_link()
        self._link.symlink_to(os.ttyname(self._slave))
        asyncio.get_running_loop().add_reader(self._master, self._readable, self._master, receive)

    async def unplug(self) -> None:
        """Hang up and take the link away."""
        self._remove_link()
        master, slave = self._master, self._slave
        self._master = self._slave = None
        if master is not None:
            asyncio.get_running_loop().remove_reader(master)
            os.close(master)
        if slave is not None:
            os.close(slave)

    def send(self, data: bytes) -> None:
        """Bytes for the host; what does not fit into the line's buffer is lost, as on a real one."""
        if self._master is not None:
            with contextlib.suppress(OSError):
                os.write(self._master, data)

    def _readable(self, master: int, receive: Receive) -> None:
        try:
            data = os.read(master, _MOST_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            asyncio.get_running_loop().remove_reader(master)
            return
        receive(data)

    def _remove_link(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._link.unlink()

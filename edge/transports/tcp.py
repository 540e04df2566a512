"""A device behind a TCP port: network readers, serial servers, simulators."""

import asyncio
import contextlib
import socket

from edge.transports.base import TransportTimeout, TransportUnavailable

_MOST_READ_BYTES = 4096
_KEEPALIVE_IDLE_S = 5
_KEEPALIVE_INTERVAL_S = 3
_KEEPALIVE_PROBES = 3


class TcpTransport:
    """Connects as a client, with keep-alive so that a device whose cable was pulled is found within about 15 s."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    @property
    def url(self) -> str:
        """The address as a URL."""
        return f"tcp://{self._host}:{self._port}"

    async def open(self, *, timeout_s: float) -> None:
        """Connect anew; TransportUnavailable when refused or out of time."""
        await self.close()
        try:
            async with asyncio.timeout(timeout_s):
                self._reader, self._writer = await asyncio.open_connection(
                    self._host, self._port, limit=2 * _MOST_READ_BYTES
                )
        except TimeoutError as error:
            raise TransportUnavailable(f"{self.url}: no answer") from error
        except (OSError, UnicodeError) as error:  # a host name can be wrong in both ways
            raise TransportUnavailable(f"{self.url}: {error}") from error
        _keep_alive(self._writer.get_extra_info("socket"))

    async def close(self) -> None:
        """Disconnect; never raises."""
        writer, self._reader, self._writer = self._writer, None, None
        if writer is not None:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def read(self, *, timeout_s: float) -> bytes:
        """Bytes as they come; see `Transport`."""
        if self._reader is None:
            raise TransportUnavailable(f"{self.url}: not open")
        try:
            async with asyncio.timeout(timeout_s):
                data = await self._reader.read(_MOST_READ_BYTES)
        except TimeoutError as error:
            raise TransportTimeout(f"{self.url}: silent for {timeout_s:g} s") from error
        except OSError as error:
            raise TransportUnavailable(f"{self.url}: {error}") from error
        if not data:
            raise TransportUnavailable(f"{self.url}: closed by the device")
        return data

    async def write(self, data: bytes, *, timeout_s: float) -> None:
        """Send all; see `Transport`."""
        if self._writer is None:
            raise TransportUnavailable(f"{self.url}: not open")
        try:
            async with asyncio.timeout(timeout_s):
                self._writer.write(data)
                await self._writer.drain()
        except TimeoutError as error:
            raise TransportUnavailable(f"{self.url}: takes no bytes") from error
        except OSError as error:
            raise TransportUnavailable(f"{self.url}: {error}") from error


def _keep_alive(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", _KEEPALIVE_IDLE_S),
        ("TCP_KEEPINTVL", _KEEPALIVE_INTERVAL_S),
        ("TCP_KEEPCNT", _KEEPALIVE_PROBES),
    ):
        option = getattr(socket, name, None)  # absent on some systems
        if option is not None:
            connection.setsockopt(socket.IPPROTO_TCP, option, value)

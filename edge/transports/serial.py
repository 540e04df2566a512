"""A device on a serial port or a pty, 8N1 unless told otherwise; waits on the event loop, not in a thread."""

import asyncio
import contextlib
import os
import termios
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import serial

from edge.transports.base import TransportTimeout, TransportUnavailable

_MOST_READ_BYTES = 4096


@dataclass(frozen=True, slots=True)
class SerialLine:
    """How the line is set. A pty carries 8N1 only."""

    baud: int = 9600
    data_bits: Literal[7, 8] = 8
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1


class SerialTransport:
    """One serial port, held for this process alone while open."""

    def __init__(self, path: str, line: SerialLine) -> None:
        self._path = path
        self._line = line
        self._port: serial.Serial | None = None
        self._ready = asyncio.Event()

    @property
    def url(self) -> str:
        """The port as a URL."""
        return f"serial://{self._path}?baud={self._line.baud}"

    async def open(self, *, timeout_s: float) -> None:
        """Open the port anew and drop what waits in it; TransportUnavailable when it cannot be had."""
        await self.close()
        try:
            async with asyncio.timeout(timeout_s):
                self._port = await asyncio.to_thread(self._open_port)
        except TimeoutError as error:
            raise TransportUnavailable(f"{self.url}: opening takes too long") from error
        except (OSError, ValueError, termios.error) as error:
            raise TransportUnavailable(f"{self.url}: {error}") from error

    async def close(self) -> None:
        """Close the port; never raises."""
        port, self._port = self._port, None
        if port is not None:
            loop = asyncio.get_running_loop()
            if port.fd is not None:
                loop.remove_reader(port.fd)
                loop.remove_writer(port.fd)
            with contextlib.suppress(OSError):
                port.close()
        self._ready.set()

    async def read(self, *, timeout_s: float) -> bytes:
        """Bytes as they come; see `Transport`."""
        try:
            async with asyncio.timeout(timeout_s):
                data = await self._read_when_ready()
        except TimeoutError as error:
            raise TransportTimeout(f"{self.url}: silent for {timeout_s:g} s") from error
        except OSError as error:
            raise TransportUnavailable(f"{self.url}: {error}") from error
        if not data:
            raise TransportUnavailable(f"{self.url}: unplugged")
        return data

    async def write(self, data: bytes, *, timeout_s: float) -> None:
        """Send all; see `Transport`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._write_when_ready(memoryview(data))
        except TimeoutError as error:
            raise TransportUnavailable(f"{self.url}: takes no bytes") from error
        except OSError as error:
            raise TransportUnavailable(f"{self.url}: {error}") from error

    def _fd(self) -> int:
        if self._port is None or self._port.fd is None:
            raise TransportUnavailable(f"{self.url}: not open")
        return self._port.fd

    async def _read_when_ready(self) -> bytes:
        """What waits, or what comes next; nothing means that the port was unplugged.

        The line is set to return at once: an empty read means "nothing yet", but "gone" once the port said it is ready.
        """
        loop = asyncio.get_running_loop()
        announced = False
        while True:
            fd = self._fd()
            with contextlib.suppress(BlockingIOError):
                data = os.read(fd, _MOST_READ_BYTES)
                if data or announced:
                    return data
            ready = self._ready = asyncio.Event()
            loop.add_reader(fd, ready.set)
            try:
                await ready.wait()
            finally:
                self._unwatch(loop.remove_reader, fd)
            announced = True

    async def _write_when_ready(self, rest: memoryview) -> None:
        loop = asyncio.get_running_loop()
        while rest:
            fd = self._fd()
            try:
                rest = rest[os.write(fd, rest) :]
            except BlockingIOError:
                ready = asyncio.Event()
                loop.add_writer(fd, ready.set)
                try:
                    await ready.wait()
                finally:
                    self._unwatch(loop.remove_writer, fd)

    def _unwatch(self, remove: Callable[[int], bool], fd: int) -> None:
        # A closed port was forgotten by `close`; its number may belong to something else by now.
        if self._port is not None and self._port.fd == fd:
            remove(fd)

    def _open_port(self) -> serial.Serial:
        port = serial.Serial(
            port=self._path,
            baudrate=self._line.baud,
            bytesize=self._line.data_bits,
            parity=self._line.parity,
            stopbits=self._line.stop_bits,
            timeout=0,
            write_timeout=0,
            exclusive=True,
        )
        port.reset_input_buffer()
        return port

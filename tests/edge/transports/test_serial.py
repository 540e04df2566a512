"""A pseudo terminal behaves like a port that is unplugged when its other end closes."""

import asyncio
import os
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.transports.base import TransportTimeout, TransportUnavailable
from edge.transports.serial import SerialLine, SerialTransport


class Pty:
    """A pty pair; `master` is the device's end."""

    def __init__(self) -> None:
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.path = os.ttyname(self.slave)

    def hang_up(self) -> None:
        for name in ("master", "slave"):
            fd = getattr(self, name)
            if fd is not None:
                os.close(fd)
                setattr(self, name, None)


@pytest.fixture
def pty() -> Iterator[Pty]:
    found = Pty()
    yield found
    found.hang_up()


async def opened(pty: Pty) -> SerialTransport:
    transport = SerialTransport(pty.path, SerialLine(baud=57600))
    await transport.open(timeout_s=2)
    return transport


async def test_bytes_go_both_ways(pty: Pty) -> None:
    link = await opened(pty)
    os.write(pty.master, b"weight")
    assert await link.read(timeout_s=1) == b"weight"
    await link.write(b"\x02key\x03", timeout_s=1)
    assert os.read(pty.master, 100) == b"\x02key\x03"
    await link.close()


async def test_bytes_that_come_later_wake_the_read(pty: Pty) -> None:
    link = await opened(pty)
    reading = asyncio.create_task(link.read(timeout_s=2))
    await asyncio.sleep(0.05)
    os.write(pty.master, b"late")
    assert await reading == b"late"
    await link.close()


async def test_silence_is_a_timeout_that_leaves_the_link_usable(pty: Pty) -> None:
    link = await opened(pty)
    for timeout_s in (0.05, 0):
        with pytest.raises(TransportTimeout):
            await link.read(timeout_s=timeout_s)
    os.write(pty.master, b"late")
    await asyncio.sleep(0.02)
    assert await link.read(timeout_s=0) == b"late"
    await link.close()


async def test_an_unplugged_port_is_unavailable(pty: Pty) -> None:
    link = await opened(pty)
    reading = asyncio.create_task(link.read(timeout_s=2))
    await asyncio.sleep(0.05)
    pty.hang_up()
    with pytest.raises(TransportUnavailable):
        await reading
    with pytest.raises(TransportUnavailable):
        await link.open(timeout_s=1)


async def test_opening_drops_what_waited(pty: Pty) -> None:
    link = await opened(pty)
    os.write(pty.master, b"old")
    await link.open(timeout_s=1)
    os.write(pty.master, b"new")
    assert await link.read(timeout_s=1) == b"new"
    await link.close()


async def test_a_port_in_use_is_unavailable(pty: Pty) -> None:
    link = await opened(pty)
    with pytest.raises(TransportUnavailable):
        await SerialTransport(pty.path, SerialLine()).open(timeout_s=1)
    await link.close()


async def test_a_device_that_takes_no_bytes_is_unavailable(pty: Pty) -> None:
    link = await opened(pty)
    with pytest.raises(TransportUnavailable, match="takes no bytes"):
        await link.write(b"x" * 1_000_000, timeout_s=0.2)
    await link.close()


async def test_closing_ends_a_waiting_read_and_is_harmless_twice(pty: Pty) -> None:
    link = await opened(pty)
    reading = asyncio.create_task(link.read(timeout_s=5))
    await asyncio.sleep(0.05)
    await link.close()
    await link.close()
    with pytest.raises(TransportUnavailable):
        await reading
    with pytest.raises(TransportUnavailable, match="not open"):
        await link.write(b"x", timeout_s=1)


async def test_a_line_the_port_cannot_do_is_unavailable_not_a_crash(pty: Pty) -> None:
    link = SerialTransport(pty.path, SerialLine(parity="E", data_bits=7))
    outcomes = []
    for _ in range(2):  # a pty takes parity once, and refuses the second time
        try:
            await link.open(timeout_s=1)
            outcomes.append("opened")
        except TransportUnavailable:
            outcomes.append("unavailable")
    await link.close()
    assert "unavailable" in outcomes


async def test_a_port_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(TransportUnavailable):
        await SerialTransport(str(tmp_path / "ttyUSB0"), SerialLine()).open(timeout_s=1)

import asyncio
from collections.abc import AsyncIterator

import pytest

from edge.transports.base import TransportTimeout, TransportUnavailable
from edge.transports.tcp import TcpTransport


class Peer:
    """The device's side of a TCP link."""

    def __init__(self) -> None:
        self.writers: list[asyncio.StreamWriter] = []
        self.received = bytearray()
        self.connected = asyncio.Event()
        self.server: asyncio.Server | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        self.connected.set()
        while data := await reader.read(4096):
            self.received += data
        writer.close()

    @property
    def port(self) -> int:
        assert self.server is not None
        return int(self.server.sockets[0].getsockname()[1])


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    found = Peer()
    found.server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    yield found
    found.server.close()
    for writer in found.writers:
        writer.transport.abort()


@pytest.fixture
async def link(peer: Peer) -> AsyncIterator[TcpTransport]:
    transport = TcpTransport("127.0.0.1", peer.port)
    await transport.open(timeout_s=2)
    await peer.connected.wait()
    yield transport
    await transport.close()


async def write_for_ever(link: TcpTransport) -> None:
    for _ in range(1000):
        await link.write(b"x" * 65_536, timeout_s=0.2)


async def test_bytes_go_both_ways(peer: Peer, link: TcpTransport) -> None:
    await link.write(b"ask", timeout_s=1)
    peer.writers[0].write(b"answer")
    assert await link.read(timeout_s=1) == b"answer"
    assert bytes(peer.received) == b"ask"


async def test_silence_is_a_timeout_that_leaves_the_link_usable(peer: Peer, link: TcpTransport) -> None:
    with pytest.raises(TransportTimeout):
        await link.read(timeout_s=0.05)
    peer.writers[0].write(b"late")
    assert await link.read(timeout_s=1) == b"late"


async def test_a_read_without_waiting_returns_only_what_is_there(peer: Peer, link: TcpTransport) -> None:
    with pytest.raises(TransportTimeout):
        await link.read(timeout_s=0)
    peer.writers[0].write(b"here")
    await asyncio.sleep(0.05)
    assert await link.read(timeout_s=0) == b"here"


async def test_the_end_of_the_link_is_unavailable(peer: Peer, link: TcpTransport) -> None:
    peer.writers[0].transport.abort()
    with pytest.raises(TransportUnavailable):
        await link.read(timeout_s=1)
    with pytest.raises(TransportUnavailable):
        await write_for_ever(link)


async def test_nobody_listening_is_unavailable(peer: Peer) -> None:
    port = peer.port
    assert peer.server is not None
    peer.server.close()
    with pytest.raises(TransportUnavailable):
        await TcpTransport("127.0.0.1", port).open(timeout_s=2)


async def test_a_device_that_takes_no_bytes_is_unavailable(peer: Peer, link: TcpTransport) -> None:
    peer.writers[0].transport.pause_reading()  # type: ignore[attr-defined]
    with pytest.raises(TransportUnavailable, match="takes no bytes"):
        await write_for_ever(link)


async def test_opening_anew_drops_what_waited(peer: Peer, link: TcpTransport) -> None:
    peer.writers[0].write(b"old")
    await asyncio.sleep(0.05)
    await link.open(timeout_s=1)
    await asyncio.sleep(0.05)
    peer.writers[-1].write(b"new")
    assert await link.read(timeout_s=1) == b"new"


async def test_closing_ends_a_waiting_read_and_is_harmless_twice(link: TcpTransport) -> None:
    reading = asyncio.create_task(link.read(timeout_s=5))
    await asyncio.sleep(0.05)
    await link.close()
    await link.close()
    with pytest.raises(TransportUnavailable):
        await reading
    with pytest.raises(TransportUnavailable, match="not open"):
        await link.write(b"x", timeout_s=1)


async def test_a_host_name_that_cannot_be_one_is_unavailable() -> None:
    with pytest.raises(TransportUnavailable):
        await TcpTransport("x" * 70 + ".example", 1).open(timeout_s=2)

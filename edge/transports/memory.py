"""A link inside one process: what tests and in-process simulators hold instead of a cable."""

import asyncio

from edge.transports.base import TransportTimeout, TransportUnavailable

_MOST_CHUNKS = 256


class _Pipe:
    """Chunks in one direction, bounded; an empty chunk tells that the link went down."""

    def __init__(self) -> None:
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue(_MOST_CHUNKS)

    async def put(self, data: bytes) -> None:
        await self._chunks.put(data)

    async def get(self) -> bytes:
        return await self._chunks.get()

    def cut(self) -> None:
        self.clear()
        self._chunks.put_nowait(b"")

    def clear(self) -> None:
        while not self._chunks.empty():
            self._chunks.get_nowait()


class MemoryLink:
    """Two ends and the cable between them: `host` is the driver's transport, `device` the other side's."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.plugged = True
        self._to_device = _Pipe()
        self._to_host = _Pipe()
        self.host = MemoryTransport(self, incoming=self._to_host, outgoing=self._to_device)
        self.device = MemoryTransport(self, incoming=self._to_device, outgoing=self._to_host)

    def unplug(self) -> None:
        """Pull the cable: both ends fail now and cannot be opened until `plug`."""
        self.plugged = False
        self._to_device.cut()
        self._to_host.cut()

    def plug(self) -> None:
        """Put the cable back; both ends have to open anew."""
        self._to_device.clear()
        self._to_host.clear()
        self.plugged = True


class MemoryTransport:
    """One end of a MemoryLink; see `Transport`."""

    def __init__(self, link: MemoryLink, *, incoming: _Pipe, outgoing: _Pipe) -> None:
        self._link = link
        self._incoming = incoming
        self._outgoing = outgoing
        self._opened = False

    @property
    def url(self) -> str:
        """The link as a URL."""
        return f"memory://{self._link.name}"

    async def open(self, *, timeout_s: float) -> None:  # noqa: ARG002 - opening takes no time here
        """Open this end and drop what waits for it; TransportUnavailable while unplugged."""
        if not self._link.plugged:
            raise TransportUnavailable(f"{self.url}: unplugged")
        self._incoming.clear()
        self._opened = True

    async def close(self) -> None:
        """Close this end; never raises."""
        if self._opened:
            self._opened = False
            self._incoming.cut()

    async def read(self, *, timeout_s: float) -> bytes:
        """Bytes as they come; see `Transport`."""
        self._check()
        try:
            async with asyncio.timeout(timeout_s):
                data = await self._incoming.get()
        except TimeoutError as error:
            raise TransportTimeout(f"{self.url}: silent for {timeout_s:g} s") from error
        if not data:
            self._opened = False
            raise TransportUnavailable(f"{self.url}: unplugged")
        return data

    async def write(self, data: bytes, *, timeout_s: float) -> None:
        """Send all; see `Transport`."""
        self._check()
        try:
            async with asyncio.timeout(timeout_s):
                if data:
                    await self._outgoing.put(bytes(data))
        except TimeoutError as error:
            raise TransportUnavailable(f"{self.url}: takes no bytes") from error

    def _check(self) -> None:
        if not self._opened or not self._link.plugged:
            raise TransportUnavailable(f"{self.url}: not open")


class MemoryHub:
    """Links by name, made when first asked for; one hub a test or process, passed to where links are opened."""

    def __init__(self) -> None:
        self._links: dict[str, MemoryLink] = {}

    def link(self, name: str) -> MemoryLink:
        """The link of that name."""
        return self._links.setdefault(name, MemoryLink(name))

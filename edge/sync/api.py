"""Calls of /edge/v1: one message out, one back, every failure typed by what to do."""

import asyncio
import ssl
from http import HTTPStatus
from pathlib import Path
from typing import Final, Protocol, TypeVar

import aiohttp

from edge.core.errors import Rejected, Unreachable
from edge.sync.settings import CloudSettings
from protocols.sync.codec import MEDIA_TYPE, decode, encode
from protocols.sync.messages import Fault
from protocols.values.errors import Malformed

PROVISION: Final = "provision"
SESSION: Final = "session"
BATCHES: Final = "batches"
HEARTBEAT: Final = "heartbeat"
LEASES: Final = "leases"
REPLICAS: Final = "replicas"
LEASE_ASKS: Final = "lease-asks"
FACE_ENROLMENTS: Final = "face-enrolments"

MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024

T = TypeVar("T")


class SessionEnded(Rejected):
    """The token is no longer good: open a session again."""


class Api(Protocol):
    """Calls of a gateway to its cloud. `token` goes with every call once it is set."""

    token: str

    async def post(self, path: str, message: object, answer: type[T]) -> T:
        """Send a message; raises Unreachable, SessionEnded or Rejected."""

    async def get(self, path: str, answer: type[T], **query: int | str) -> T:
        """Ask; raises Unreachable, SessionEnded or Rejected."""

    async def close(self) -> None:
        """Drop the connections; the next call opens them again."""


class CloudApi:
    """One pool of connections to one cloud. `token` goes with every call once it is set."""

    def __init__(self, settings: CloudSettings) -> None:
        self._settings = settings
        self._base = settings.url.rstrip("/") + "/edge/v1/"
        self._http: aiohttp.ClientSession | None = None
        self.token = ""

    async def post(self, path: str, message: object, answer: type[T]) -> T:
        """Send a message; raises Unreachable, SessionEnded or Rejected."""
        return await self._call("POST", path, answer, body=encode(message))

    async def get(self, path: str, answer: type[T], **query: int | str) -> T:
        """Ask; raises Unreachable, SessionEnded or Rejected."""
        return await self._call("GET", path, answer, query={name: str(value) for name, value in query.items()})

    async def close(self) -> None:
        """Drop the connections."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def _call(
        self, method: str, path: str, answer: type[T], *, body: bytes | None = None, query: dict[str, str] | None = None
    ) -> T:
        http = self._open()
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            async with http.request(method, self._base + path, data=body, params=query, headers=headers) as response:
                said = await _read(response)
                status = response.status
        except (aiohttp.ClientError, OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise Unreachable(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__) from error
        if status == HTTPStatus.OK:
            return decoded(said, answer)
        raise failure_of(status, said)

    def _open(self) -> aiohttp.ClientSession:
        if self._http is None:
            settings = self._settings
            timeout = aiohttp.ClientTimeout(total=settings.timeout_s, sock_connect=settings.connect_timeout_s)
            connector = aiohttp.TCPConnector(limit=4, ssl=pinned(settings.ca_file), keepalive_timeout=30)
            headers = {"Content-Type": MEDIA_TYPE, "Accept": MEDIA_TYPE}
            self._http = aiohttp.ClientSession(connector=connector, timeout=timeout, headers=headers, trust_env=False)
        return self._http


def pinned(ca_file: str) -> ssl.SSLContext:
    """Trust one certificate authority and no other, or the system's list where none is named."""
    if not ca_file:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cafile=Path(ca_file))
    return context


async def _read(response: aiohttp.ClientResponse) -> bytes:
    said = bytearray()
    async for chunk in response.content.iter_chunked(65_536):
        said += chunk
        if len(said) > MAX_ANSWER_BYTES:
            raise Unreachable(f"an answer passes {MAX_ANSWER_BYTES} bytes")
    return bytes(said)


def decoded(said: bytes, answer: type[T]) -> T:
    """An answer's message; raises Unreachable where it cannot be read."""
    try:
        return decode(said, answer)
    except Malformed as error:
        raise Unreachable(f"the answer cannot be read: {error}") from error


def failure_of(status: int, said: bytes) -> Exception:
    """What an answer other than 200 means. A proxy's own words are Unreachable, not the cloud's no."""
    try:
        fault = decode(said, Fault)
    except Malformed:
        return Unreachable(f"HTTP {status}")
    if status == HTTPStatus.UNAUTHORIZED:
        return SessionEnded(fault.code, fault.detail, retry=True)
    if fault.retry:
        return Unreachable(f"{fault.code}: {fault.detail}")
    return Rejected(fault.code, fault.detail)

"""The Modbus master under the turnstile: opened, used and closed like any link, errors translated."""

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs, urlsplit

from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.pdu import ModbusPDU

from edge.drivers.base import Refused
from edge.transports.base import TransportUnavailable

Client = AsyncModbusTcpClient | AsyncModbusSerialClient


class ModbusLink:
    """A Modbus master that never reconnects by itself: the device loop does that."""

    def __init__(self, url: str, *, timeout_s: float) -> None:
        """ValueError for a URL that is neither tcp://host:port nor serial:///dev/port?baud=9600."""
        self._url = url
        self._make = _maker(url, timeout_s)
        self._client: Client | None = None

    @property
    def url(self) -> str:
        """The address as given."""
        return self._url

    @property
    def opened(self) -> bool:
        """Whether there is a connection, as far as known."""
        return self._client is not None and self._client.connected

    async def open(self, *, timeout_s: float) -> None:  # noqa: ARG002 - the client was made with its time-out
        """Connect anew; TransportUnavailable when it cannot."""
        await self.close()
        client = self._make()
        try:
            connected = await client.connect()
        except (OSError, ModbusException) as error:
            raise TransportUnavailable(f"{self._url}: {error}") from error
        if not connected:
            client.close()
            raise TransportUnavailable(f"{self._url}: no answer")
        self._client = client

    async def close(self) -> None:
        """Disconnect; never raises."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    async def call(self, request: Callable[[Client], Awaitable[ModbusPDU]]) -> ModbusPDU:
        """The answer to a request; TransportUnavailable when none comes, Refused when the module says no."""
        if self._client is None:
            raise TransportUnavailable(f"{self._url}: not open")
        try:
            answer = await request(self._client)
        except (OSError, ModbusException) as error:
            raise TransportUnavailable(f"{self._url}: {error}") from error
        if answer.isError():
            raise Refused("relay_refused", str(answer))
        return answer


def _maker(url: str, timeout_s: float) -> Callable[[], Client]:
    parts = urlsplit(url)
    host = parts.hostname
    if parts.scheme == "tcp" and host:
        port = parts.port or 502
        return lambda: AsyncModbusTcpClient(host, port=port, timeout=timeout_s, retries=0, reconnect_delay=0)
    if parts.scheme == "serial" and parts.path.startswith("/"):
        baud = int(parse_qs(parts.query).get("baud", ["9600"])[-1])
        return lambda: AsyncModbusSerialClient(
            parts.path, baudrate=baud, timeout=timeout_s, retries=0, reconnect_delay=0
        )
    raise ValueError(f"{url!r}: expected tcp://host:502 or serial:///dev/port?baud=9600")

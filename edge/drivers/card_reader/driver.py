"""Card reader: a number a tap, however often the reader repeats it while the card lies there."""

from collections.abc import AsyncGenerator

from edge.drivers.base import CardTap, DriverContext, Link
from edge.drivers.card_reader.settings import CardReaderSettings
from edge.drivers.loop import Backoff, DeviceLoop
from edge.transports.base import TransportTimeout
from protocols.card_reader.stream import FrameStream, LineStream

_OPEN_TIMEOUT_S = 3.0
_READ_TIMEOUT_S = 30.0


class SerialCardReader:
    """Fulfils CardReader. An idle reader says nothing, so only a lost link tells that it is gone."""

    def __init__(self, settings: CardReaderSettings, context: DriverContext) -> None:
        self._settings = settings
        self._context = context
        self._transport = context.open_transport(settings.url)
        self._stream: FrameStream | LineStream = _stream(settings)
        self._loop = DeviceLoop(context, self._transport, backoff=Backoff(), open_timeout_s=_OPEN_TIMEOUT_S)

    @property
    def name(self) -> str:
        """The name given in the settings."""
        return self._context.name

    def taps(self) -> AsyncGenerator[CardTap | Link, None]:
        """Yield taps and link changes, for ever."""
        return self._loop.items(self._prepare, self._session)

    async def close(self) -> None:
        """Release the link."""
        await self._loop.close()

    async def _prepare(self) -> None:
        self._stream = _stream(self._settings)

    async def _session(self) -> AsyncGenerator[CardTap, None]:
        last_uid = ""
        last_seen_s = 0.0
        while True:
            try:
                data = await self._transport.read(timeout_s=_READ_TIMEOUT_S)
            except TransportTimeout:
                continue
            for number in self._stream.feed(data):
                now_s = self._context.monotonic_s()
                held = number.uid == last_uid and now_s - last_seen_s <= self._settings.hold_off_s
                last_uid, last_seen_s = number.uid, now_s
                if not held:
                    yield CardTap(uid=number.uid, at_monotonic_s=now_s)


def _stream(settings: CardReaderSettings) -> FrameStream | LineStream:
    return FrameStream() if settings.framing == "frame" else LineStream()

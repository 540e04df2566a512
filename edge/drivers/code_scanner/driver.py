"""Code scanner: a text a scan, however often the scanner repeats it while the code is shown."""

from collections.abc import AsyncGenerator

from edge.drivers.base import DriverContext, Link, Scan
from edge.drivers.code_scanner.settings import CodeScannerSettings
from edge.drivers.loop import Backoff, DeviceLoop
from edge.transports.base import TransportTimeout
from protocols.code_scanner.stream import CodeStream

_OPEN_TIMEOUT_S = 3.0


class SerialCodeScanner:
    """Fulfils CodeScanner. An idle scanner says nothing, so only a lost link tells that it is gone."""

    def __init__(self, settings: CodeScannerSettings, context: DriverContext) -> None:
        self._settings = settings
        self._context = context
        self._transport = context.open_transport(settings.url)
        self._stream = CodeStream()
        self._loop = DeviceLoop(context, self._transport, backoff=Backoff(), open_timeout_s=_OPEN_TIMEOUT_S)

    @property
    def name(self) -> str:
        """The name given in the settings."""
        return self._context.name

    def scans(self) -> AsyncGenerator[Scan | Link, None]:
        """Yield scans and link changes, for ever."""
        return self._loop.items(self._prepare, self._session)

    async def close(self) -> None:
        """Release the link."""
        await self._loop.close()

    async def _prepare(self) -> None:
        self._stream = CodeStream()

    async def _session(self) -> AsyncGenerator[Scan, None]:
        last_text = ""
        last_seen_s = 0.0
        while True:
            try:
                data = await self._transport.read(timeout_s=self._settings.pause_s)
            except TransportTimeout:
                self._stream.reset()
                continue
            for code in self._stream.feed(data):
                now_s = self._context.monotonic_s()
                held = code.text == last_text and now_s - last_seen_s <= self._settings.hold_off_s
                last_text, last_seen_s = code.text, now_s
                if not held:
                    yield Scan(text=code.text, at_monotonic_s=now_s)

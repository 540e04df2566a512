"""Receipt printer: asks before, prints, and waits until the printer says that it is through."""

import asyncio

from edge.drivers.base import (
    DriverContext,
    PrinterStatus,
    ProtocolError,
    ReceiptDocument,
    Refused,
    Unavailable,
)
from edge.drivers.receipt_printer import layout, status
from edge.drivers.receipt_printer.settings import ReceiptPrinterSettings
from edge.transports.base import TransportTimeout, TransportUnavailable

_OPEN_TIMEOUT_S = 3.0


class ReceiptPrinter:
    """Fulfils Printer. Connects when first asked and after any failure; one command at a time."""

    def __init__(self, settings: ReceiptPrinterSettings, context: DriverContext) -> None:
        self._settings = settings
        self._context = context
        self._transport = context.open_transport(settings.url)
        self._turn = asyncio.Lock()
        self._opened = False

    @property
    def name(self) -> str:
        """The name given in the settings."""
        return self._context.name

    async def status(self) -> PrinterStatus:
        """Ask the printer; Unavailable or ProtocolError."""
        async with self._turn:
            try:
                return await self._ask()
            except (TransportUnavailable, ProtocolError) as error:
                raise await self._given_up(error) from error

    async def print_receipt(self, document: ReceiptDocument) -> None:
        """Print; see `Printer`. Refused with `after` in its detail means that paper may hold a part of it."""
        data = layout.render(document, columns=self._settings.columns)
        async with self._turn:
            try:
                self._refuse_unless_ready(await self._ask(), detail="before")
                if self._settings.confirms:
                    data += status.ASK_WHEN_THROUGH
                await self._transport.write(data, timeout_s=self._settings.print_timeout_s)
                if self._settings.confirms:
                    await self._wait_until_through()
                self._refuse_unless_ready(await self._ask(), detail="after")
            except (TransportUnavailable, ProtocolError) as error:
                raise await self._given_up(error) from error

    async def close(self) -> None:
        """Release the link."""
        self._opened = False
        await self._transport.close()

    async def _ask(self) -> PrinterStatus:
        if not self._opened:
            await self._transport.open(timeout_s=_OPEN_TIMEOUT_S)
            self._opened = True
        answers = []
        for question in (status.ASK_PRINTER, status.ASK_OFFLINE, status.ASK_PAPER):
            await self._drain()
            await self._transport.write(question, timeout_s=self._settings.status_timeout_s)
            answer = await self._transport.read(timeout_s=self._settings.status_timeout_s)
            answers.append(status.check_fixed_bits(answer[-1]))
        return status.parse(printer=answers[0], offline=answers[1], paper=answers[2])

    async def _wait_until_through(self) -> None:
        """Return when the printer told it is through; Refused when it stopped in the middle for want of paper."""
        try:
            await self._through()
        except TransportTimeout:
            self._refuse_unless_ready(await self._ask(), detail="after")
            raise

    async def _through(self) -> None:
        deadline_s = self._context.monotonic_s() + self._settings.print_timeout_s
        while (left_s := deadline_s - self._context.monotonic_s()) > 0:
            answer = await self._transport.read(timeout_s=left_s)
            if any(status.tells_through(byte) for byte in answer):
                return
        raise TransportTimeout(f"not through in {self._settings.print_timeout_s:g} s")

    async def _drain(self) -> None:
        try:
            while await self._transport.read(timeout_s=0):
                pass
        except TransportTimeout:
            return

    def _refuse_unless_ready(self, found: PrinterStatus, *, detail: str) -> None:
        reason = status.why_not_ready(found)
        if reason:
            raise Refused(reason, detail)

    async def _given_up(self, error: TransportUnavailable | ProtocolError) -> Unavailable | ProtocolError:
        await self.close()
        self._context.log.warning("%s: %s", self.name, error)
        return error if isinstance(error, ProtocolError) else Unavailable(str(error))

"""Receipts on paper. The sale stands whatever the printer says: what cannot be printed now waits, and is shown."""

import asyncio
from collections import deque
from datetime import tzinfo
from typing import Final, NamedTuple

from edge.core.log import logger
from edge.drivers.base import DriverError, Printer, ReceiptDocument, ReceiptLine, Refused
from edge.stations.canteen.receipts import Receipt
from protocols.values.instants import to_datetime

_MOST_WAITING: Final = 50
_TRY_AGAIN_S: Final = 3.0

_log = logger("canteen.printing")


class Names(NamedTuple):
    """What a receipt is written with: the canteen, the lane, dishes and wallets by id, the masked name."""

    canteen: str
    lane: str
    dishes: dict[int, str]
    buckets: dict[int, str]
    person: str


def receipt_document(receipt: Receipt, names: Names, zone: tzinfo, *, copy: bool) -> ReceiptDocument:
    """The paper receipt; a reprint is marked 副本."""
    at = to_datetime(receipt.business_ms).astimezone(zone)
    lines = [ReceiptLine(names.canteen, align="center", bold=True, scale=2)]
    if copy:
        lines.append(ReceiptLine("—— 副本 ——", align="center", bold=True))
    lines += [
        ReceiptLine(f"{names.lane}  {at:%Y-%m-%d %H:%M:%S}"),
        ReceiptLine(f"单号 {receipt.number}"),
        ReceiptLine(f"用餐人 {names.person}"),
        ReceiptLine("-" * 32),
    ]
    for line in receipt.lines:
        name = names.dishes.get(line.dish, "餐品")
        count = f" {line.weight_g} g" if line.weight_g else (f" x{line.quantity}" if line.quantity > 1 else "")
        lines.append(ReceiptLine(name + count, right=_yuan(line.amount_fen)))
    lines.append(ReceiptLine("-" * 32))
    if receipt.discount_fen:
        lines.append(ReceiptLine("优惠", right="-" + _yuan(receipt.discount_fen)))
    if receipt.fee_fen:
        lines.append(ReceiptLine("管理费", right=_yuan(receipt.fee_fen)))
    lines.append(ReceiptLine("合计", right=_yuan(receipt.amount_fen), bold=True, scale=2))
    lines += [
        ReceiptLine(names.buckets.get(share.bucket, "账户"), right=_yuan(share.amount)) for share in receipt.shares
    ]
    lines.append(ReceiptLine(f"校验 {receipt.mark}  {receipt.entry}"))
    return ReceiptDocument(tuple(lines), qr=f"QMR{receipt.entry}-{receipt.mark}")


class PrintQueue:
    """Receipts of one lane on their way to its printer, oldest first; beyond fifty the oldest is left to a reprint."""

    def __init__(self, printer: Printer) -> None:
        self._printer = printer
        self._waiting: deque[ReceiptDocument] = deque()
        self._wake = asyncio.Event()
        self.trouble = ""

    @property
    def waiting(self) -> int:
        """Receipts not printed yet."""
        return len(self._waiting)

    def put(self, document: ReceiptDocument) -> None:
        """Print when the printer can."""
        if len(self._waiting) >= _MOST_WAITING:
            self._waiting.popleft()
        self._waiting.append(document)
        self._wake.set()

    async def run(self) -> None:
        """Print what waits until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                if not await self._print(self._waiting[0]):
                    await asyncio.sleep(_TRY_AGAIN_S)

    async def _print(self, document: ReceiptDocument) -> bool:
        try:
            await self._printer.print_receipt(document)
        except DriverError as error:
            self.trouble = error.reason if isinstance(error, Refused) else "unavailable"
            _log.warning("a receipt waits: %s", error)
            return False
        self.trouble = ""
        if self._waiting and self._waiting[0] is document:
            self._waiting.popleft()
        return True


def _yuan(amount_fen: int) -> str:
    """Money for the printer, whose character set has no half-width sign."""
    return f"￥{amount_fen // 100}.{amount_fen % 100:02d}"

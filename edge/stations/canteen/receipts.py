"""Receipts: what a taken payment looks like to people, and the numbers of a lane's day."""

from functools import partial

import msgspec

from edge.store.connection import Reader
from edge.store.transaction import Transaction
from protocols.canteen.reference import Lane
from protocols.journal.chain import receipt_mark
from protocols.payments.facts import Line, Settlement, Share
from protocols.values.ids import EntryId


class Receipt(msgspec.Struct, frozen=True):
    """A payment that stands. `number` is canteen + lane + business day + sequence; `mark` 8 digits of the chain."""

    entry: EntryId
    attempt: str
    lane: int
    receipt_no: int
    number: str
    mark: str
    business_ms: int
    business_day: int
    person: int
    gross_fen: int
    discount_fen: int
    fee_fen: int
    amount_fen: int
    shares: tuple[Share, ...]
    lines: tuple[Line, ...]


def receipt_number(sale: Settlement, lane_code: str) -> str:
    """The number people read and search by."""
    return f"{sale.canteen}-{lane_code}-{sale.business_day}-{sale.receipt_no:04d}"


def make_receipt(sale: Settlement, lane: Lane, entry: EntryId, head: bytes, business_ms: int) -> Receipt:
    """The receipt of a settlement entry whose chain hash is `head`."""
    return Receipt(
        entry=entry,
        attempt=sale.attempt,
        lane=sale.lane,
        receipt_no=sale.receipt_no,
        number=receipt_number(sale, lane.code),
        mark=receipt_mark(head),
        business_ms=business_ms,
        business_day=sale.business_day,
        person=sale.person,
        gross_fen=sale.gross_fen,
        discount_fen=sale.discount_fen,
        fee_fen=sale.fee_fen,
        amount_fen=sale.amount_fen,
        shares=sale.shares,
        lines=sale.lines,
    )


class ReceiptNumbers:
    """The next number of a lane's business day, in memory; it follows the stored sales after a restart."""

    def __init__(self, reader: Reader) -> None:
        sql = "SELECT lane, business_day, max(receipt_no) FROM canteen_sales GROUP BY lane, business_day"
        self._last: dict[tuple[int, int], int] = {(lane, day): last for lane, day, last in reader.rows(sql)}

    def take(self, tx: Transaction, lane: int, business_day: int) -> int:
        """The next number, given back with the unit."""
        key = (lane, business_day)
        last = self._last.get(key, 0)
        self._last[key] = last + 1
        tx.on_rollback(partial(self._last.__setitem__, key, last))
        return last + 1

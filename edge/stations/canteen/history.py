"""What a lane did lately, read back from the store: last charges for the operator, and what a restart must show."""

from typing import Final, NamedTuple

from edge.stations.canteen.plates import HOLD_MS, PaidPlates
from edge.stations.canteen.receipts import Receipt, make_receipt
from edge.store.connection import Reader
from protocols.canteen.reference import Lane
from protocols.journal.codec import decode_entry
from protocols.payments import facts
from protocols.payments.facts import Refund, Settlement
from protocols.values.ids import EntryId

_COLUMNS: Final = "s.seq, s.refunded_fen, s.shown, e.hash, e.body FROM canteen_sales s JOIN entries e ON e.seq = s.seq"
_SHOWN_AGAIN_MS: Final = 24 * 3_600_000
_PLATES_LOOKED_BACK: Final = 20_000


class Sale(NamedTuple):
    """A sale with what became of it."""

    receipt: Receipt
    refunded_fen: int
    refunded_items: tuple[int, ...]
    whole: bool  # everything went back
    shown: bool


class History:
    """Reads committed rows only."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def recent(self, lane: Lane, limit: int = 20) -> list[Sale]:
        """The lane's last sales, newest first."""
        sql = f"SELECT {_COLUMNS} WHERE s.lane = ? ORDER BY s.seq DESC LIMIT ?"
        return [self._sale(lane, row) for row in self._reader.rows(sql, (lane.id, limit))]

    def sale(self, lane: Lane, seq: int) -> Sale | None:
        """One sale of this stream, made at any lane of it."""
        row = self._reader.row(f"SELECT {_COLUMNS} WHERE s.seq = ?", (seq,))
        return self._sale(lane, row) if row else None

    def unshown(self, lane: Lane, *, now_ms: int) -> Sale | None:
        """The lane's newest charge, when no screen is known to have shown it: asked as a lane starts (rule 18)."""
        sql = f"SELECT {_COLUMNS} WHERE s.lane = ? ORDER BY s.seq DESC LIMIT 1"
        row = self._reader.row(sql, (lane.id,))
        if row is None:
            return None
        sale = self._sale(lane, row)
        old = now_ms - sale.receipt.business_ms > _SHOWN_AGAIN_MS
        return None if sale.shown or sale.refunded_fen or sale.whole or old else sale

    def load_plates(self, plates: PaidPlates, *, now_ms: int) -> None:
        """Mark the plates of the last sales as paid, as they were before the restart."""
        washed = self._reader.row("SELECT at_ms FROM canteen_washes")
        since_ms = max(now_ms - HOLD_MS, washed[0] if washed else 0)
        sql = f"SELECT {_COLUMNS} ORDER BY s.seq DESC LIMIT ?"
        for _seq, refunded_fen, _shown, _head, body in self._reader.rows(sql, (_PLATES_LOOKED_BACK,)):
            entry = decode_entry(body)
            if entry.business_ms <= since_ms:
                return
            sale = facts.decode(Settlement, entry.payload)
            if not refunded_fen or refunded_fen < sale.amount_fen:
                plates.load((line.plate for line in sale.lines if line.plate), entry.business_ms)

    def _sale(self, lane: Lane, row: tuple[int, int, int, bytes, bytes]) -> Sale:
        seq, refunded_fen, shown, head, body = row
        entry = decode_entry(body)
        fact = facts.decode(Settlement, entry.payload)
        receipt = make_receipt(fact, lane, EntryId(entry.device, entry.epoch, seq), bytes(head), entry.business_ms)
        sql = "SELECT e.body FROM canteen_refunds r JOIN entries e ON e.seq = r.seq WHERE r.sale_seq = ?"
        refunds = [facts.decode(Refund, decode_entry(found[0]).payload) for found in self._reader.rows(sql, (seq,))]
        items = tuple(sorted(item for refund in refunds for item in refund.items))
        whole = any(not refund.items for refund in refunds) or (bool(fact.lines) and len(items) == len(fact.lines))
        return Sale(receipt, refunded_fen, items, whole, bool(shown))

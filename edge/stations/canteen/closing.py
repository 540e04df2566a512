"""Daily closing of a lane (日结): an entry over a range of the stream with its totals, proved against the entries.

A closing covers what happened on the lane since the one before, so a sale after it belongs to the next: nothing is
left between two, and nothing depends on the cloud having heard of it.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from edge.journal.journal import Journal
from edge.stations.canteen.catalogue import Catalogue
from edge.store.transaction import Transaction
from protocols.canteen.reference import Lane
from protocols.journal.codec import decode_entry
from protocols.journal.kinds import Kind
from protocols.payments import facts
from protocols.payments.facts import CashTaken, CashVoided, DayClosed, Refund, Settlement

_MONEY: Final[dict[int, type[Settlement | Refund | CashTaken | CashVoided]]] = {
    Kind.SETTLEMENT: Settlement,
    Kind.REFUND: Refund,
    Kind.CASH_TAKEN: CashTaken,
    Kind.CASH_VOIDED: CashVoided,
}
BALANCED, OVER, SHORT, CARRIED = 1, 2, 3, 4
_UNCOUNTED: Final = -1


class Totals(NamedTuple):
    """What a lane took and gave back over a range of entries."""

    settlements: int = 0
    settled_fen: int = 0
    refunds: int = 0
    refunded_fen: int = 0
    cash_fen: int = 0


class Closed(NamedTuple):
    """A closing as told to the operator. `agrees` says whether the till's rows and the journal's entries are equal."""

    fact: DayClosed
    seq: int
    till: Totals
    agrees: bool


class Closing:
    """Runs in the writer's thread. What no closing has counted yet is not pruned."""

    def __init__(self, *, catalogue: Catalogue, journal: Journal) -> None:
        self._catalogue = catalogue
        self._journal = journal
        journal.keep(needed_from)

    def open_since(self, lane: Lane, tx: Transaction) -> tuple[int, Totals]:
        """The first entry after the last closing, and the till's totals since."""
        row = tx.execute("SELECT max(last_seq) FROM canteen_closings WHERE lane = ?", (lane.id,)).fetchone()
        first = (row[0] or 0) + 1
        return first, till_totals(lane.id, first, tx)

    def unit(self, lane: Lane, operator: int, counted_fen: int, tx: Transaction) -> Closed:
        """Close up to now. `counted_fen` is the cash in the drawer, -1 where none was counted."""
        first, till = self.open_since(lane, tx)
        last = self._journal.head_seq
        sql = "SELECT body FROM entries WHERE seq >= ? AND seq <= ?"
        found = journal_totals(lane.id, (body for (body,) in tx.execute(sql, (first, last))))
        now_ms = self._journal.now().now_ms
        day = self._catalogue.calendar(lane.canteen, now_ms).moment(now_ms).business_day
        fact = DayClosed(
            lane=lane.id,
            canteen=lane.canteen,
            business_day=day,
            first_seq=first,
            last_seq=last,
            settlements=found.settlements,
            settled_fen=found.settled_fen,
            refunds=found.refunds,
            refunded_fen=found.refunded_fen,
            cash_fen=found.cash_fen,
            cash_counted_fen=counted_fen,
            state=_state(found.cash_fen, counted_fen, agrees=found == till),
            operator=operator,
        )
        made = self._journal.append(tx, Kind.DAY_CLOSED, fact)
        tx.execute("INSERT INTO canteen_closings VALUES (?, ?, ?, ?)", (lane.id, last, made.seq, day))
        return Closed(fact, made.seq, till, found == till)


def needed_from(tx: Transaction, first: int, last: int) -> int:
    """The oldest entry between two that moved money on a lane since its last closing; above `last` if none did."""
    closed = dict(tx.execute("SELECT lane, max(last_seq) FROM canteen_closings GROUP BY lane").fetchall())
    sql = "SELECT seq, kind, body FROM entries WHERE seq BETWEEN ? AND ? ORDER BY seq"
    for seq, kind, body in tx.execute(sql, (first, last)):
        if kind in _MONEY and seq > closed.get(facts.decode(_MONEY[kind], decode_entry(body).payload).lane, 0):
            return int(seq)
    return last + 1


def till_totals(lane: int, first: int, tx: Transaction) -> Totals:
    """Totals of the till's own rows from entry `first` on."""

    def one(sql: str) -> tuple[int, int]:
        count, total = tx.execute(sql, (first, lane)).fetchone()
        return count, total or 0

    sales = one("SELECT count(*), sum(amount_fen) FROM canteen_sales WHERE seq >= ? AND lane = ?")
    refunds = one("SELECT count(*), sum(amount_fen) FROM canteen_refunds WHERE seq >= ? AND lane = ?")
    taken = one("SELECT count(*), sum(amount_fen) FROM canteen_cash WHERE seq >= ? AND lane = ?")
    voided = one("SELECT count(*), sum(amount_fen) FROM canteen_cash WHERE void_seq >= ? AND lane = ?")
    return Totals(*sales, *refunds, taken[1] - voided[1])


def journal_totals(lane: int, bodies: Iterable[bytes]) -> Totals:
    """The same from the entries themselves."""
    found = dict.fromkeys(Totals._fields, 0)
    for body in bodies:
        entry = decode_entry(body)
        match entry.kind:
            case Kind.SETTLEMENT:
                _add(found, facts.decode(Settlement, entry.payload), lane, "settlements", "settled_fen")
            case Kind.REFUND:
                _add(found, facts.decode(Refund, entry.payload), lane, "refunds", "refunded_fen")
            case Kind.CASH_TAKEN:
                _add(found, facts.decode(CashTaken, entry.payload), lane, "", "cash_fen")
            case Kind.CASH_VOIDED:
                _add(found, facts.decode(CashVoided, entry.payload), lane, "", "cash_fen", sign=-1)
    return Totals(**found)


def _add(
    found: dict[str, int],
    fact: Settlement | Refund | CashTaken | CashVoided,
    lane: int,
    count: str,
    total: str,
    *,
    sign: int = 1,
) -> None:
    if fact.lane == lane:
        found[total] += sign * fact.amount_fen
        if count:
            found[count] += 1


def _state(cash_fen: int, counted_fen: int, *, agrees: bool) -> int:
    if not agrees:
        return CARRIED
    if counted_fen in (_UNCOUNTED, cash_fen):
        return BALANCED
    return OVER if counted_fen > cash_fen else SHORT

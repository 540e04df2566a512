"""The canteen's use cases driven without lanes: pay, refund, take cash, close, over a real store."""

from functools import partial
from typing import Any

from edge.stations.canteen.cash import CashAsked, CashKept
from edge.stations.canteen.checkout import Asked
from edge.stations.canteen.closing import Closed
from edge.stations.canteen.desk import Desk
from edge.stations.canteen.identify import Payer, Presented
from edge.stations.canteen.receipts import Receipt
from edge.stations.canteen.refunds import RefundAsked, Refunded
from protocols.journal.messages import Entry
from protocols.payments.facts import Line
from tests.support.canteen import CARDS, PLATE_LANE


def dish(price_fen: int, number: int = 2, plate: str = "") -> Line:
    """One line of a bill."""
    return Line(number, plate, 1, 0, price_fen, price_fen)


def card(desk: Desk, person: int = 1) -> Payer:
    """The person by card."""
    known = desk.identifier.at_once(Presented("card", CARDS[person]))
    assert isinstance(known, Payer)
    return known


async def pay(
    desk: Desk,
    *lines: Line,
    attempt: str = "t1",
    payer: Payer | None = None,
    lane: Any = PLATE_LANE,
    last_try: bool = True,
) -> Any:
    """A payment, as a lane asks for it."""
    asked = Asked(attempt, lane, payer or card(desk), lines, sum(line.amount_fen for line in lines))
    return await desk.site.writer.submit(partial(desk.checkout.unit, asked, last_try=last_try))


async def paid(desk: Desk, *lines: Line, **options: Any) -> Receipt:
    """A payment that is taken."""
    outcome = await pay(desk, *lines, **options)
    assert isinstance(outcome, Receipt), outcome
    return outcome


async def refund(
    desk: Desk, receipt: Receipt, *items: int, attempt: str = "r1", reason: int = 1, limit_fen: int = 0
) -> Refunded:
    """Money back."""
    asked = RefundAsked(attempt, PLATE_LANE, receipt.entry.seq, reason, 1, limit_fen, items)
    return await desk.site.writer.submit(partial(desk.refunds.unit, asked), in_hand=True)


async def take_cash(desk: Desk, amount_fen: int, *, person: int = 1, attempt: str = "c1") -> CashKept:
    """Cash from a person."""
    asked = CashAsked(attempt, PLATE_LANE, person, amount_fen, 1)
    return await desk.site.writer.submit(partial(desk.cash.take, asked), in_hand=True)


async def close(desk: Desk, *, counted_fen: int = -1, lane: Any = PLATE_LANE) -> Closed:
    """The day's end."""
    return await desk.site.writer.submit(partial(desk.closing.unit, lane, 1, counted_fen), in_hand=True)


def entries(desk: Desk, kind: int) -> list[Entry]:
    """Entries of a kind, in order."""
    journal = desk.site.journal
    found = [journal.entry(seq) for seq in range(1, journal.committed().seq + 1)]
    return [entry for entry in found if entry.kind == kind]

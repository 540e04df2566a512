"""The part every lane shares: from a presented card to a receipt, a refusal or a PIN, and how long each is shown."""

from dataclasses import dataclass, replace
from typing import Final

from edge.stations.canteen.identify import Payer, Presented
from edge.stations.canteen.lanes.events import Answered, Effect, GivePin, Identify, Known, Pay, Sound
from edge.stations.canteen.receipts import Receipt
from protocols.payments.facts import Line
from protocols.payments.refusals import Refusal

PAID_MS: Final = 4_000
REFUSED_MS: Final = 5_000
PIN_MS: Final = 30_000
ANSWER_MS: Final = 15_000


@dataclass(frozen=True, slots=True)
class Bill:
    """What is to be paid. Frozen when a payment begins: nothing is added to it afterwards."""

    lines: tuple[Line, ...] = ()
    priced_fen: int = 0
    session: str = ""
    operator: int = 0


NO_BILL: Final = Bill()


@dataclass(frozen=True, slots=True)
class Till:
    """`stage`: "open", "identifying", "paying", "pin", "paid", "refused". `until_ms` ends what is shown or waited for.

    An attempt's name is made before its first try and kept through PIN and retries, so repeating is harmless.
    """

    prefix: str
    count: int = 0
    stage: str = "open"
    attempt: str = ""
    bill: Bill = NO_BILL
    payer: Payer | None = None
    receipt: Receipt | None = None
    refusal: Refusal | None = None
    pin_fen: int = 0
    until_ms: int = 0

    @property
    def busy(self) -> bool:
        """Whether a payment is under way and its bill frozen."""
        return self.stage in ("identifying", "paying", "pin")


Stepped = tuple[Till, list[Effect]]


def begin(till: Till, bill: Bill, presented: Presented, at_ms: int) -> Stepped:
    """Somebody wants to pay this bill."""
    attempt = f"{till.prefix}.{till.count + 1}"
    started = Till(
        till.prefix,
        till.count + 1,
        "identifying",
        attempt,
        bill,
        receipt=None,
        until_ms=at_ms + ANSWER_MS,
    )
    return started, [Identify(attempt, presented)]


def pay(till: Till, bill: Bill, payer: Payer, attempt: str, at_ms: int) -> Stepped:
    """Somebody known already pays; `attempt` is the caller's own name for it."""
    started = Till(till.prefix, till.count, "identifying", attempt, bill, until_ms=at_ms + ANSWER_MS)
    return known(started, Known(at_ms, attempt, payer))


def known(till: Till, event: Known) -> Stepped:
    """Who it is came back: pay, or refuse. A wrong PIN asks again."""
    if event.attempt != till.attempt or till.stage != "identifying":
        return till, []
    if isinstance(event.outcome, Refusal):
        if till.payer is not None and till.pin_fen and event.outcome.reason == "pin_wrong":
            asking = replace(till, stage="pin", refusal=event.outcome, until_ms=event.at_ms + PIN_MS)
            return asking, [Sound("refused")]
        return refuse(till, event.outcome, event.at_ms)
    paying = replace(till, stage="paying", payer=event.outcome, refusal=None, until_ms=0)
    bill = till.bill
    return paying, [Pay(till.attempt, event.outcome, bill.lines, bill.priced_fen, bill.operator, bill.session)]


def answered(till: Till, event: Answered) -> Stepped:
    """The payment was written, refused, or needs a PIN first."""
    if event.attempt != till.attempt or till.stage != "paying":
        return till, []
    if event.pin_fen:
        asking = replace(till, stage="pin", pin_fen=event.pin_fen, until_ms=event.at_ms + PIN_MS)
        return asking, [Sound("ask")]
    if isinstance(event.outcome, Receipt):
        paid = replace(till, stage="paid", receipt=event.outcome, until_ms=event.at_ms + PAID_MS)
        return paid, [Sound("paid")]
    if event.outcome is None:
        return close(till), []
    return refuse(till, event.outcome, event.at_ms)


def pin(till: Till, digits: str, at_ms: int) -> Stepped:
    """The diner typed a PIN."""
    if till.stage != "pin" or till.payer is None:
        return till, []
    checking = replace(till, stage="identifying", until_ms=at_ms + ANSWER_MS)
    return checking, [GivePin(till.attempt, till.payer, digits)]


def refuse(till: Till, refusal: Refusal, at_ms: int) -> Stepped:
    """Say why nothing was charged."""
    return replace(till, stage="refused", refusal=refusal, until_ms=at_ms + REFUSED_MS), [Sound("refused")]


def close(till: Till) -> Till:
    """Ready for the next bill."""
    return Till(till.prefix, till.count)


def tick(till: Till, at_ms: int) -> Till:
    """What was shown long enough goes; a PIN nobody typed and a card nobody could look up are given up.

    A payment being written is never given up here: its outcome is a fact and will come.
    """
    if till.until_ms and at_ms >= till.until_ms and till.stage not in ("open", "paying"):
        return close(till)
    return till

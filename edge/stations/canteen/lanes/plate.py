"""The plate lane (智能芯片识别结算): a tray of chipped plates becomes a bill once the reader agrees with itself.

Nobody pays for a doubtful plate: an unknown chip, one at the edge of the field, two trays, or a tray that changes or
lifts between the tap and the payment each ends in words on the screen and no charge.
"""

from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from edge.stations.canteen.identify import Presented
from edge.stations.canteen.lanes import till as tills
from edge.stations.canteen.lanes.events import Acted, Answered, DeviceLink, Effect, Known, LookUp, Shown, Sound, Tick
from edge.stations.canteen.lanes.field import Field, Heard, View
from edge.stations.canteen.lanes.till import Bill, Till
from protocols.payments.facts import Line
from protocols.payments.refusals import Reason, Refusal

TAP_WAITS_MS: Final = 4_000


@dataclass(frozen=True, slots=True)
class RoundHeard:
    """A round of the reader."""

    at_ms: int
    tags: frozenset[Heard]
    whole: bool = True


class Priced(NamedTuple):
    """What the plates of a set are: lines to pay, those paid before, unknown ones, dishes without a price, trays."""

    uids: frozenset[str]
    lines: tuple[Line, ...] = ()
    paid: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()
    priceless: frozenset[str] = frozenset()
    trays: int = 0

    @property
    def total_fen(self) -> int:
        """Sum of what is to be paid."""
        return sum(line.amount_fen for line in self.lines)


@dataclass(frozen=True, slots=True)
class PricedSet:
    """The answer to Price."""

    at_ms: int
    priced: Priced


@dataclass(frozen=True, slots=True)
class Price:
    """Look these plates up; answered by PricedSet."""

    uids: frozenset[str]


@dataclass(frozen=True, slots=True)
class PlateLane:
    """`ask` is the word of what the person must do first; `down` the devices that are away."""

    till: Till
    field: Field
    read_timeout_ms: int = 8_000
    most_plates: int = 12
    priced: Priced | None = None
    ask: str = ""
    reading_since_ms: int = 0
    tap: Presented | None = None
    tap_until_ms: int = 0
    down: frozenset[str] = frozenset()

    @property
    def phase(self) -> str:
        """The word screens show."""
        if self.down and self.till.stage == "open":
            return "down"
        if self.till.stage != "open":
            return "paying" if self.till.busy else self.till.stage
        if self.ask:
            return "ask"
        if self.priced is not None:
            return "bill"
        return "reading" if self.reading_since_ms else "idle"

    @property
    def wake_ms(self) -> int:
        """When to send a Tick; 0 never."""
        deadline = self.reading_since_ms + self.read_timeout_ms if self.reading_since_ms else 0
        times = [ms for ms in (self.till.until_ms, self.tap_until_ms, deadline) if ms]
        return min(times, default=0)


Event = Tick | DeviceLink | Shown | Known | Answered | Acted | RoundHeard | PricedSet
Stepped = tuple[PlateLane, list[Effect]]


def step(state: PlateLane, event: Event) -> Stepped:
    """What a lane does about an event."""
    match event:
        case RoundHeard():
            return _heard(replace(state, field=state.field.hear(event.tags, whole=event.whole)), event.at_ms)
        case PricedSet():
            return _priced(state, event)
        case Shown():
            return _shown(state, event.presented, event.at_ms)
        case Known():
            return _known(state, event)
        case Answered():
            return _with_till(state, tills.answered(state.till, event))
        case DeviceLink():
            return _device(state, event)
        case Acted():
            return _acted(state, event)
        case Tick():
            return _tick(state, event.at_ms)


def _heard(state: PlateLane, at_ms: int) -> Stepped:
    view = state.field.view()
    if state.till.busy:
        return _while_paying(state, view, at_ms)
    if view.empty:
        return _emptied(state), []
    if state.till.stage != "open" and not _moved_on(state, view):
        return state, []
    state = replace(state, till=tills.close(state.till))
    if view.stable is None:
        if state.ask == "unsteady":
            return state, []
        return replace(state, priced=None, ask="", reading_since_ms=state.reading_since_ms or at_ms), []
    if view.edge:
        return _ask(replace(state, priced=None, reading_since_ms=0), "edge")
    if state.priced is None or state.priced.uids != view.stable:
        return replace(state, reading_since_ms=state.reading_since_ms or at_ms), [Price(view.stable)]
    return state, []


def _while_paying(state: PlateLane, view: View, at_ms: int) -> Stepped:
    """The bill is frozen. Before the payment is being written, a tray that changes ends it; after, it stands."""
    if state.till.stage == "paying" or state.priced is None:
        return state, []
    changed = view.stable is not None and view.stable != state.priced.uids
    if view.empty or changed:
        till, effects = tills.refuse(state.till, Refusal(Reason.BILL_CHANGED), at_ms)
        return replace(state, till=till, priced=None), effects
    return state, []


def _moved_on(state: PlateLane, view: View) -> bool:
    """Whether what lies there is other than what the screen still tells about."""
    if view.stable is None:
        return False
    return state.priced is None or view.stable != state.priced.uids


def _emptied(state: PlateLane) -> PlateLane:
    """Nothing lies there. A receipt or a refusal stays for its time; a bill not paid goes without a charge."""
    return replace(state, priced=None, ask="", reading_since_ms=0)


def _priced(state: PlateLane, event: PricedSet) -> Stepped:
    priced = event.priced
    view = state.field.view()
    if view.stable != priced.uids or state.till.stage != "open":
        return state, []
    state = replace(state, priced=priced, reading_since_ms=0, ask="")
    if priced.unknown:
        return _ask(state, "unknown_plate")
    if priced.trays > 1 or len(priced.uids) > state.most_plates:
        return _ask(state, "two_trays")
    if priced.priceless:
        return _ask(state, str(Reason.PRICE_MISSING))
    if not priced.lines:
        return replace(state, ask="take_tray" if priced.paid else "no_dish"), []
    if state.tap is not None and event.at_ms < state.tap_until_ms:
        return _begin(state, state.tap, event.at_ms)
    return state, [Sound("ready")]


def _shown(state: PlateLane, presented: Presented, at_ms: int) -> Stepped:
    if state.till.busy or state.down:
        return state, []
    if state.till.stage == "paid" and state.priced is not None:
        return state, []  # the same card again over the paid tray
    if state.till.stage != "open":
        state = replace(state, till=tills.close(state.till))
    if state.ask:
        return state, [Sound("ask")]
    if state.priced is not None and state.priced.lines:
        return _begin(state, presented, at_ms)
    if state.reading_since_ms:
        return replace(state, tap=presented, tap_until_ms=at_ms + TAP_WAITS_MS), []
    return state, [LookUp(presented)]


def _begin(state: PlateLane, presented: Presented, at_ms: int) -> Stepped:
    if state.priced is None:
        return state, []
    bill = Bill(state.priced.lines, state.priced.total_fen)
    till, effects = tills.begin(state.till, bill, presented, at_ms)
    return replace(state, till=till, tap=None, tap_until_ms=0), effects


def _known(state: PlateLane, event: Known) -> Stepped:
    """Last look before paying: one of the two latest rounds must show the very tray of the bill."""
    if state.till.stage == "identifying" and state.till.attempt == event.attempt and state.priced is not None:
        recent = [one.sure - state.field.view().strays for one in state.field.rounds[-2:]]
        if state.priced.uids not in recent:
            till, effects = tills.refuse(state.till, Refusal(Reason.BILL_CHANGED), event.at_ms)
            return replace(state, till=till, priced=None), effects
    return _with_till(state, tills.known(state.till, event))


def _device(state: PlateLane, event: DeviceLink) -> Stepped:
    if not event.needed:
        return state, []
    if event.up:
        return replace(state, down=state.down - {event.device}, field=state.field.forget()), []
    state = replace(
        _emptied(state), down=state.down | {event.device}, field=state.field.forget(), tap=None, tap_until_ms=0
    )
    if state.till.stage in ("identifying", "pin"):
        till, effects = tills.refuse(state.till, Refusal(Reason.BILL_CHANGED), event.at_ms)
        return replace(state, till=till), effects
    return state, []


def _acted(state: PlateLane, event: Acted) -> Stepped:
    match event.name:
        case "pin":
            return _with_till(state, tills.pin(state.till, str(event.fields.get("digits", "")), event.at_ms))
        case "cancel" if state.till.stage in ("identifying", "pin", "refused"):
            return replace(state, till=tills.close(state.till)), []
        case "again":  # read the tray anew
            if state.till.busy:
                return state, []
            cleared = replace(_emptied(state), till=tills.close(state.till), field=state.field.forget())
            return cleared, []
    return state, []


def _tick(state: PlateLane, at_ms: int) -> Stepped:
    before = state.till.stage
    state = replace(state, till=tills.tick(state.till, at_ms))
    if state.tap is not None and at_ms >= state.tap_until_ms:
        state = replace(state, tap=None, tap_until_ms=0)
    if before == "paid" and state.till.stage == "open" and state.priced is not None:
        return replace(state, priced=None), [Price(state.priced.uids)]  # the tray still lies there, paid now
    if state.reading_since_ms and at_ms - state.reading_since_ms >= state.read_timeout_ms:
        return _ask(replace(state, reading_since_ms=0), "unsteady")
    return state, []


def _ask(state: PlateLane, word: str) -> Stepped:
    if state.ask == word:
        return state, []
    return replace(state, ask=word), [Sound("ask")]


def _with_till(state: PlateLane, stepped: tills.Stepped) -> Stepped:
    till, effects = stepped
    return replace(state, till=till), effects

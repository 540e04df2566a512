"""The stall lane (档口就餐): the operator keys an amount or picks dishes, the diner sees it and taps."""

from dataclasses import dataclass, replace

from edge.stations.canteen.lanes import till as tills
from edge.stations.canteen.lanes.events import (
    Acted,
    Answered,
    DeviceLink,
    Effect,
    Known,
    LookUp,
    Shown,
    Sound,
    Tick,
)
from edge.stations.canteen.lanes.till import NO_BILL, Bill, Till


@dataclass(frozen=True, slots=True)
class Ordered:
    """What the operator rang up; it replaces what stood there, unless that is being paid."""

    at_ms: int
    bill: Bill


@dataclass(frozen=True, slots=True)
class PosLane:
    """`bill` waits for a diner; `until_ms` clears one that nobody pays."""

    till: Till
    idle_timeout_ms: int = 120_000
    bill: Bill = NO_BILL
    until_ms: int = 0

    @property
    def phase(self) -> str:
        """The word screens show."""
        if self.till.stage != "open":
            return "paying" if self.till.busy else self.till.stage
        return "bill" if self.bill.lines else "idle"

    @property
    def wake_ms(self) -> int:
        """When to send a Tick; 0 never."""
        return min((ms for ms in (self.till.until_ms, self.until_ms) if ms), default=0)


Event = Tick | DeviceLink | Shown | Known | Answered | Acted | Ordered
Stepped = tuple[PosLane, list[Effect]]


def step(state: PosLane, event: Event) -> Stepped:
    """What a stall does about an event."""
    match event:
        case Ordered():
            return _ordered(state, event)
        case Shown():
            return _shown(state, event)
        case Known():
            return _with_till(state, tills.known(state.till, event))
        case Answered():
            return _answered(state, event)
        case Acted():
            return _acted(state, event)
        case Tick():
            return _tick(state, event.at_ms), []
    return state, []


def _ordered(state: PosLane, event: Ordered) -> Stepped:
    if state.till.busy:
        return state, []
    until_ms = event.at_ms + state.idle_timeout_ms
    return replace(state, till=tills.close(state.till), bill=event.bill, until_ms=until_ms), [Sound("ready")]


def _shown(state: PosLane, event: Shown) -> Stepped:
    if state.till.busy:
        return state, []
    if not state.bill.lines:
        return state, [LookUp(event.presented)]
    return _with_till(state, tills.begin(state.till, state.bill, event.presented, event.at_ms))


def _answered(state: PosLane, event: Answered) -> Stepped:
    state, effects = _with_till(state, tills.answered(state.till, event))
    if state.till.stage == "paid":
        state = replace(state, bill=NO_BILL, until_ms=0)
    return state, effects


def _acted(state: PosLane, event: Acted) -> Stepped:
    match event.name:
        case "pin":
            return _with_till(state, tills.pin(state.till, str(event.fields.get("digits", "")), event.at_ms))
        case "cancel" if state.till.stage != "paying":
            kept = state.bill if state.till.busy and not event.operator else NO_BILL
            until_ms = state.until_ms if kept.lines else 0
            return replace(state, till=tills.close(state.till), bill=kept, until_ms=until_ms), []
    return state, []


def _tick(state: PosLane, at_ms: int) -> PosLane:
    state = replace(state, till=tills.tick(state.till, at_ms))
    if state.until_ms and at_ms >= state.until_ms and not state.till.busy:
        return replace(state, bill=NO_BILL, until_ms=0)
    return state


def _with_till(state: PosLane, stepped: tills.Stepped) -> Stepped:
    till, effects = stepped
    return replace(state, till=till), effects

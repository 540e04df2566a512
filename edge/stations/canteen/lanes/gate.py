"""The buffet gate (自助餐闸机): a fixed price, one pass a meal, and the gate opens once the payment is durable.

Who paid and did not walk through may tap again and is let in without paying twice.
"""

from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from edge.stations.canteen.identify import Payer
from edge.stations.canteen.lanes import till as tills
from edge.stations.canteen.lanes.events import Acted, Answered, DeviceLink, Effect, Known, Shown, Sound, Tick
from edge.stations.canteen.lanes.till import NO_BILL, Till
from edge.stations.canteen.receipts import Receipt

OPEN_MS: Final = 6_000
OWED_MS: Final = 3 * 3_600_000
_NOTE_MS: Final = 4_000
_MOST_OWED: Final = 2_000


class Entry(NamedTuple):
    """A paid entry: the settlement, who, until when the gate is open for it or the way in is owed."""

    seq: int
    person: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class Passed:
    """Somebody walked through."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Opened:
    """The answer to OpenGate."""

    at_ms: int
    seq: int
    well: bool


@dataclass(frozen=True, slots=True)
class OpenGate:
    """Let one person in; answered by Opened."""

    seq: int
    duration_ms: int


@dataclass(frozen=True, slots=True)
class RecordPass:
    """Keep whether somebody went through for this settlement."""

    seq: int
    passed: bool


@dataclass(frozen=True, slots=True)
class GateLane:
    """`open` are entries the gate was opened for, oldest first; `owed` those paid for and not walked."""

    till: Till
    open: tuple[Entry, ...] = ()
    owed: tuple[Entry, ...] = ()
    down: frozenset[str] = frozenset()
    note: str = ""
    note_until_ms: int = 0

    @property
    def phase(self) -> str:
        """The word screens show."""
        if self.down and self.till.stage == "open":
            return "down"
        if self.till.stage != "open":
            return "paying" if self.till.busy else self.till.stage
        if self.note:
            return "ask"
        return "idle"

    @property
    def wake_ms(self) -> int:
        """When to send a Tick; 0 never."""
        times = [self.till.until_ms, self.note_until_ms, *(entry.until_ms for entry in self.open)]
        return min((ms for ms in times if ms), default=0)


Event = Tick | DeviceLink | Shown | Known | Answered | Acted | Passed | Opened
Stepped = tuple[GateLane, list[Effect]]


def step(state: GateLane, event: Event) -> Stepped:
    """What a gate does about an event."""
    match event:
        case Shown():
            return _shown(state, event)
        case Known():
            return _known(state, event)
        case Answered():
            return _answered(state, event)
        case Passed():
            return _passed(state)
        case Opened():
            return _opened(state, event)
        case Acted():
            return _acted(state, event)
        case DeviceLink():
            return _device(state, event), []
        case Tick():
            return _tick(state, event.at_ms)


def _shown(state: GateLane, event: Shown) -> Stepped:
    if state.till.busy or state.down:
        return state, []
    state = replace(state, note="", note_until_ms=0)
    return _with_till(state, tills.begin(state.till, NO_BILL, event.presented, event.at_ms))


def _known(state: GateLane, event: Known) -> Stepped:
    """Somebody who paid and did not get in is let in; anybody else pays."""
    if isinstance(event.outcome, Payer) and event.attempt == state.till.attempt:
        person = event.outcome.person
        owed = next((one for one in state.owed if one.person == person and one.until_ms > event.at_ms), None)
        if owed is not None and state.till.stage == "identifying":
            left = tuple(one for one in state.owed if one is not owed)
            state = replace(state, till=tills.close(state.till), owed=left)
            return _let_in(state, owed, event.at_ms)
    return _with_till(state, tills.known(state.till, event))


def _answered(state: GateLane, event: Answered) -> Stepped:
    """Only a durable payment opens the gate."""
    before = state.till
    state, effects = _with_till(state, tills.answered(state.till, event))
    if before.stage == "paying" and state.till.stage == "paid" and isinstance(event.outcome, Receipt):
        entry = Entry(event.outcome.entry.seq, event.outcome.person, 0)
        state, opening = _let_in(state, entry, event.at_ms)
        return state, effects + opening
    return state, effects


def _let_in(state: GateLane, entry: Entry, at_ms: int) -> Stepped:
    waiting = entry._replace(until_ms=at_ms + OPEN_MS)
    return replace(state, open=(*state.open, waiting)), [OpenGate(entry.seq, OPEN_MS)]


def _opened(state: GateLane, event: Opened) -> Stepped:
    """A gate that does not answer: the payment stands, the way in is owed, a person helps."""
    if event.well:
        return state, []
    stuck = [entry for entry in state.open if entry.seq == event.seq]
    if not stuck:
        return state, []
    left = tuple(entry for entry in state.open if entry.seq != event.seq)
    state = _owe(replace(state, open=left), stuck, event.at_ms)
    noted = replace(state, till=tills.close(state.till), note="gate_stuck", note_until_ms=event.at_ms + _NOTE_MS * 3)
    return noted, [RecordPass(event.seq, passed=False), Sound("ask")]


def _passed(state: GateLane) -> Stepped:
    """The oldest entry the gate was opened for walked through. A passage nobody paid for is not ours to bill."""
    if not state.open:
        return state, []
    entry, *left = state.open
    return replace(state, open=tuple(left)), [RecordPass(entry.seq, passed=True)]


def _acted(state: GateLane, event: Acted) -> Stepped:
    match event.name:
        case "pin":
            return _with_till(state, tills.pin(state.till, str(event.fields.get("digits", "")), event.at_ms))
        case "cancel" if state.till.stage != "paying":
            return replace(state, till=tills.close(state.till), note="", note_until_ms=0), []
        case "open_gate" if event.operator and state.owed:
            *left, latest = state.owed
            return _let_in(replace(state, owed=tuple(left), note="", note_until_ms=0), latest, event.at_ms)
    return state, []


def _device(state: GateLane, event: DeviceLink) -> GateLane:
    if not event.needed:
        return state
    down = state.down - {event.device} if event.up else state.down | {event.device}
    return replace(state, down=down)


def _tick(state: GateLane, at_ms: int) -> Stepped:
    state = replace(state, till=tills.tick(state.till, at_ms))
    if state.note_until_ms and at_ms >= state.note_until_ms:
        state = replace(state, note="", note_until_ms=0)
    missed = [entry for entry in state.open if at_ms >= entry.until_ms]
    if not missed:
        return state, []
    left = tuple(entry for entry in state.open if at_ms < entry.until_ms)
    state = _owe(replace(state, open=left), missed, at_ms)
    noted = replace(state, note="not_passed", note_until_ms=at_ms + _NOTE_MS)
    return noted, [RecordPass(entry.seq, passed=False) for entry in missed]


def _owe(state: GateLane, entries: list[Entry], at_ms: int) -> GateLane:
    owed = (*state.owed, *(entry._replace(until_ms=at_ms + OWED_MS) for entry in entries))
    return replace(state, owed=tuple(one for one in owed if one.until_ms > at_ms)[-_MOST_OWED:])


def _with_till(state: GateLane, stepped: tills.Stepped) -> Stepped:
    till, effects = stepped
    return replace(state, till=till), effects

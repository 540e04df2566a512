"""The vision lane (AI 视觉识别结算): a camera's view of a tray becomes a bill once several views agree.

Nobody pays for a doubt: a dish that is not known is asked about, a thing nobody knows blocks the bill, and so do chips
or a scale that say otherwise (`models.fusion`). A tray that was paid must leave before the next bill begins, for
without chips nobody can tell it from another.
"""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from edge.stations.canteen.identify import Presented
from edge.stations.canteen.lanes import till as tills
from edge.stations.canteen.lanes.events import Acted, Answered, DeviceLink, Effect, Known, LookUp, Shown, Sound, Tick
from edge.stations.canteen.lanes.till import Bill, Till
from edge.stations.canteen.receipts import Receipt
from protocols.payments.facts import Line
from protocols.payments.refusals import Reason, Refusal

TAP_WAITS_MS: Final = 4_000
CLEAR_FIRST: Final = "clear_first"
TAKE_TRAY: Final = "take_tray"
SAME_PLACE: Final = 0.5  # overlap over union from which two boxes are one dish

Box = tuple[float, float, float, float]  # left, top, width, height as shares of the picture


class Item(NamedTuple):
    """A dish in the picture. `dish` may be charged only where `outcome` is "known"; else "ask" or "unknown"."""

    box: Box
    dish: int
    outcome: str
    candidates: tuple[int, ...] = ()


class Choice(NamedTuple):
    """What a person said a dish is; `operator` 0 for the diner."""

    box: Box
    dish: int
    operator: int


class View(NamedTuple):
    """One look at the counter, judged with what chips and scale say. `reasons` are the words of what is in doubt.

    `pending` while a part has not made up its mind; `blind` where the picture shows nothing of use.
    """

    items: tuple[Item, ...] = ()
    lines: tuple[Line, ...] = ()
    reasons: tuple[str, ...] = ()
    uids: frozenset[str] = frozenset()
    pending: bool = False
    blind: bool = False

    @property
    def empty(self) -> bool:
        """Nothing lies there, as far as can be seen and heard."""
        return not self.items and not self.uids and not self.blind

    @property
    def mark(self) -> tuple[object, ...]:
        """What must be the same for two views to agree."""
        dishes = Counter((item.dish if item.outcome == "known" else 0, item.outcome) for item in self.items)
        return (frozenset(dishes.items()), self.lines, self.reasons, self.uids, self.pending, self.blind)

    @property
    def total_fen(self) -> int:
        """Sum of what is to be paid."""
        return sum(line.amount_fen for line in self.lines)


@dataclass(frozen=True, slots=True)
class TraySeen:
    """A look at the counter."""

    at_ms: int
    view: View


@dataclass(frozen=True, slots=True)
class Chosen:
    """Somebody said which dish it is at that place."""

    at_ms: int
    choice: Choice


@dataclass(frozen=True, slots=True)
class Judge:
    """Judge the last picture anew, with what was chosen; answered by TraySeen."""


@dataclass(frozen=True, slots=True)
class VisionLane:
    """`tray` is the view the bill stands on; `choices` hold until the counter is empty.

    `settled` is the word by which the counter must be cleared before the next bill: a paid tray, and whatever lies
    there when the lane starts, for it may have been paid before a restart.
    """

    till: Till
    rounds: int = 3
    of: int = 5
    read_timeout_ms: int = 8_000
    views: tuple[View, ...] = ()
    tray: View | None = None
    choices: tuple[Choice, ...] = ()
    settled: str = CLEAR_FIRST
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
        if self.tray is not None:
            return "bill"
        return "reading" if self.reading_since_ms else "idle"

    @property
    def wake_ms(self) -> int:
        """When to send a Tick; 0 never."""
        deadline = self.reading_since_ms + self.read_timeout_ms if self.reading_since_ms else 0
        times = [ms for ms in (self.till.until_ms, self.tap_until_ms, deadline) if ms]
        return min(times, default=0)

    @property
    def cleared(self) -> bool:
        """Whether the counter is empty: two looks say so, and `rounds` of them where a paid tray lay there."""
        needed = self.rounds if self.settled else min(2, self.rounds)
        return len(self.views) >= needed and all(view.empty for view in self.views[-needed:])

    @property
    def steady(self) -> View | None:
        """The latest view, where enough of the last ones agree with it and nothing is pending."""
        if not self.views or self.views[-1].pending:
            return None
        latest = self.views[-1]
        return latest if sum(view.mark == latest.mark for view in self.views) >= self.rounds else None


Event = Tick | DeviceLink | Shown | Known | Answered | Acted | TraySeen | Chosen
Stepped = tuple[VisionLane, list[Effect]]


def step(state: VisionLane, event: Event) -> Stepped:
    """What a lane does about an event."""
    match event:
        case TraySeen():
            return _seen(replace(state, views=(*state.views, event.view)[-state.of :]), event.at_ms)
        case Chosen():
            return _chosen(state, event)
        case Shown():
            return _shown(state, event.presented, event.at_ms)
        case Known():
            return _known(state, event)
        case Answered():
            return _answered(state, event)
        case DeviceLink():
            return _device(state, event)
        case Acted():
            return _acted(state, event)
        case Tick():
            return _tick(state, event.at_ms)


def overlap(one: Box, other: Box) -> float:
    """Area of both over area of either."""
    wide = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    high = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    both = max(0.0, wide) * max(0.0, high)
    total = one[2] * one[3] + other[2] * other[3] - both
    return both / total if total > 0 else 0.0


def decided(items: tuple[Item, ...], choices: tuple[Choice, ...]) -> tuple[Item, ...]:
    """The items, those that a person spoke about known as they said."""

    def one(item: Item) -> Item:
        said = next((each for each in reversed(choices) if overlap(each.box, item.box) >= SAME_PLACE), None)
        return item if said is None else item._replace(dish=said.dish, outcome="known")

    return tuple(one(item) for item in items)


def _seen(state: VisionLane, at_ms: int) -> Stepped:
    if state.till.busy:
        return _while_paying(state, at_ms)
    if state.cleared or state.settled or state.views[-1].empty:
        return (_emptied(state) if state.cleared else _still_there(state)), []
    if state.till.stage != "open":
        if state.steady is None or (state.tray is not None and state.steady.mark == state.tray.mark):
            return state, []  # a refusal is shown for its time, unless another tray came
        state = replace(state, till=tills.close(state.till), tray=None)
    steady = state.steady
    if steady is None:
        if state.ask == "unsteady":
            return state, []
        return replace(state, tray=None, ask="", reading_since_ms=state.reading_since_ms or at_ms), []
    if state.tray is not None and state.tray.mark == steady.mark:
        return replace(state, tray=steady), []
    return _settle_on(state, steady, at_ms)


def _settle_on(state: VisionLane, steady: View, at_ms: int) -> Stepped:
    """What several views agree on: a bill, or what must be asked first."""
    state = replace(state, tray=steady, reading_since_ms=0)
    if steady.blind:
        return _ask(state, "blind")
    if steady.reasons:
        return _ask(state, steady.reasons[0])
    if not steady.lines:
        return _ask(state, "no_dish")
    state = replace(state, ask="")
    if state.tap is not None and at_ms < state.tap_until_ms:
        return _begin(state, state.tap, at_ms)
    return state, [Sound("ready")]


def _still_there(state: VisionLane) -> VisionLane:
    """A tray that was paid, or what took its place at once, must leave the counter first."""
    if not state.settled or state.till.stage != "open" or state.views[-1].empty or state.views[-1].blind:
        return state
    return replace(state, tray=state.views[-1], ask=state.settled, reading_since_ms=0)


def _while_paying(state: VisionLane, at_ms: int) -> Stepped:
    """The bill is frozen. Before the payment is being written, a tray that changes ends it; after, it stands."""
    if state.till.stage == "paying" or state.tray is None:
        return state, []
    steady = state.steady
    if state.cleared or (steady is not None and steady.mark != state.tray.mark):
        till, effects = tills.refuse(state.till, Refusal(Reason.BILL_CHANGED), at_ms)
        return replace(state, till=till, tray=None), effects
    return state, []


def _emptied(state: VisionLane) -> VisionLane:
    """Nothing lies there. A receipt or a refusal stays for its time; a bill not paid goes without a charge."""
    return replace(state, tray=None, ask="", reading_since_ms=0, choices=(), settled="")


def _chosen(state: VisionLane, event: Chosen) -> Stepped:
    """Nobody changes a bill that is being paid, or one that was."""
    if state.till.busy or state.settled:
        return state, []
    kept = tuple(each for each in state.choices if overlap(each.box, event.choice.box) < SAME_PLACE)
    return replace(state, choices=(*kept, event.choice)), [Judge()]


def _shown(state: VisionLane, presented: Presented, at_ms: int) -> Stepped:
    if state.till.busy or state.down:
        return state, []
    if state.till.stage == "paid" and state.settled:
        return state, []  # the same card again over the paid tray
    if state.till.stage != "open":
        state = replace(state, till=tills.close(state.till))
    if state.ask:
        return state, [Sound("ask")]
    if state.tray is not None and state.tray.lines:
        return _begin(state, presented, at_ms)
    if state.reading_since_ms:
        return replace(state, tap=presented, tap_until_ms=at_ms + TAP_WAITS_MS), []
    return state, [LookUp(presented)]


def _begin(state: VisionLane, presented: Presented, at_ms: int) -> Stepped:
    if state.tray is None:
        return state, []
    operator = max((choice.operator for choice in state.choices), default=0)
    bill = Bill(state.tray.lines, state.tray.total_fen, operator=operator)
    till, effects = tills.begin(state.till, bill, presented, at_ms)
    return replace(state, till=till, tap=None, tap_until_ms=0), effects


def _known(state: VisionLane, event: Known) -> Stepped:
    """Last look before paying: one of the two latest views must show the very tray of the bill."""
    asked = state.till.stage == "identifying" and state.till.attempt == event.attempt
    if asked and state.tray is not None and all(view.mark != state.tray.mark for view in state.views[-2:]):
        till, effects = tills.refuse(state.till, Refusal(Reason.BILL_CHANGED), event.at_ms)
        return replace(state, till=till, tray=None), effects
    return _with_till(state, tills.known(state.till, event))


def _answered(state: VisionLane, event: Answered) -> Stepped:
    state, effects = _with_till(state, tills.answered(state.till, event))
    if state.till.stage == "paid" and isinstance(event.outcome, Receipt):
        state = replace(state, settled=TAKE_TRAY)
    return state, effects


def _device(state: VisionLane, event: DeviceLink) -> Stepped:
    """What was seen before says nothing about what lies there when the device is back; that it was paid does."""
    if not event.needed:
        return state, []
    if event.up:
        return replace(state, down=state.down - {event.device}, views=()), []
    state = replace(
        state,
        down=state.down | {event.device},
        views=(),
        tray=None,
        ask="",
        reading_since_ms=0,
        choices=(),
        tap=None,
        tap_until_ms=0,
    )
    if state.till.stage in ("identifying", "pin"):
        till, effects = tills.refuse(state.till, Refusal(Reason.BILL_CHANGED), event.at_ms)
        return replace(state, till=till), effects
    return state, []


def _acted(state: VisionLane, event: Acted) -> Stepped:
    match event.name:
        case "pin":
            return _with_till(state, tills.pin(state.till, str(event.fields.get("digits", "")), event.at_ms))
        case "cancel" if state.till.stage in ("identifying", "pin", "refused"):
            return replace(state, till=tills.close(state.till)), []
        case "again" if not state.till.busy:
            return replace(state, till=tills.close(state.till), tray=None, ask="", views=(), choices=()), []
    return state, []


def _tick(state: VisionLane, at_ms: int) -> Stepped:
    state = replace(state, till=tills.tick(state.till, at_ms))
    if state.tap is not None and at_ms >= state.tap_until_ms:
        state = replace(state, tap=None, tap_until_ms=0)
    if state.settled and state.till.stage == "open" and state.views:
        return _still_there(state), []
    if state.reading_since_ms and at_ms - state.reading_since_ms >= state.read_timeout_ms:
        return _ask(replace(state, reading_since_ms=0), "unsteady")
    return state, []


def _ask(state: VisionLane, word: str) -> Stepped:
    if state.ask == word:
        return state, []
    return replace(state, ask=word), [Sound("ask")]


def _with_till(state: VisionLane, stepped: tills.Stepped) -> Stepped:
    till, effects = stepped
    return replace(state, till=till), effects

"""The weigh lane (自助称重结算): a dish on a scale, a person bound to it, every stable change a pick or a give-back.

Refill is never billed: a weight that rises by more than this person took, or a pan lifted off, moves the base line and
nothing else. A change nobody is bound to goes to the exceptions. Below the scale's minimum nothing is priced.
"""

from dataclasses import dataclass, replace
from typing import Final

from edge.stations.canteen.identify import Payer, Presented
from edge.stations.canteen.lanes import till as tills
from edge.stations.canteen.lanes.events import (
    Acted,
    Answered,
    DeviceLink,
    Effect,
    Identify,
    Known,
    Shown,
    Sound,
    Tick,
)
from edge.stations.canteen.lanes.till import Bill, Till
from edge.stations.canteen.trays import Tray
from protocols.payments.refusals import Refusal

MOST_PICK_G: Final = 3_000
SIGNING_MS: Final = 15_000


@dataclass(frozen=True, slots=True)
class Weight:
    """A reading of the scale, in whole grams."""

    at_ms: int
    weight_g: int
    stable: bool
    overload: bool = False


@dataclass(frozen=True, slots=True)
class ScaleRules:
    """What the scale may bill: from its minimum on (20 e), steps of `division_g`, while `legal` (certificate)."""

    minimum_g: int = 20
    division_g: int = 1
    legal: bool = True


@dataclass(frozen=True, slots=True)
class Attached:
    """The answer to Attach: the person's tray, or why there is none."""

    at_ms: int
    outcome: Tray | Refusal


@dataclass(frozen=True, slots=True)
class Picked:
    """The answer to TakePick: the tray as it stands on the disk; None where it had been closed."""

    at_ms: int
    session: str
    tray: Tray | None


@dataclass(frozen=True, slots=True)
class RulesChanged:
    """Another scale record, or a new day for the certificate."""

    at_ms: int
    rules: ScaleRules


@dataclass(frozen=True, slots=True)
class TrayHere:
    """The chip of the tray standing at this station; "" when none does."""

    at_ms: int
    uid: str


@dataclass(frozen=True, slots=True)
class AttachTray:
    """Find the open tray with this chip, bound at another station; answered by Attached where there is one."""

    uid: str


@dataclass(frozen=True, slots=True)
class Attach:
    """Find or open the tray of a payer; answered by Attached."""

    payer: Payer


@dataclass(frozen=True, slots=True)
class TakePick:
    """Write a pick; answered by Picked."""

    session: str
    weight_g: int


@dataclass(frozen=True, slots=True)
class Unattributed:
    """Write that food left with nobody bound."""

    weight_g: int


@dataclass(frozen=True, slots=True)
class WeighLane:
    """`base_g` is the dish's last settled weight, None when not known; `tray` is who stands there.

    `uid` is the chip of the tray standing there, where trays have chips. `binding` names a card being looked up;
    `lost_g` is what was taken last with nobody bound.
    """

    till: Till
    dish: int = 0
    rules: ScaleRules = ScaleRules()
    idle_timeout_ms: int = 30_000
    base_g: int | None = None
    tray: Tray | None = None
    uid: str = ""
    until_ms: int = 0
    binding: str = ""
    binding_until_ms: int = 0
    count: int = 0
    ask: str = ""
    down: frozenset[str] = frozenset()
    lost_g: int = 0

    @property
    def phase(self) -> str:
        """The word screens show."""
        if self.till.stage != "open":
            return "paying" if self.till.busy else self.till.stage
        if self.down or not self.rules.legal:
            return "down"
        if self.ask:
            return "ask"
        return "bill" if self.tray is not None else "idle"

    @property
    def wake_ms(self) -> int:
        """When to send a Tick; 0 never."""
        return min((ms for ms in (self.till.until_ms, self.until_ms, self.binding_until_ms) if ms), default=0)


Event = Tick | DeviceLink | Shown | Known | Answered | Acted | Weight | TrayHere | Attached | Picked | RulesChanged
Stepped = tuple[WeighLane, list[Effect]]


def step(state: WeighLane, event: Event) -> Stepped:
    """What a weigh lane does about an event."""
    match event:
        case Weight():
            return _weight(state, event)
        case Picked() | DeviceLink() | RulesChanged() | Tick():
            return _told(state, event), []
        case Shown():
            return _shown(state, event.presented, event.at_ms)
        case Known():
            return _known(state, event)
        case Attached():
            return _attached(state, event)
        case TrayHere():
            return _tray_here(state, event)
        case Answered():
            return _answered(state, event)
        case Acted():
            return _acted(state, event)


def _told(state: WeighLane, event: Picked | DeviceLink | RulesChanged | Tick) -> WeighLane:
    """Events that ask nothing of the world."""
    match event:
        case Picked():
            return _picked(state, event)
        case DeviceLink():
            return _device(state, event)
        case RulesChanged():
            return replace(state, rules=event.rules)
        case Tick():
            return _tick(state, event.at_ms)


def _weight(state: WeighLane, event: Weight) -> Stepped:
    if event.overload:
        return replace(state, ask="overload", base_g=None), []
    if not event.stable:
        return state, []
    state = replace(state, ask="" if state.ask == "overload" else state.ask)
    if state.base_g is None or not state.rules.legal:
        return replace(state, base_g=event.weight_g), []
    taken_g = state.base_g - event.weight_g
    if abs(taken_g) < max(state.rules.division_g, 1):
        return replace(state, ask="" if state.ask == "below_minimum" else state.ask), []
    if taken_g > MOST_PICK_G:
        return replace(state, base_g=None, ask=""), []  # the pan was lifted off to be refilled
    if taken_g > 0:
        return _taken(state, taken_g, event)
    return _put_back(state, -taken_g, event)


def _taken(state: WeighLane, taken_g: int, event: Weight) -> Stepped:
    if taken_g < state.rules.minimum_g:
        if state.tray is None:
            return state, []  # a draught, a spoon laid down; the base line stays until it is a pick
        already = state.ask == "below_minimum"
        return replace(state, ask="below_minimum"), [] if already else [Sound("ask")]
    state = replace(state, base_g=event.weight_g, ask="")
    if state.tray is None or state.till.busy:
        return replace(state, ask="unattributed", lost_g=taken_g, until_ms=event.at_ms + state.idle_timeout_ms), [
            Unattributed(taken_g),
            Sound("ask"),
        ]
    return replace(state, until_ms=event.at_ms + state.idle_timeout_ms), [TakePick(state.tray.session, taken_g)]


def _put_back(state: WeighLane, back_g: int, event: Weight) -> Stepped:
    """A give-back is at most what this tray took here, within the scale's step; anything more is a refill."""
    mine_g = state.tray.net_g(state.dish) if state.tray is not None else 0
    slack_g = 2 * state.rules.division_g
    ask = "" if state.ask == "below_minimum" else state.ask
    if state.tray is None or state.till.busy or not 0 < back_g <= mine_g + slack_g:
        return replace(state, base_g=event.weight_g, ask=ask), []
    if back_g < state.rules.minimum_g:
        return replace(state, ask=ask), []
    until_ms = event.at_ms + state.idle_timeout_ms
    return replace(state, base_g=event.weight_g, ask=ask, until_ms=until_ms), [
        TakePick(state.tray.session, -min(back_g, mine_g))
    ]


def _shown(state: WeighLane, presented: Presented, at_ms: int) -> Stepped:
    """The first tap binds, the second settles; somebody else's tap takes the place and leaves the first tray open."""
    if state.till.busy or state.binding or state.phase == "down":
        return state, []
    count = state.count + 1
    binding = f"{state.till.prefix}.bind.{count}"
    state = replace(
        state, till=tills.close(state.till), count=count, binding=binding, binding_until_ms=at_ms + SIGNING_MS
    )
    return state, [Identify(binding, presented)]


def _known(state: WeighLane, event: Known) -> Stepped:
    if event.attempt != state.binding:
        return _with_till(state, tills.known(state.till, event))
    state = replace(state, binding="", binding_until_ms=0)
    if isinstance(event.outcome, Refusal):
        return _with_till(state, tills.refuse(state.till, event.outcome, event.at_ms))
    if state.tray is not None and state.tray.payer.person == event.outcome.person:
        return _settle(state, state.tray, event.outcome, event.at_ms)
    return replace(state, tray=None, ask=""), [Attach(event.outcome)]


def _settle(state: WeighLane, tray: Tray, payer: Payer, at_ms: int) -> Stepped:
    """Leaving. The attempt is the tray's own, so that no second lane or time-out bills it again.

    With nothing on the tray there is nothing to settle: whoever taps twice to be sure stays bound.
    """
    lines = tray.lines()
    if not lines:
        return replace(state, ask="", until_ms=at_ms + state.idle_timeout_ms), [Sound("ready")]
    bill = Bill(lines, tray.total_fen, session=tray.session)
    return _with_till(state, tills.pay(state.till, bill, payer, f"weigh {tray.session}", at_ms))


def _tray_here(state: WeighLane, event: TrayHere) -> Stepped:
    """A bound tray that is set down is known without a card; one that is taken away leaves, still open."""
    if event.uid == state.uid:
        return state, []
    state = replace(state, uid=event.uid)
    if state.till.busy or state.phase == "down":
        return state, []
    if state.tray is not None and state.tray.uid and state.tray.uid != event.uid:
        state = replace(state, tray=None, ask="", until_ms=0)
    return state, [AttachTray(event.uid)] if event.uid and state.tray is None else []


def _attached(state: WeighLane, event: Attached) -> Stepped:
    if isinstance(event.outcome, Refusal):
        return _with_till(state, tills.refuse(state.till, event.outcome, event.at_ms))
    until_ms = event.at_ms + state.idle_timeout_ms
    return replace(state, tray=event.outcome, until_ms=until_ms, ask=""), [Sound("ready")]


def _picked(state: WeighLane, event: Picked) -> WeighLane:
    if state.tray is None or state.tray.session != event.session or state.till.busy:
        return state
    return replace(state, tray=event.tray)


def _answered(state: WeighLane, event: Answered) -> Stepped:
    state, effects = _with_till(state, tills.answered(state.till, event))
    if state.till.stage == "paid":
        state = replace(state, tray=None, until_ms=0, ask="")
    return state, effects


def _acted(state: WeighLane, event: Acted) -> Stepped:
    match event.name:
        case "pin":
            return _with_till(state, tills.pin(state.till, str(event.fields.get("digits", "")), event.at_ms))
        case "cancel" if state.till.stage != "paying":
            return replace(state, till=tills.close(state.till), binding="", binding_until_ms=0), []
        case "again" if not state.till.busy:
            return replace(state, ask="", base_g=None), []
    return state, []


def _device(state: WeighLane, event: DeviceLink) -> WeighLane:
    """With the scale away the base line is not known; what was taken meanwhile cannot be anybody's."""
    if not event.needed:
        return state
    down = state.down - {event.device} if event.up else state.down | {event.device}
    return replace(state, down=down, base_g=None)


def _tick(state: WeighLane, at_ms: int) -> WeighLane:
    state = replace(state, till=tills.tick(state.till, at_ms))
    if state.binding_until_ms and at_ms >= state.binding_until_ms:
        state = replace(state, binding="", binding_until_ms=0)
    if state.tray is not None and state.uid and state.tray.uid == state.uid:
        return replace(state, until_ms=at_ms + state.idle_timeout_ms)  # the tray itself still stands there
    if state.until_ms and at_ms >= state.until_ms and not state.till.busy:
        return replace(state, tray=None, until_ms=0, ask="", lost_g=0)
    return state


def _with_till(state: WeighLane, stepped: tills.Stepped) -> Stepped:
    till, effects = stepped
    return replace(state, till=till), effects

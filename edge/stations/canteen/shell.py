"""The thin shell around a lane's machine: devices, time and screens in; payments, sounds and the live state out."""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import partial
from typing import Any, Final, Protocol

from edge.core.log import logger
from edge.drivers.base import AnyDriver, Camera, Link, Printer
from edge.kiosk.server import Act
from edge.stations.canteen import screen
from edge.stations.canteen.checkout import Asked, Short, mark_shown
from edge.stations.canteen.desk import Desk
from edge.stations.canteen.face_watch import FaceWatch
from edge.stations.canteen.identify import Payer, Presented
from edge.stations.canteen.lanes import events as lane_events
from edge.stations.canteen.lanes.till import Till
from edge.stations.canteen.presenting import presents, pump_presented
from edge.stations.canteen.printing import PrintQueue
from edge.stations.canteen.receipts import Receipt
from edge.store.errors import StoreError, StoreFull
from protocols.canteen.reference import Lane, Operator
from protocols.payments.facts import Line
from protocols.payments.plan import NeedPin
from protocols.payments.reference import Credential
from protocols.payments.refusals import Reason, Refusal

KINDS: Final = {1: "plate", 2: "weigh", 3: "pos", 4: "gate"}
_BALANCES_MS: Final = 6_000
_MOST_TASKS: Final = 32
_MOST_WAITING: Final = 500

_log = logger("canteen.lane")

_FREE: Final = ("idle", "bill")
_NOBODY: Final = Payer(0, Credential(0, 0, 0, b"", 0, 0, 0))

Outcome = Receipt | NeedPin | Refusal | Short


class LaneState(Protocol):
    """What the shell needs of any machine's state."""

    @property
    def till(self) -> Till:
        """The payment under way."""

    @property
    def phase(self) -> str:
        """The word screens show."""

    @property
    def wake_ms(self) -> int:
        """When to send a Tick; 0 never."""


class LaneShell(ABC):
    """One lane. Subclasses name their machine, their devices' events, their own effects and what is on the bill."""

    state: Any

    def __init__(self, desk: Desk, lane: Lane, devices: Mapping[str, AnyDriver]) -> None:
        self.desk = desk
        self.lane = lane
        self.kind = KINDS[lane.kind]
        self.devices = devices
        self.next_tap: asyncio.Future[Presented] | None = None
        self.last_charge = desk.history.unshown(lane, now_ms=desk.now_ms())
        self.printing = next((PrintQueue(one) for one in devices.values() if isinstance(one, Printer)), None)
        self.changes = 0
        self.operator_name = ""
        self.waiting = -1  # people in the queue; unknown until a counter tells
        self.sound: dict[str, Any] | None = None
        self.balances_of: tuple[int, int] | None = None
        cameras = [one for one in devices.values() if isinstance(one, Camera) and one.looks_at == "face"]
        self.faces = FaceWatch(self, desk.faces, cameras[0]) if cameras else None
        self._published: dict[str, Any] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._failed: asyncio.Future[None] | None = None

    # What a kind of lane brings

    @abstractmethod
    def step(self, state: Any, event: Any) -> tuple[Any, list[Any]]:
        """The machine."""

    @abstractmethod
    def perform(self, effect: Any) -> Any:
        """Carry out an effect of this kind of lane; an event to feed at once, or None."""

    @abstractmethod
    def pumps(self) -> list[Coroutine[Any, Any, None]]:
        """What reads this kind of lane's own devices."""

    @abstractmethod
    def lines(self) -> list[dict[str, Any]]:
        """What is on the bill, for the screen."""

    @abstractmethod
    def total_fen(self) -> int:
        """Of what is to be paid."""

    @abstractmethod
    def message_key(self) -> str:
        """The key of what the screen says when no payment is under way."""

    # The life of a lane

    async def run(self) -> None:
        """Work until cancelled."""
        self._failed = asyncio.get_running_loop().create_future()
        self.show()
        pumps = [pump_presented(self, driver) for driver in self.devices.values() if presents(driver)]
        if self.faces is not None:
            pumps.append(self.faces.run())
        if self.printing is not None:
            pumps.append(self.printing.run())
        try:
            async with asyncio.TaskGroup() as group:
                for pump in (*pumps, *self.pumps()):
                    group.create_task(pump)
                group.create_task(self._watch())
        finally:
            if self._timer is not None:
                self._timer.cancel()
            for task in self._tasks:
                task.cancel()

    async def _watch(self) -> None:
        """End the lane with the error of one of its tasks, so that the supervisor starts it anew."""
        if self._failed is not None:
            await self._failed

    def feed(self, event: Any) -> None:
        """One event through the machine, its effects, and onto the screens."""
        waiting = deque([event])
        while waiting:
            self.state, effects = self.step(self.state, waiting.popleft())
            for effect in effects:
                follow = self._perform(effect)
                if follow is not None:
                    waiting.append(follow)
        self.show()
        self._schedule()

    def present(self, presented: Presented) -> None:
        """A card or code was held to a reader: for whoever asked for it first, else for the payment."""
        asked = self.next_tap
        if asked is not None and not asked.done():
            asked.set_result(presented)
            return
        self.feed(lane_events.Shown(self.desk.monotonic_ms(), presented))

    async def act(self, act: Act) -> dict[str, Any]:
        """An act of the diner's side; operators' acts are in `acts.py`."""
        at_ms = self.desk.monotonic_ms()
        match act.name:
            case "seen":
                self._seen(str(act.fields.get("entry", "")))
            case "waiting":
                people = act.fields.get("people")
                self.waiting = min(people, _MOST_WAITING) if isinstance(people, int) and people >= 0 else -1
            case "phone":
                phone, pin = str(act.fields.get("phone", ""))[:20], str(act.fields.get("pin", ""))[:12]
                self.feed(lane_events.Shown(at_ms, Presented("phone", phone, pin)))
            case "face" | "face_pin" | "enrol_agree" | "enrol_decline" if self.faces is not None:
                self.faces.act(act)
            case "pin" | "cancel" | "again":
                self.balances_of = None
                self.feed(lane_events.Acted(at_ms, act.name, dict(act.fields)))
        return {}

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run work that feeds an event when it is done. Bounded."""
        if len(self._tasks) >= _MOST_TASKS:
            work.close()
            _log.warning("lane %s has too much under way", self.lane.code)
            return
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _perform(self, effect: Any) -> Any:
        at_ms = self.desk.monotonic_ms()
        match effect:
            case lane_events.Identify():
                known = self.desk.identifier.at_once(effect.presented)
                if known is not None:
                    return lane_events.Known(at_ms, effect.attempt, self._told(effect, known))
                self.spawn(self._by_phone(effect))
            case lane_events.GivePin():
                self.spawn(self._with_pin(effect))
            case lane_events.Pay():
                return self._pay(effect)
            case lane_events.Sound():
                self._play(effect.name)
            case lane_events.LookUp():
                self._look_up(effect.presented)
            case _:
                return self.perform(effect)
        return None

    def _told(self, effect: lane_events.Identify, known: Payer | Refusal) -> Payer | Refusal:
        """A card nobody knows is a fact too."""
        if isinstance(known, Refusal):
            asked = self.asked(lane_events.Pay(effect.attempt, _NOBODY, (), self.total_fen()))
            write = partial(self.desk.checkout.write_refusal, asked, known)
            self.spawn(self.keep(write))
        return known

    def _look_up(self, presented: Presented) -> None:
        """Show what is left for the owner of a card, no payment being asked."""
        known = self.desk.identifier.at_once(presented)
        if isinstance(known, Payer):
            self.balances_of = (known.person, self.desk.monotonic_ms() + _BALANCES_MS)
        else:
            self._play("refused")

    def _play(self, name: str) -> None:
        self.sound = {"n": self.sound["n"] + 1 if self.sound else 1, "name": name}

    async def keep(self, unit: Callable[[Any], Any], *, in_hand: bool = False) -> None:
        """Write something nobody waits for; a full store is told by the next payment."""
        try:
            await self.desk.site.writer.submit(unit, in_hand=in_hand)
        except StoreError as error:
            _log.warning("lane %s: not kept: %s", self.lane.code, error)

    async def _by_phone(self, effect: lane_events.Identify) -> None:
        known = await self.desk.identifier.slowly(effect.presented)
        self.feed(lane_events.Known(self.desk.monotonic_ms(), effect.attempt, self._told(effect, known)))

    async def _with_pin(self, effect: lane_events.GivePin) -> None:
        known = await self.desk.identifier.with_pin(effect.payer, effect.pin)
        self.feed(lane_events.Known(self.desk.monotonic_ms(), effect.attempt, known))

    def asked(self, pay: lane_events.Pay) -> Asked:
        """The payment as the checkout takes it."""
        return Asked(pay.attempt, self.lane, pay.payer, pay.lines, pay.priced_fen, pay.operator, pay.session)

    def _pay(self, effect: lane_events.Pay) -> lane_events.Answered | None:
        """Hand the payment to the writer at once; its answer comes when it is durable."""
        asked = self.asked(effect)
        unit = partial(self.desk.checkout.unit, asked, last_try=False)
        try:
            written = self.desk.site.writer.submit(unit)
        except StoreError as error:
            return self._answered(asked.attempt, _store_refusal(error))
        self.spawn(self._await_payment(asked, written))
        return None

    async def _await_payment(self, asked: Asked, written: "asyncio.Future[Outcome]") -> None:
        try:
            outcome = await written
            for last_try in (False, True):  # first the right to a limit, then what it costs
                if isinstance(outcome, Short):
                    await self._ask(outcome)
                    unit = partial(self.desk.checkout.unit, asked, last_try=last_try)
                    outcome = await self.desk.site.writer.submit(unit)
        except StoreError as error:
            outcome = _store_refusal(error)
        if isinstance(outcome, Receipt):
            self.changes += 1
            self.last_charge = None
            self.balances_of = None
            if self.faces is not None:
                self.faces.paid(outcome.person)
            self.paid(outcome)
        self.feed(self._answered(asked.attempt, outcome))

    async def _ask(self, short: Short) -> None:
        """A visitor's rights, from the cloud while there is one (rule 4)."""
        await self.desk.site.link.ask(short.person, short.amount_fen, short.rules, short.business_day)

    def paid(self, receipt: Receipt) -> None:
        """A payment stands: print it where receipts are printed unasked."""
        if self.printing is not None:
            for _ in range(self.desk.site.settings.station.receipt_copies):
                self.printing.put(self.desk.paper(receipt, self.lane, copy=False))

    def _answered(self, attempt: str, outcome: Outcome) -> lane_events.Answered:
        at_ms = self.desk.monotonic_ms()
        if isinstance(outcome, NeedPin):
            return lane_events.Answered(at_ms, attempt, None, pin_fen=outcome.amount_fen)
        if isinstance(outcome, Short):
            return lane_events.Answered(at_ms, attempt, outcome.refusal)
        return lane_events.Answered(at_ms, attempt, outcome)

    def _seen(self, entry: str) -> None:
        """A screen shows this receipt: remember it with the next commit."""
        receipt = self.state.till.receipt
        for shown in (receipt, self.last_charge.receipt if self.last_charge else None):
            if shown is not None and str(shown.entry) == entry:
                self.spawn(self._mark_shown(shown.entry.seq))

    async def _mark_shown(self, seq: int) -> None:
        try:
            await self.desk.site.writer.submit_lazily(partial(mark_shown, (seq,)))
        except StoreError as error:
            _log.warning("lane %s: the shown mark was not kept: %s", self.lane.code, error)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("lane %s failed at work", self.lane.code, exc_info=error)
            if self._failed is not None and not self._failed.done():
                self._failed.set_exception(error)

    # Devices

    def link(self, driver: AnyDriver, item: Link, *, needed: bool = True) -> None:
        """A device went away or came back."""
        if item.up:
            self.desk.alerts.pop(driver.name, None)
        else:
            self.desk.alerts[driver.name] = item.reason
        self.feed(lane_events.DeviceLink(self.desk.monotonic_ms(), driver.name, item.up, needed=needed))

    # Screens

    def show(self) -> None:
        """Publish the live state where it changed."""
        diner = screen.diner_state(self)
        told = screen.operator_state(self, diner)
        if told != self._published:
            self._published = told
            clock_ms = self.desk.now_ms()
            self.desk.kiosk.publish(self.lane.code, {**diner, "clock_ms": clock_ms})
            self.desk.kiosk.publish(self.lane.code, {**told, "clock_ms": clock_ms}, side="operator")

    def line(self, line: Line) -> dict[str, Any]:
        """A line of a bill for the screen."""
        named = self.desk.dish_name(line.dish) if line.dish else {"zh": self.lane.name_zh, "en": self.lane.name_en}
        return {
            **named,
            "quantity": line.quantity,
            "weight_g": line.weight_g,
            "amount_fen": line.amount_fen,
            "plate": line.plate[-6:],
            "state": "",
        }

    @property
    def taps_wanted(self) -> bool:
        """Whether the next card is for an operator's act."""
        return self.next_tap is not None and not self.next_tap.done()

    @property
    def face_wanted(self) -> bool:
        """Whether a face may pay now: over a bill by itself, where none stands there only when it was asked for."""
        asked = self.faces is not None and self.faces.asked
        return bool(self.state.phase == "bill" and self.kind != "weigh") or (asked and self.state.phase in _FREE)

    def face_shown(self, presented: Presented) -> None:
        """Whoever stands before the lane's camera is to pay; never taken for an operator's card."""
        self.feed(lane_events.Shown(self.desk.monotonic_ms(), presented))

    def picture(self) -> dict[str, Any] | None:
        """What the lane's camera sees of the tray, with boxes; None on lanes without one."""
        return None

    def operator_acts(self) -> Mapping[str, Callable[[Act, Operator], Awaitable[dict[str, Any]]]]:
        """What operators may do on this kind of lane alone."""
        return {}

    def hints(self) -> list[dict[str, str]]:
        """Things the operator should look at on this lane."""
        return []

    def _schedule(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        times = [ms for ms in (self.state.wake_ms, self.balances_of[1] if self.balances_of else 0) if ms]
        if times:
            wait_ms = max(1, min(times) - self.desk.monotonic_ms())
            self._timer = asyncio.get_running_loop().call_later(wait_ms / 1000, self._tick)

    def _tick(self) -> None:
        at_ms = self.desk.monotonic_ms()
        if self.balances_of is not None and at_ms >= self.balances_of[1]:
            self.balances_of = None
        self.feed(lane_events.Tick(at_ms))


def _store_refusal(error: StoreError) -> Refusal:
    return Refusal(Reason.STORE_FULL if isinstance(error, StoreFull) else Reason.TROUBLE)

"""A buffet gate at work: opens its turnstile after a durable payment and keeps who walked through."""

from collections.abc import Coroutine, Mapping
from contextlib import aclosing
from functools import partial
from typing import Any

from edge.drivers.base import AnyDriver, Door, DriverError, Link, Passage
from edge.stations.canteen.desk import Desk
from edge.stations.canteen.lanes import gate
from edge.stations.canteen.lanes.gate import OWED_MS, Entry, GateLane, Opened, OpenGate, Passed, RecordPass
from edge.stations.canteen.lanes.till import Till
from edge.stations.canteen.shell import LaneShell
from edge.store.transaction import Transaction
from protocols.canteen.reference import Lane
from protocols.journal.kinds import Kind
from protocols.payments import facts
from protocols.payments.facts import Settlement, TurnstilePassed


class GateShell(LaneShell):
    """One turnstile."""

    state: GateLane

    def __init__(self, desk: Desk, lane: Lane, devices: Mapping[str, AnyDriver], prefix: str) -> None:
        super().__init__(desk, lane, devices)
        self._doors = [driver for driver in devices.values() if isinstance(driver, Door)]
        self._passages = -1
        self.state = GateLane(Till(prefix), owed=self._owed())

    def step(self, state: Any, event: Any) -> tuple[Any, list[Any]]:
        """The gate's machine."""
        return gate.step(state, event)

    def perform(self, effect: Any) -> Any:
        """Open the gate, or keep a passage."""
        match effect:
            case OpenGate():
                self.spawn(self._open(effect))
            case RecordPass():
                fact = TurnstilePassed(self.lane.id, effect.seq, effect.passed)
                self.spawn(self.keep(partial(self._write, fact, effect.seq), in_hand=True))

    def pumps(self) -> list[Coroutine[Any, Any, None]]:
        """The passage sensor."""
        return [self._pump(door) for door in self._doors]

    def lines(self) -> list[dict[str, Any]]:
        """A buffet has one price and no lines."""
        return []

    def total_fen(self) -> int:
        """Known once somebody is: the price follows the person."""
        return 0

    def message_key(self) -> str:
        """What to do next."""
        return self.state.note or self.state.phase

    async def _open(self, effect: OpenGate) -> None:
        well = bool(self._doors)
        try:
            for door in self._doors:
                await door.open(duration_s=effect.duration_ms / 1000)
        except DriverError:
            well = False
        self.feed(Opened(self.desk.monotonic_ms(), effect.seq, well))

    def _write(self, fact: TurnstilePassed, seq: int, tx: Transaction) -> None:
        self.desk.site.journal.append(tx, Kind.TURNSTILE_PASSED, fact, depends_on=seq)

    async def _pump(self, door: Door) -> None:
        async with aclosing(door.passages()) as passages:
            async for item in passages:
                match item:
                    case Link():
                        self.link(door, item)
                    case Passage():
                        self.feed(Passed(self.desk.monotonic_ms()))

    def _owed(self) -> tuple[Entry, ...]:
        """Who paid here before a restart and is not known to have walked in."""
        now_ms, now_steady_ms = self.desk.now_ms(), self.desk.monotonic_ms()
        journal = self.desk.site.journal
        owed: dict[int, Entry] = {}
        for entry in journal.entries_between(now_ms - OWED_MS, journal.business_ms + 1):
            if entry.kind == Kind.SETTLEMENT:
                sale = facts.decode(Settlement, entry.payload)
                if sale.lane == self.lane.id:
                    owed[entry.seq] = Entry(entry.seq, sale.person, now_steady_ms + OWED_MS)
            elif entry.kind == Kind.TURNSTILE_PASSED:
                passage = facts.decode(TurnstilePassed, entry.payload)
                if passage.passed:
                    owed.pop(passage.settlement_seq, None)
            elif entry.kind == Kind.REFUND:
                owed.pop(facts.decode(facts.Refund, entry.payload).seq, None)
        return tuple(owed.values())

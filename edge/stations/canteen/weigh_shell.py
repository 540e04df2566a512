"""A weigh lane at work: readings of its scale, trays of its diners, picks written before they are shown."""

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import aclosing
from functools import partial
from typing import Any, Final

import msgspec

from edge.core.log import logger
from edge.drivers.base import AnyDriver, Link, TagReader, WeightReading, WeightSensor
from edge.stations.canteen.checkout import Asked, Short
from edge.stations.canteen.desk import Desk
from edge.stations.canteen.identify import Payer
from edge.stations.canteen.lanes import weigh
from edge.stations.canteen.lanes.field import Field, FieldRules, Heard
from edge.stations.canteen.lanes.till import Till
from edge.stations.canteen.lanes.weigh import (
    Attach,
    Attached,
    AttachTray,
    Picked,
    RulesChanged,
    ScaleRules,
    TakePick,
    TrayHere,
    Unattributed,
    WeighLane,
    Weight,
)
from edge.stations.canteen.receipts import Receipt
from edge.stations.canteen.shell import LaneShell
from edge.stations.canteen.trays import PickAsked, Tray
from edge.store.errors import StoreError
from edge.store.transaction import Transaction
from protocols.canteen.reference import Lane
from protocols.payments.refusals import Reason, Refusal

_SWEEP_EVERY_S: Final = 15.0
_NO_SCALE: Final = ScaleRules(legal=False)
_TRY_AGAIN_MS: Final = 5 * 60_000

_log = logger("canteen.weigh")


class WeighShell(LaneShell):
    """One dish on one scale."""

    state: WeighLane

    def __init__(self, desk: Desk, lane: Lane, devices: Mapping[str, AnyDriver], prefix: str) -> None:
        super().__init__(desk, lane, devices)
        idle_ms = int(desk.site.settings.station.idle_timeout_s * 1000)
        self.state = WeighLane(Till(prefix), lane.dish, self._rules(), idle_timeout_ms=idle_ms)
        self._overdue: dict[str, int] = {}

    def step(self, state: Any, event: Any) -> tuple[Any, list[Any]]:
        """The weigh machine."""
        return weigh.step(state, event)

    def perform(self, effect: Any) -> Any:
        """Trays and picks."""
        match effect:
            case Attach():
                self.spawn(self._attach(effect.payer))
            case AttachTray():
                tray = self.desk.trays.of_uid(effect.uid)
                if tray is not None:
                    self.desk.trays.touch(tray.session, self.desk.now_ms())
                    return Attached(self.desk.monotonic_ms(), tray)
            case TakePick():
                self.spawn(self._pick(effect))
            case Unattributed():
                unit = partial(
                    self.desk.trays.unattributed, self.lane.id, self.lane.station, self.lane.dish, effect.weight_g
                )
                self.spawn(self.keep(unit, in_hand=True))
        return None

    def pumps(self) -> list[Coroutine[Any, Any, None]]:
        """The scale, and the clock that settles trays left behind."""
        scales = [self._pump(driver) for driver in self.devices.values() if isinstance(driver, WeightSensor)]
        readers = [self._pump_trays(driver) for driver in self.devices.values() if isinstance(driver, TagReader)]
        return [*scales, *readers, self._sweep()]

    def lines(self) -> list[dict[str, Any]]:
        """What is on the tray."""
        if self.state.till.stage != "open":
            return [self.line(line) for line in self.state.till.bill.lines]
        return [self.line(line) for line in self.state.tray.lines()] if self.state.tray else []

    def total_fen(self) -> int:
        """What the tray costs by now."""
        if self.state.till.stage != "open":
            return self.state.till.bill.priced_fen
        return self.state.tray.total_fen if self.state.tray else 0

    def message_key(self) -> str:
        """What to do next."""
        if not self.state.rules.legal:
            return str(Reason.CERTIFICATE_EXPIRED)
        return self.state.ask or self.state.phase

    def hints(self) -> list[dict[str, str]]:
        """Food taken with nobody bound, and a certificate that ran out."""
        found = []
        if not self.state.rules.legal:
            found.append({"word": "certificate", "plate": ""})
        if self.state.ask == "unattributed":
            found.append({"word": "unattributed", "plate": f"{self.state.lost_g} g"})
        return found

    def _rules(self) -> ScaleRules:
        """The scale's record in force: without one, or past its certificate, nothing is billed."""
        now_ms = self.desk.now_ms()
        scale = self.desk.catalogue.scale(self.lane.id, now_ms)
        if scale is None:
            return _NO_SCALE
        today = self.desk.catalogue.calendar(self.lane.canteen, now_ms).moment(now_ms).business_day
        return ScaleRules(scale.minimum_g, scale.division_g, legal=today <= scale.certificate_until)

    def _refresh(self) -> None:
        rules = self._rules()
        if rules != self.state.rules:
            self.feed(RulesChanged(self.desk.monotonic_ms(), rules))

    async def _attach(self, payer: Payer) -> None:
        self._refresh()
        outcome: Tray | Refusal
        try:
            outcome = await self._tray_of(payer)
        except StoreError:
            outcome = Refusal(Reason.STORE_FULL)
        self.feed(Attached(self.desk.monotonic_ms(), outcome))

    async def _tray_of(self, payer: Payer) -> Tray | Refusal:
        """The person's open tray, walked over from another station, or a new one where something can be paid."""
        now_ms = self.desk.now_ms()
        refusal = self.desk.checkout.may_bind(self.lane, payer)
        if refusal is not None:
            return refusal
        tray = self.desk.trays.of_person(payer.person)
        if tray is not None:
            self.desk.trays.touch(tray.session, now_ms)
            return tray
        if not any(self.desk.site.leases.balances(payer.person).values()):
            day = self.desk.catalogue.calendar(self.lane.canteen, now_ms).moment(now_ms).business_day
            await self.desk.site.link.ask(payer.person, 0, (), day)
            if not any(self.desk.site.leases.balances(payer.person).values()):
                online = self.desk.site.link.state.online
                return Refusal(Reason.NOT_ENOUGH if online else Reason.NO_LEASE)
        return await self.desk.site.writer.submit(partial(self.desk.trays.bind, self.lane.id, payer, self.state.uid))

    async def _pick(self, effect: TakePick) -> None:
        now_ms = self.desk.now_ms()
        price_fen = self.desk.catalogue.price_fen(self.lane.dish, self.lane.canteen, now_ms)
        asked = PickAsked(
            effect.session, self.lane.id, self.lane.station, self.lane.dish, effect.weight_g, price_fen or 0
        )
        try:
            tray = await self.desk.site.writer.submit(partial(self.desk.trays.pick, asked), in_hand=True)
        except StoreError as error:
            _log.error("lane %s: a pick of %d g was not kept: %s", self.lane.code, effect.weight_g, error)
            return
        self.feed(Picked(self.desk.monotonic_ms(), effect.session, tray))

    async def _pump(self, driver: WeightSensor) -> None:
        async with aclosing(driver.readings()) as readings:
            async for item in readings:
                match item:
                    case Link():
                        self.link(driver, item)
                    case WeightReading():
                        weight_g = (item.weight_mg + 500) // 1000
                        overload = item.overload or item.underload
                        self.feed(Weight(self.desk.monotonic_ms(), weight_g, item.stable, overload))

    async def _pump_trays(self, driver: TagReader) -> None:
        """Chips of trays, where the station reads them: one tray at a time, agreed over several rounds."""
        settings = self.desk.site.settings.station
        field = Field(FieldRules(rounds=settings.stable_rounds, of=settings.of_rounds))
        async with aclosing(driver.rounds()) as rounds:
            async for item in rounds:
                if isinstance(item, Link):
                    self.link(driver, item, needed=False)
                    field = field.forget()
                    continue
                field = field.hear(frozenset(Heard(tag.uid, tag.rssi) for tag in item.tags), whole=item.complete)
                view = field.view()
                if view.empty:
                    self.feed(TrayHere(self.desk.monotonic_ms(), ""))
                elif view.stable is not None and len(view.stable) == 1:
                    self.feed(TrayHere(self.desk.monotonic_ms(), next(iter(view.stable))))

    async def _sweep(self) -> None:
        """Settle trays that nobody used for long (settle on leaving or time-out), and follow the certificate."""
        limit_ms = int(self.desk.site.settings.station.meal_session_min * 60_000)
        while True:
            await asyncio.sleep(min(_SWEEP_EVERY_S, limit_ms / 4000))
            self._refresh()
            now_ms = self.desk.now_ms()
            for tray in self.desk.trays.idle_since(self.lane.id, now_ms - limit_ms):
                here = self.state.tray is not None and self.state.tray.session == tray.session
                if not here and now_ms >= self._overdue.get(tray.session, 0):
                    await self._settle_left_behind(tray, now_ms)

    async def _settle_left_behind(self, tray: Tray, now_ms: int) -> None:
        lines = tray.lines()
        try:
            if not lines:
                await self.desk.site.writer.submit(partial(self.desk.trays.close_empty, tray.session), in_hand=True)
                return
            payer = msgspec.structs.replace(tray.payer, pin_given=True)
            asked = Asked(f"weigh {tray.session}", self.lane, payer, lines, tray.total_fen, 0, tray.session)
            outcome = await self.desk.site.writer.submit(partial(self._unit, asked), in_hand=True)
        except StoreError as error:
            _log.warning("lane %s: a tray could not be settled: %s", self.lane.code, error)
            return
        if isinstance(outcome, Receipt):
            self._overdue.pop(tray.session, None)
            self.changes += 1
        else:
            self._overdue[tray.session] = now_ms + _TRY_AGAIN_MS

    def _unit(self, asked: Asked, tx: Transaction) -> Any:
        outcome = self.desk.checkout.unit(asked, tx, last_try=True)
        return outcome.refusal if isinstance(outcome, Short) else outcome

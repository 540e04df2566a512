"""A plate lane at work: rounds of its reader in, prices of plates looked up, the bill on the screen."""

from collections.abc import Coroutine, Mapping
from contextlib import aclosing
from typing import Any, Final

from edge.drivers.base import AnyDriver, InventoryRound, Link, TagReader
from edge.stations.canteen.desk import Desk
from edge.stations.canteen.lanes import plate
from edge.stations.canteen.lanes.field import Field, FieldRules, Heard
from edge.stations.canteen.lanes.plate import PlateLane, Price, Priced, PricedSet, RoundHeard
from edge.stations.canteen.lanes.till import Till
from edge.stations.canteen.shell import LaneShell
from protocols.canteen.reference import Lane
from protocols.payments.facts import Line

_TRAY: Final = "tray"  # the colour word by which a kind of tableware is the tray itself


class PlateShell(LaneShell):
    """Plates of one reader."""

    state: PlateLane

    def __init__(self, desk: Desk, lane: Lane, devices: Mapping[str, AnyDriver], prefix: str) -> None:
        super().__init__(desk, lane, devices)
        settings = desk.site.settings.station
        rules = FieldRules(rounds=settings.stable_rounds, of=settings.of_rounds)
        self.state = PlateLane(Till(prefix), Field(rules), read_timeout_ms=int(settings.read_timeout_s * 1000))

    def step(self, state: Any, event: Any) -> tuple[Any, list[Any]]:
        """The plate machine."""
        return plate.step(state, event)

    def pumps(self) -> list[Coroutine[Any, Any, None]]:
        """The reader."""
        return [self._pump(driver) for driver in self.devices.values() if isinstance(driver, TagReader)]

    def perform(self, effect: Any) -> Any:
        """Price a set of plates."""
        if isinstance(effect, Price):
            return PricedSet(self.desk.monotonic_ms(), self.price(effect.uids))
        return None

    def price(self, uids: frozenset[str]) -> Priced:
        """What these plates are, by the records in force now."""
        now_ms = self.desk.now_ms()
        paid = self.desk.plates.paid(uids, now_ms)
        lines, unknown, priceless, trays = [], set(), set(), 0
        for uid in sorted(uids - paid):
            found = self.desk.catalogue.plate(uid, now_ms)
            kind = self.desk.catalogue.plate_kind(found.kind, now_ms) if found else None
            if found is None or found.stopped or (kind is None and not found.dish):
                unknown.add(uid)
            elif kind is not None and kind.colour == _TRAY:
                trays += 1
            else:
                kind_fen = kind.price_fen if kind is not None else None
                price_fen = (
                    self.desk.catalogue.price_fen(found.dish, self.lane.canteen, now_ms) if found.dish else kind_fen
                )
                if price_fen is None:
                    priceless.add(uid)
                else:
                    lines.append(Line(found.dish, uid, 1, 0, price_fen, price_fen))
        return Priced(uids, tuple(lines), paid, frozenset(unknown), frozenset(priceless), trays)

    def lines(self) -> list[dict[str, Any]]:
        """The bill's lines, and the plates that stand in its way."""
        priced = self.state.priced
        if self.state.till.stage != "open":
            return [self._line(line, "") for line in self.state.till.bill.lines]
        if priced is None:
            return []
        rows = [self._line(line, "") for line in priced.lines]
        rows += [self._bare(uid, "paid") for uid in sorted(priced.paid)]
        rows += [self._bare(uid, "unknown") for uid in sorted(priced.unknown | priced.priceless)]
        return rows

    def total_fen(self) -> int:
        """Of the frozen bill, or of what lies there."""
        if self.state.till.stage != "open":
            return self.state.till.bill.priced_fen
        return self.state.priced.total_fen if self.state.priced else 0

    def message_key(self) -> str:
        """What the person should do next."""
        state = self.state
        if state.phase == "reading" and state.tap is not None:
            return "reading.tapped"
        return state.ask or state.phase

    def hints(self) -> list[dict[str, str]]:
        """Unknown plates by the end of their number, so that the operator can pick them out."""
        priced = self.state.priced
        if priced is None:
            return []
        unknown = [(uid, "unknown_plate") for uid in sorted(priced.unknown)]
        return [{"plate": uid[-6:], "word": word} for uid, word in unknown] + [
            {"plate": uid[-6:], "word": "price_missing"} for uid in sorted(priced.priceless)
        ]

    async def _pump(self, driver: TagReader) -> None:
        async with aclosing(driver.rounds()) as rounds:
            async for item in rounds:
                match item:
                    case Link():
                        self.link(driver, item)
                    case InventoryRound():
                        heard = frozenset(Heard(tag.uid, tag.rssi) for tag in item.tags)
                        self.desk.plates.still_here(item.uids, self.desk.now_ms())
                        self.feed(RoundHeard(self.desk.monotonic_ms(), heard, item.complete))

    def _line(self, line: Line, state: str) -> dict[str, Any]:
        found = self.desk.catalogue.plate(line.plate, self.desk.now_ms()) if line.plate else None
        return {
            **self.desk.dish_name(line.dish, found.kind if found else 0),
            "quantity": line.quantity,
            "weight_g": line.weight_g,
            "amount_fen": line.amount_fen,
            "plate": line.plate[-6:],
            "state": state,
        }

    def _bare(self, uid: str, state: str) -> dict[str, Any]:
        found = self.desk.catalogue.plate(uid, self.desk.now_ms())
        unknown = {"zh": "不认识的餐盘", "en": "Unknown plate"}
        name = self.desk.dish_name(found.dish, found.kind) if found else unknown
        return {**name, "quantity": 1, "weight_g": 0, "amount_fen": 0, "plate": uid[-6:], "state": state}

"""A vision lane at work: its camera's frames looked at, joined with chips and scale where it has them, and priced."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import aclosing
from functools import partial
from typing import Any, Final

from edge.drivers.base import AnyDriver, Camera, Frame, InventoryRound, Link, TagReader, WeightReading, WeightSensor
from edge.kiosk.server import Act
from edge.stations.canteen.desk import Desk
from edge.stations.canteen.eyes import Seen
from edge.stations.canteen.judging import Heard, Judged, judged
from edge.stations.canteen.lanes import vision
from edge.stations.canteen.lanes.field import Field, FieldRules
from edge.stations.canteen.lanes.field import Heard as HeardTag
from edge.stations.canteen.lanes.till import Till
from edge.stations.canteen.lanes.vision import Choice, Chosen, Item, Judge, TraySeen, View, VisionLane, decided
from edge.stations.canteen.shell import LaneShell
from edge.stations.canteen.stirring import Stirring
from edge.stations.canteen.teaching import Teaching
from edge.stations.canteen.texts import denial
from protocols.canteen.reference import Lane, Operator


class VisionShell(LaneShell):
    """One camera over the counter; a plate reader and a scale beside it have their say."""

    state: VisionLane

    def __init__(self, desk: Desk, lane: Lane, devices: Mapping[str, AnyDriver], prefix: str) -> None:
        super().__init__(desk, lane, devices)
        self.kind = "vision"
        settings = desk.site.settings.station
        self.state = VisionLane(
            Till(prefix),
            rounds=settings.stable_rounds,
            of=settings.of_rounds,
            read_timeout_ms=int(settings.read_timeout_s * 1000),
        )
        self.seen = Seen()
        self.frame: Frame | None = None
        self._number = 0
        self._judged = Judged(View())
        self._stirring = Stirring()
        self._rules = FieldRules(rounds=settings.stable_rounds, of=settings.of_rounds)
        self._field: Field | None = Field(self._rules) if self._has(TagReader) else None
        self._weight: WeightReading | None = None
        self._weighs = self._has(WeightSensor)
        self._teaching = Teaching(self)

    def step(self, state: Any, event: Any) -> tuple[Any, list[Any]]:
        """The vision machine."""
        return vision.step(state, event)

    def pumps(self) -> list[Coroutine[Any, Any, None]]:
        """The camera, and what else stands on the counter."""
        pumps: list[Coroutine[Any, Any, None]] = []
        for driver in self.devices.values():
            if isinstance(driver, Camera) and driver.looks_at == "tray":
                pumps.append(self._pump(driver))
            elif isinstance(driver, TagReader):
                pumps.append(self._pump_tags(driver))
            elif isinstance(driver, WeightSensor):
                pumps.append(self._pump_weights(driver))
        return pumps

    def perform(self, effect: Any) -> Any:
        """Judge the last picture anew."""
        return TraySeen(self.desk.monotonic_ms(), self._view()) if isinstance(effect, Judge) else None

    async def act(self, act: Act) -> dict[str, Any]:
        """A diner may say which of the candidates a doubtful dish is, where that is allowed."""
        if act.name == "choose":
            return self.choose(act, operator=0)
        return await super().act(act)

    def operator_acts(self) -> Mapping[str, Callable[[Act, Operator], Awaitable[dict[str, Any]]]]:
        """Correct a dish, teach one."""
        return self._teaching.acts()

    def choose(self, act: Act, *, operator: int) -> dict[str, Any]:
        """Take what a person says of the item `item` of picture `n`; a denial where that is not open to them."""
        item = self.item(act)
        dish = int(act.fields["dish"])
        if item is None:
            return denial("moved")
        allowed = self.desk.site.settings.recognition.diner_chooses
        if not operator and not (allowed and item.outcome == "ask" and dish in item.candidates):
            return denial("staff_only")
        if self.desk.catalogue.price_fen(dish, self.lane.canteen, self.desk.now_ms()) is None:
            return denial("price_missing")
        self.feed(Chosen(self.desk.monotonic_ms(), Choice(item.box, dish, operator)))
        return {}

    def item(self, act: Act) -> Item | None:
        """The item an act names, by the picture's number and its place in it; None where the picture has changed."""
        number, place = int(act.fields["n"]), int(act.fields["item"])
        return self.seen.items[place] if number == self._number and 0 <= place < len(self.seen.items) else None

    def lines(self) -> list[dict[str, Any]]:
        """The bill's lines, and the dishes that stand in its way."""
        if self.state.till.stage != "open":
            return [self.line(line) for line in self.state.till.bill.lines]
        tray = self.state.tray
        if tray is None or self.state.ask in (vision.CLEAR_FIRST, vision.TAKE_TRAY):
            return []
        rows = [self.line(line) for line in tray.lines]
        doubtful = [item for item in tray.items if item.outcome != "known"]
        return rows + [{**self._name(item), **_BARE, "state": _STATES[item.outcome]} for item in doubtful]

    def total_fen(self) -> int:
        """Of the frozen bill, or of what lies there."""
        if self.state.till.stage != "open":
            return self.state.till.bill.priced_fen
        return self.state.tray.total_fen if self.state.tray and not self.state.ask else 0

    def message_key(self) -> str:
        """What the person should do next."""
        if self.state.phase == "reading" and self.state.tap is not None:
            return "reading.tapped"
        if self.state.ask == "unknown_thing" and any(item.outcome == "ask" for item in self._judged.items):
            return "which_dish"
        return self.state.ask or self.state.phase

    def picture(self) -> dict[str, Any] | None:
        """The newest picture looked at, and a box around each dish with its price."""
        if not self._number:
            return {"n": 0, "boxes": []}
        return {"n": self._number, "boxes": [self._box(item) for item in self._judged.items]}

    def hints(self) -> list[dict[str, str]]:
        """Dishes the operator should name, and whether any were taught."""
        if self._number and not self.seen.taught:
            return [{"word": "nothing_taught", "plate": ""}]
        unknown = [item for item in self._judged.items if item.outcome == "unknown"]
        return [{"word": "unknown_dish", "plate": ""}] if unknown else []

    async def _pump(self, camera: Camera) -> None:
        async with aclosing(camera.frames()) as frames:
            async for item in frames:
                if isinstance(item, Link):
                    self.frame = None
                    self._stirring.forget()
                    self.link(camera, item)
                else:
                    await self._look(item)

    async def _look(self, frame: Frame) -> None:
        """A picture like the last one looked at says the same: only what changed is looked at."""
        self.frame = frame
        if self._stirring.stirred(frame.picture):
            menu = {str(dish["id"]) for dish in self.desk.menu(self.lane.canteen)}
            self.seen = await self.desk.looking.run(partial(self.desk.eyes.look, frame.picture, menu))
            self._number += 1
            self.desk.kiosk.publish_picture(self.lane.code, self.seen.jpeg)
        self.feed(TraySeen(self.desk.monotonic_ms(), self._view()))

    def look_again(self) -> None:
        """What is known has changed: look anew at the next frame, even where nothing moves."""
        self._stirring.forget()

    def _view(self) -> View:
        heard = Heard(self._chips(), self.grams(), unsteady=self._unsteady())
        items = decided(self.seen.items, self.state.choices)
        self._judged = judged(self.desk, self.lane, items, heard, reason=self.seen.reason)
        return self._judged.view

    def _chips(self) -> frozenset[str] | None:
        """The plates that are heard; None where there is no reader."""
        return None if self._field is None else self._field.view().stable or frozenset()

    def grams(self) -> float | None:
        """What lies on the scale without the tray, once it is at rest; None without a scale."""
        weight = self._weight
        if weight is None or not weight.stable or weight.overload or weight.underload:
            return None
        return weight.weight_mg / 1000 - self.desk.site.settings.recognition.tray_g

    def _unsteady(self) -> bool:
        """Whether a part has not made up its mind: rounds that do not agree, a scale that moves or is silent."""
        reading = self._field is not None and self._field.view().stable is None
        return reading or (self._weighs and (self._weight is None or not self._weight.stable))

    async def _pump_tags(self, reader: TagReader) -> None:
        async with aclosing(reader.rounds()) as rounds:
            async for item in rounds:
                match item:
                    case Link():
                        self._field = Field(self._rules)
                        self.link(reader, item)
                    case InventoryRound():
                        tags = frozenset(HeardTag(tag.uid, tag.rssi) for tag in item.tags)
                        self._field = (self._field or Field(self._rules)).hear(tags, whole=item.complete)
                        self.desk.plates.still_here(item.uids, self.desk.now_ms())

    async def _pump_weights(self, scale: WeightSensor) -> None:
        async with aclosing(scale.readings()) as readings:
            async for item in readings:
                if isinstance(item, Link):
                    self._weight = None
                    self.link(scale, item)
                else:
                    self._weight = item

    def _box(self, item: Item) -> dict[str, Any]:
        left, top, width, height = item.box
        place = {"x": left, "y": top, "w": width, "h": height}
        choices = [self._offer(dish) for dish in item.candidates] if item.outcome == "ask" else []
        price_fen = self._price(item.dish) if item.outcome == "known" else 0
        return {
            **place,
            **self._name(item),
            "amount_fen": price_fen,
            "state": _STATES[item.outcome],
            "choices": choices,
        }

    def _offer(self, dish: int) -> dict[str, Any]:
        return {"id": dish, **self.desk.dish_name(dish), "price_fen": self._price(dish)}

    def _price(self, dish: int) -> int:
        return self.desk.catalogue.price_fen(dish, self.lane.canteen, self.desk.now_ms()) or 0

    def _name(self, item: Item) -> dict[str, str]:
        return self.desk.dish_name(item.dish) if item.outcome == "known" else dict(_UNNAMED[item.outcome])

    def _has(self, capability: Any) -> bool:
        return any(isinstance(driver, capability) for driver in self.devices.values())


_BARE: Final = {"quantity": 1, "weight_g": 0, "amount_fen": 0, "plate": ""}
_STATES: Final = {"known": "", "ask": "ask", "unknown": "unknown"}
_UNNAMED: Final = {
    "ask": {"zh": "是哪道菜？", "en": "Which dish?"},
    "unknown": {"zh": "不认识的菜品", "en": "Unknown dish"},
}

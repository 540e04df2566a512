"""The vision lane's decisions under any order of events: a doubt is never charged, nor a tray twice."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.stations.canteen.identify import Payer, Presented
from edge.stations.canteen.lanes.events import Acted, Answered, DeviceLink, Identify, Known, LookUp, Pay, Shown, Tick
from edge.stations.canteen.lanes.till import Till
from edge.stations.canteen.lanes.vision import (
    CLEAR_FIRST,
    TAKE_TRAY,
    Choice,
    Chosen,
    Item,
    Judge,
    TraySeen,
    View,
    VisionLane,
    decided,
    overlap,
    step,
)
from edge.stations.canteen.receipts import Receipt
from protocols.payments.facts import Line
from protocols.values.ids import EntryId
from tests.support.payment_rules import make_credential

pytestmark = pytest.mark.capability("SET-02")

PAYER = Payer(1, make_credential())
PRICES = {1: 100, 2: 900, 3: 1_200}
PLACES = ((0.1, 0.1, 0.2, 0.2), (0.6, 0.1, 0.2, 0.2), (0.1, 0.6, 0.2, 0.2))
EMPTY, BLIND = View(), View(blind=True)


def item(place: int, dish: int) -> Item:
    """A dish that is known, or with a negative number one in doubt between dish 1 and 2."""
    return Item(PLACES[place], max(dish, 1), "known") if dish > 0 else Item(PLACES[place], 1, "ask", (1, 2))


def view(*dishes: int, choices: tuple[Choice, ...] = ()) -> View:
    items = decided(tuple(item(place, dish) for place, dish in enumerate(dishes)), choices)
    if any(one.outcome != "known" for one in items):
        return View(items, reasons=("unknown_thing",))
    return View(items, tuple(Line(one.dish, "", 1, 0, PRICES[one.dish], PRICES[one.dish]) for one in items))


class World:
    """A lane under a camera; what it pays is kept with what lay there then."""

    def __init__(self) -> None:
        self.state = VisionLane(Till("p"))
        self.at_ms = 1_000
        self.there: tuple[int, ...] | None = ()
        self.visit = 0  # rises whenever the counter is seen empty three times running
        self.empties = 0
        self.pays: list[tuple[Pay, tuple[int, ...] | None, int]] = []
        self.pending: list[Identify] = []
        self.known_at_once = True

    def feed(self, event: Any) -> None:
        self.state, effects = step(self.state, event)
        for effect in effects:
            match effect:
                case Judge():
                    self.look()
                case Identify() if self.known_at_once:
                    self.feed(Known(self.at_ms, effect.attempt, PAYER))
                case Identify():
                    self.pending.append(effect)
                case Pay():
                    self.pays.append((effect, self.there, self.visit))

    def look(self) -> None:
        seen = BLIND if self.there is None else view(*self.there, choices=self.state.choices)
        self.empties = self.empties + 1 if seen.empty else 0
        if self.empties == self.state.rounds:
            self.visit += 1
        self.feed(TraySeen(self.at_ms, seen))

    def lay(self, *dishes: int, times: int = 3) -> "World":
        self.there = dishes
        for _ in range(times):
            self.at_ms += 100
            self.look()
        return self

    def tap(self) -> "World":
        self.feed(Shown(self.at_ms, Presented("card", "01")))
        return self

    def answer(self) -> "World":
        """The store says that the payment stands."""
        pay = self.pays[-1][0]
        number = EntryId(1, 1, len(self.pays))
        made = Receipt(number, pay.attempt, 1, 1, "n", "0" * 8, 0, 1, 1, 0, 0, 0, 0, (), pay.lines)
        self.feed(Answered(self.at_ms, pay.attempt, made))
        return self

    def later(self, ms: int) -> "World":
        self.at_ms += ms
        self.feed(Tick(self.at_ms))
        return self


def test_a_tray_becomes_a_bill_once_views_agree_and_is_paid() -> None:
    world = World().lay().lay(1, 2, times=2)
    assert world.state.phase == "reading"
    world.lay(1, 2, times=1).tap()
    assert world.pays[0][0].priced_fen == 1_000
    assert world.answer().state.phase == "paid"


def test_what_lies_there_when_the_lane_starts_is_not_billed_before_it_has_left() -> None:
    world = World().lay(1, 2).tap()
    assert (world.state.phase, world.state.ask, world.pays) == ("ask", CLEAR_FIRST, [])
    assert world.lay().lay(1, 2).state.phase == "bill"


def test_a_paid_tray_is_never_billed_again_however_often_it_is_tapped_for() -> None:
    world = World().lay().lay(1).tap().answer().later(5_000).lay(1, times=10).tap().lay(1, times=5).tap()
    assert len(world.pays) == 1
    assert (world.state.phase, world.state.ask) == ("ask", TAKE_TRAY)
    assert world.lay().lay(1).tap().pays[-1][0].priced_fen == 100


def test_one_look_that_misses_the_paid_tray_does_not_bill_it_again() -> None:
    world = World().lay().lay(1).tap().answer().later(5_000).lay(times=2).lay(1, times=5).tap()
    assert len(world.pays) == 1


def test_a_dish_added_to_a_paid_tray_asks_to_clear_the_counter() -> None:
    world = World().lay().lay(1).tap().answer().later(5_000).lay(1, 2, times=5).tap()
    assert (len(world.pays), world.state.ask) == (1, TAKE_TRAY)


def test_a_dish_in_doubt_is_asked_about_and_chosen_before_anything_is_charged() -> None:
    world = World().lay().lay(2, -1).tap()
    assert (world.state.phase, world.state.ask, world.pays) == ("ask", "unknown_thing", [])
    world.feed(Chosen(world.at_ms, Choice(PLACES[1], 1, operator=7)))
    assert world.lay(2, -1).state.phase == "bill"
    pay = world.tap().pays[0][0]
    assert (pay.priced_fen, pay.operator) == (1_000, 7)


def test_what_was_chosen_is_forgotten_with_the_tray() -> None:
    world = World().lay().lay(-1)
    world.feed(Chosen(world.at_ms, Choice(PLACES[0], 1, operator=0)))
    assert world.lay(-1).state.phase == "bill"
    assert world.lay().lay(-1).state.phase == "ask"


def test_nothing_is_chosen_on_a_bill_that_is_being_paid_or_was() -> None:
    world = World().lay().lay(1).tap()
    world.feed(Chosen(world.at_ms, Choice(PLACES[0], 2, operator=0)))
    assert world.state.choices == ()
    world.answer()
    world.feed(Chosen(world.at_ms, Choice(PLACES[0], 2, operator=0)))
    assert (world.state.choices, world.pays[0][0].priced_fen) == ((), 100)


@pytest.mark.parametrize("after", [(), (1, 2), (2,)])
def test_a_tray_that_changes_before_the_person_is_known_is_not_charged(after: tuple[int, ...]) -> None:
    world = World().lay().lay(1)
    world.known_at_once = False
    world.tap().lay(*after, times=3)
    assert world.state.phase == "refused"
    world.feed(Known(world.at_ms, world.pending[0].attempt, PAYER))
    assert world.pays == []


def test_a_tap_while_reading_waits_for_the_bill() -> None:
    world = World().lay().lay(1, times=1).tap()
    assert world.pays == []
    assert world.lay(1, times=2).pays[0][0].priced_fen == 100


def test_a_covered_camera_says_so_and_bills_nothing() -> None:
    world = World().lay()
    world.there = None
    for _ in range(4):
        world.look()
    assert (world.tap().state.phase, world.state.ask, world.pays) == ("ask", "blind", [])


def test_views_that_never_agree_ask_after_a_while() -> None:
    world = World().lay()
    for dish in (1, 2, 3, 1, 2, 3):
        world.lay(dish, times=1)
    assert world.later(8_000).state.ask == "unsteady"


def test_a_camera_that_goes_takes_the_bill_with_it_but_not_that_the_tray_was_paid() -> None:
    world = World().lay().lay(1).tap().answer().later(5_000)
    world.feed(DeviceLink(world.at_ms, "camera", up=False))
    assert world.state.phase == "down"
    world.feed(DeviceLink(world.at_ms, "camera", up=True))
    assert len(world.lay(1).tap().pays) == 1


def test_a_card_over_an_empty_counter_shows_what_is_left() -> None:
    _, effects = step(World().lay().state, Shown(5_000, Presented("card", "01")))
    assert effects == [LookUp(Presented("card", "01"))]


def test_boxes_are_the_same_dish_by_how_much_they_share() -> None:
    assert overlap((0, 0, 1, 1), (0, 0, 1, 1)) == 1
    assert overlap((0, 0, 1, 1), (2, 2, 1, 1)) == 0
    assert overlap((0, 0, 1, 1), (0.5, 0, 1, 1)) == pytest.approx(1 / 3)
    assert overlap((0, 0, 0, 0), (0, 0, 0, 0)) == 0


EVENTS = st.lists(
    st.sampled_from(
        [
            *[("lay", dishes) for dishes in ((), (1,), (1, 2), (2, -1), (-1,), None)],
            ("tap", ()),
            ("answer", ()),
            ("choose", ()),
            ("again", ()),
            ("later", ()),
            ("unplug", ()),
            ("plug", ()),
        ]
    ),
    max_size=60,
)


def act(world: World, name: str, dishes: tuple[int, ...] | None) -> None:
    """One thing that happens at the counter."""
    match name:
        case "lay":
            world.there = dishes
            world.at_ms += 100
            world.look()
        case "tap":
            world.tap()
        case "answer" if world.state.till.stage == "paying":
            world.answer()
        case "choose":
            world.feed(Chosen(world.at_ms, Choice(PLACES[0], 1, operator=0)))
        case "again":
            world.feed(Acted(world.at_ms, "again"))
        case "later":
            world.later(6_000)
        case "unplug" | "plug":
            world.feed(DeviceLink(world.at_ms, "camera", up=name == "plug"))


@given(EVENTS)
def test_whatever_happens_a_doubt_is_never_charged_and_no_tray_twice(events: list[tuple[str, Any]]) -> None:
    world = World()
    for name, dishes in events:
        act(world, name, dishes)
    for pay, _, _ in world.pays:
        assert pay.lines
        assert pay.priced_fen == sum(PRICES[line.dish] for line in pay.lines)
    paid = [visit for pay, _, visit in world.pays if world.pays]
    answered = paid[:-1] if world.state.till.stage == "paying" else paid
    assert len(set(answered)) == len(answered), "one tray was paid twice without the counter having been empty"

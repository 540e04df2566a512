"""The plate lane's decisions under any order of events: who did not agree to a bill is never charged for it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.stations.canteen.identify import Payer, Presented
from edge.stations.canteen.lanes.events import Acted, Answered, DeviceLink, Identify, Known, Pay, Shown, Tick
from edge.stations.canteen.lanes.field import Field, FieldRules, Heard
from edge.stations.canteen.lanes.plate import PlateLane, Price, Priced, PricedSet, RoundHeard, step
from edge.stations.canteen.lanes.till import Till
from edge.stations.canteen.receipts import Receipt
from protocols.payments.facts import Line
from protocols.values.ids import EntryId
from tests.support.payment_rules import make_credential

pytestmark = pytest.mark.capability("SET-01")

PAYER = Payer(1, make_credential())
PRICES = {"A": 100, "B": 900, "C": 500}


class World:
    """A lane whose prices come at once; what it pays is kept with what lay there then."""

    def __init__(self, *, known_at_once: bool = True) -> None:
        self.state = PlateLane(Till("p"), Field(FieldRules()))
        self.at_ms = 1_000
        self.there = frozenset[str]()
        self.recent: list[frozenset[str]] = []
        self.paid: set[str] = set()
        self.pays: list[tuple[Pay, list[frozenset[str]]]] = []
        self.known_at_once = known_at_once
        self.pending: list[Identify] = []

    def feed(self, event: Any) -> None:
        self.state, effects = step(self.state, event)
        for effect in effects:
            match effect:
                case Price():
                    self.feed(PricedSet(self.at_ms, self.price(effect.uids)))
                case Identify() if self.known_at_once:
                    self.feed(Known(self.at_ms, effect.attempt, PAYER))
                case Identify():
                    self.pending.append(effect)
                case Pay():
                    self.pays.append((effect, self.recent[-2:]))

    def price(self, uids: frozenset[str]) -> Priced:
        billed = sorted(uids & set(PRICES) - self.paid)
        lines = tuple(Line(1, uid, 1, 0, PRICES[uid], PRICES[uid]) for uid in billed)
        return Priced(uids, lines, paid=uids & self.paid, unknown=uids - set(PRICES))

    def lay(self, *uids: str, times: int = 1) -> None:
        for _ in range(times):
            self.at_ms += 60
            self.recent.append(frozenset(uids))
            self.feed(RoundHeard(self.at_ms, frozenset(Heard(uid) for uid in uids)))

    def tap(self) -> None:
        self.feed(Shown(self.at_ms, Presented("card", "x")))

    def answer(self) -> None:
        """The store says that the payment stands."""
        pay = self.pays[-1][0]
        self.paid |= {line.plate for line in pay.lines}
        made = Receipt(
            EntryId(1, 1, len(self.pays)), pay.attempt, 1, 1, "n", "0" * 8, 0, 1, 1, 0, 0, 0, 0, (), pay.lines
        )
        self.feed(Answered(self.at_ms, pay.attempt, made))


def test_the_bill_is_frozen_when_the_payment_is_written() -> None:
    world = World()
    world.lay("A", "B", times=5)
    world.tap()
    world.lay("A", "B", "C", times=5)
    world.lay(times=5)
    assert world.state.phase == "paying"
    world.answer()
    assert [line.plate for line in world.pays[0][0].lines] == ["A", "B"]
    assert world.state.phase == "paid"


def test_a_tray_lifted_before_the_person_is_known_is_not_charged() -> None:
    world = World(known_at_once=False)
    world.lay("A", times=5)
    world.tap()
    world.lay(times=2)
    assert (world.state.phase, world.state.till.refusal and world.state.till.refusal.reason) == (
        "refused",
        "bill_changed",
    )
    world.feed(Known(world.at_ms, world.pending[0].attempt, PAYER))
    assert world.pays == []


def test_a_second_tap_while_paying_is_no_second_payment() -> None:
    world = World()
    world.lay("A", times=5)
    world.tap()
    world.tap()
    world.answer()
    world.tap()
    assert len(world.pays) == 1


def test_the_next_tray_is_billed_while_the_last_receipt_is_still_shown() -> None:
    world = World()
    world.lay("A", times=5)
    world.tap()
    world.answer()
    world.lay(times=2)
    world.lay("B", times=3)
    assert (world.state.phase, world.state.priced and world.state.priced.total_fen) == ("bill", 900)


def test_a_paid_tray_left_lying_asks_to_be_taken_away() -> None:
    world = World()
    world.lay("A", times=5)
    world.tap()
    world.answer()
    world.feed(Tick(world.at_ms + 4_000))
    assert (world.state.phase, world.state.ask) == ("ask", "take_tray")


def test_a_tray_that_never_settles_is_asked_to_be_set_down_flat() -> None:
    world = World()
    for _ in range(100):
        for uids in ("A", "B", "C"):
            world.lay(uids)
        world.feed(Tick(world.at_ms))
    assert (world.state.phase, world.state.ask) == ("ask", "unsteady")


def test_two_trays_at_once_are_not_billed() -> None:
    world = World()
    world.state = PlateLane(Till("p"), Field(FieldRules()), most_plates=2)
    world.lay("A", "B", "C", times=5)
    world.tap()
    assert (world.state.ask, world.pays) == ("two_trays", [])


events = st.lists(
    st.one_of(
        st.tuples(st.just("lay"), st.sets(st.sampled_from(["A", "B", "C", "?"]), max_size=4), st.integers(1, 5)),
        st.tuples(st.just("tap")),
        st.tuples(st.just("answer")),
        st.tuples(st.just("known")),
        st.tuples(st.just("tick"), st.integers(1, 9_000)),
        st.tuples(st.just("link"), st.booleans()),
        st.tuples(st.just("act"), st.sampled_from(["cancel", "again", "pin"])),
    ),
    max_size=40,
)


def happen(world: World, event: tuple[Any, ...]) -> None:
    match event:
        case ("lay", uids, times):
            world.lay(*uids, times=times)
        case ("tap",):
            world.tap()
        case ("answer",) if world.pays and world.state.till.stage == "paying":
            world.answer()
        case ("known",) if world.pending:
            world.feed(Known(world.at_ms, world.pending[-1].attempt, PAYER))
        case ("tick", passed_ms):
            world.at_ms += passed_ms
            world.feed(Tick(world.at_ms))
        case ("link", up):
            world.feed(DeviceLink(world.at_ms, "reader", up=up))
        case ("act", name):
            world.feed(Acted(world.at_ms, name, {"digits": "1"}))


@given(events=events, known_at_once=st.booleans())
def test_whatever_happens_a_payment_is_for_plates_that_lay_there_known_unpaid_and_once(
    events: list[tuple[Any, ...]], known_at_once: bool
) -> None:
    world = World(known_at_once=known_at_once)
    for event in events:
        happen(world, event)
        assert world.state.phase in {"idle", "reading", "bill", "paying", "paid", "refused", "ask", "down"}
    attempts = [pay.attempt for pay, _ in world.pays]
    assert len(set(attempts)) == len(attempts)
    for pay, recent in world.pays:
        plates = {line.plate for line in pay.lines}
        assert plates
        assert any(plates <= one and "?" not in one for one in recent)
        assert pay.priced_fen == sum(line.amount_fen for line in pay.lines)

"""The buffet gate's decisions."""

from typing import Any

import pytest

from edge.stations.canteen.identify import Payer, Presented
from edge.stations.canteen.lanes.events import Acted, Answered, DeviceLink, Known, Pay, Shown, Tick
from edge.stations.canteen.lanes.gate import OPEN_MS, GateLane, Opened, OpenGate, Passed, RecordPass, step
from edge.stations.canteen.lanes.till import Till
from edge.stations.canteen.receipts import Receipt
from protocols.payments.refusals import Reason, Refusal
from protocols.values.ids import EntryId
from tests.support.payment_rules import make_credential

pytestmark = pytest.mark.capability("SET-05")


def receipt(seq: int, person: int = 1) -> Receipt:
    return Receipt(EntryId(1, 1, seq), "a", 4, 1, "n", "0" * 8, 0, 20261120, person, 1_500, 0, 0, 1_500, (), ())


class World:
    """A gate, its effects kept."""

    def __init__(self) -> None:
        self.state = GateLane(Till("g"))
        self.effects: list[Any] = []
        self.at_ms = 1_000

    def feed(self, event: Any) -> None:
        self.state, effects = step(self.state, event)
        self.effects += effects

    def tap(self, person: int = 1) -> None:
        self.at_ms += 500
        self.feed(Shown(self.at_ms, Presented("card", "x")))
        self.feed(Known(self.at_ms, self.state.till.attempt, Payer(person, make_credential(person=person))))

    def pay(self, seq: int, person: int = 1) -> None:
        self.tap(person)
        self.feed(Answered(self.at_ms, self.state.till.attempt, receipt(seq, person)))

    def seen(self, kind: type) -> list[Any]:
        return [effect for effect in self.effects if isinstance(effect, kind)]


@pytest.mark.rule(18)
def test_rule_18_the_gate_opens_only_once_the_payment_is_durable() -> None:
    world = World()
    world.tap()
    assert (len(world.seen(Pay)), world.seen(OpenGate)) == (1, [])
    world.feed(Answered(world.at_ms, world.state.till.attempt, receipt(7)))
    assert [opening.seq for opening in world.seen(OpenGate)] == [7]


def test_a_refused_payment_opens_nothing() -> None:
    world = World()
    world.tap()
    world.feed(Answered(world.at_ms, world.state.till.attempt, Refusal(Reason.ENTERED)))
    assert (world.state.phase, world.seen(OpenGate)) == ("refused", [])


def test_who_walks_through_is_recorded_in_the_order_of_paying() -> None:
    world = World()
    world.pay(7, 1)
    world.pay(8, 2)
    world.feed(Passed(world.at_ms))
    world.feed(Passed(world.at_ms))
    world.feed(Passed(world.at_ms))
    assert world.seen(RecordPass) == [RecordPass(7, passed=True), RecordPass(8, passed=True)]


def test_who_paid_and_did_not_walk_is_let_in_later_without_paying_again() -> None:
    world = World()
    world.pay(7)
    world.feed(Tick(world.at_ms + OPEN_MS))
    assert world.seen(RecordPass) == [RecordPass(7, passed=False)]
    assert (world.state.phase, world.state.note) == ("ask", "not_passed")
    world.at_ms += OPEN_MS
    world.tap()
    assert [opening.seq for opening in world.seen(OpenGate)] == [7, 7]
    assert len(world.seen(Pay)) == 1
    world.feed(Passed(world.at_ms))
    assert world.seen(RecordPass)[-1] == RecordPass(7, passed=True)


def test_a_gate_that_does_not_answer_leaves_the_way_in_owed_and_asks_for_help() -> None:
    world = World()
    world.pay(7)
    world.feed(Opened(world.at_ms, 7, well=False))
    assert (world.state.phase, world.state.note) == ("ask", "gate_stuck")
    world.feed(Acted(world.at_ms, "open_gate", {}))
    assert len(world.seen(OpenGate)) == 1
    world.feed(Acted(world.at_ms, "open_gate", {}, operator=1))
    assert len(world.seen(OpenGate)) == 2


def test_with_the_turnstile_away_nobody_is_charged() -> None:
    world = World()
    world.feed(DeviceLink(0, "door", up=False))
    world.feed(Shown(1, Presented("card", "x")))
    assert (world.state.phase, world.effects) == ("down", [])
    world.feed(DeviceLink(2, "door", up=True))
    world.pay(7)
    assert len(world.seen(OpenGate)) == 1


def test_a_passage_nobody_paid_for_records_nothing() -> None:
    world = World()
    world.feed(Passed(1))
    assert world.effects == []

"""The weigh lane's decisions, without a scale or a store."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.stations.canteen.identify import Payer, Presented
from edge.stations.canteen.lanes.events import Answered, DeviceLink, Identify, Known, Pay, Shown, Tick
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
    step,
)
from edge.stations.canteen.trays import Pick, Tray
from protocols.payments.refusals import Reason, Refusal
from tests.support.payment_rules import make_credential

pytestmark = pytest.mark.capability("SET-03")

DISH, PRICE = 6, 4_000
ANN, BEN = (Payer(person, make_credential(person=person)) for person in (1, 2))


class World:
    """A lane with its effects carried out at once, as a store would."""

    def __init__(self, **rules: Any) -> None:
        self.state = WeighLane(Till("t"), DISH, ScaleRules(**({"minimum_g": 20, "division_g": 1} | rules)))
        self.at_ms = 0
        self.trays: dict[int, Tray] = {}
        self.effects: list[Any] = []
        self.weigh(10_000)

    def feed(self, event: Any) -> None:
        self.state, effects = step(self.state, event)
        self.effects += effects
        for effect in effects:
            match effect:
                case Attach():
                    person = effect.payer.person
                    tray = self.trays.setdefault(person, Tray(f"s{person}", 2, effect.payer, self.state.uid))
                    self.feed(Attached(self.at_ms, tray))
                case AttachTray():
                    for tray in [one for one in self.trays.values() if one.uid == effect.uid]:
                        self.feed(Attached(self.at_ms, tray))
                case TakePick():
                    self._pick(effect)

    def _pick(self, effect: TakePick) -> None:
        person = int(effect.session[1:])
        before = self.trays[person]
        self.trays[person] = after = replace_picks(before, Pick(DISH, effect.weight_g, PRICE, 0))
        self.feed(Picked(self.at_ms, effect.session, after))

    def weigh(self, weight_g: int, **how: Any) -> None:
        self.at_ms += 100
        self.feed(Weight(self.at_ms, weight_g, **({"stable": True} | how)))

    def tap(self, payer: Payer) -> None:
        self.at_ms += 100
        self.feed(Shown(self.at_ms, Presented("card", "x")))
        name = next(effect.attempt for effect in reversed(self.effects) if isinstance(effect, Identify))
        self.feed(Known(self.at_ms, name, payer))

    def seen(self, kind: type) -> list[Any]:
        return [effect for effect in self.effects if isinstance(effect, kind)]


def replace_picks(tray: Tray, pick: Pick) -> Tray:
    return Tray(tray.session, tray.lane, tray.payer, tray.uid, (*tray.picks, pick))


def test_the_first_tap_binds_and_the_second_settles_what_was_taken() -> None:
    world = World()
    world.tap(ANN)
    assert world.state.phase == "bill"
    world.weigh(9_700)
    assert world.state.tray is not None
    assert world.state.tray.total_fen == 1_200
    world.tap(ANN)
    (pay,) = world.seen(Pay)
    assert (pay.priced_fen, pay.session, pay.attempt) == (1_200, "s1", "weigh s1")
    assert world.state.phase == "paying"


def test_giving_back_lowers_the_bill_and_never_below_what_was_taken() -> None:
    world = World()
    world.tap(ANN)
    world.weigh(9_700)
    world.weigh(9_800)
    assert world.trays[1].net_g(DISH) == 200
    world.weigh(10_001)
    assert world.trays[1].net_g(DISH) == 0
    assert world.trays[1].total_fen == 0


def test_refill_is_never_billed_and_moves_the_base_line() -> None:
    world = World()
    world.tap(ANN)
    world.weigh(9_700)
    world.weigh(14_000)
    assert world.trays[1].net_g(DISH) == 300
    world.weigh(13_900)
    assert world.trays[1].net_g(DISH) == 400
    world.state = replace(world.state, tray=None)
    world.weigh(20_000)
    assert world.seen(Unattributed) == []


def test_a_pan_lifted_off_to_be_refilled_bills_nobody() -> None:
    world = World()
    world.tap(ANN)
    world.weigh(0)
    world.weigh(12_000)
    assert world.seen(TakePick) == []
    world.weigh(11_900)
    assert [pick.weight_g for pick in world.seen(TakePick)] == [100]


def test_below_the_scales_minimum_nothing_is_priced_until_it_is_reached() -> None:
    world = World()
    world.tap(ANN)
    world.weigh(9_985)
    assert (world.state.phase, world.state.ask) == ("ask", "below_minimum")
    assert world.seen(TakePick) == []
    world.weigh(9_970)
    assert [pick.weight_g for pick in world.seen(TakePick)] == [30]
    assert world.state.phase == "bill"


def test_a_change_nobody_is_bound_to_is_billed_to_no_one() -> None:
    world = World()
    world.weigh(9_700)
    assert [lost.weight_g for lost in world.seen(Unattributed)] == [300]
    assert world.state.ask == "unattributed"
    world.tap(ANN)
    world.weigh(9_600)
    assert world.trays[1].net_g(DISH) == 100


def test_only_stable_readings_count_and_an_overload_loses_the_base_line() -> None:
    world = World()
    world.tap(ANN)
    world.weigh(9_000, stable=False)
    world.weigh(0, overload=True)
    assert world.state.ask == "overload"
    world.weigh(9_500)
    assert world.seen(TakePick) == []
    world.weigh(9_400)
    assert [pick.weight_g for pick in world.seen(TakePick)] == [100]


def test_past_the_certificate_nothing_is_bound_or_billed() -> None:
    world = World(legal=False)
    world.feed(Shown(1, Presented("card", "x")))
    assert (world.state.phase, world.effects) == ("down", [])
    world.feed(RulesChanged(2, ScaleRules()))
    world.tap(ANN)
    assert world.state.phase == "bill"


def test_somebody_elses_tap_takes_the_place_and_leaves_the_first_tray_open() -> None:
    world = World()
    world.tap(ANN)
    world.weigh(9_700)
    world.tap(BEN)
    world.weigh(9_600)
    assert (world.trays[1].net_g(DISH), world.trays[2].net_g(DISH)) == (300, 100)
    assert world.seen(Pay) == []


def test_who_taps_twice_to_be_sure_stays_bound_and_pays_nothing() -> None:
    world = World()
    world.tap(ANN)
    world.tap(ANN)
    assert (world.state.phase, world.seen(Pay)) == ("bill", [])
    world.weigh(9_700)
    assert world.trays[1].net_g(DISH) == 300
    world.tap(ANN)
    assert len(world.seen(Pay)) == 1


def test_who_walks_on_leaves_the_station_after_a_while_with_the_tray_open() -> None:
    world = World()
    world.tap(ANN)
    world.weigh(9_700)
    world.feed(Tick(world.at_ms + 30_000))
    assert (world.state.phase, world.seen(Pay)) == ("idle", [])
    world.tap(ANN)
    assert world.state.tray is not None
    assert world.state.tray.total_fen == 1_200


def test_a_tray_with_a_chip_is_known_at_the_next_station_without_a_card() -> None:
    world = World()
    world.feed(TrayHere(world.at_ms, "T1"))
    assert world.state.phase == "idle"
    world.tap(ANN)
    world.weigh(9_700)
    world.feed(Tick(world.at_ms + 60_000))
    assert world.state.phase == "bill"
    world.feed(TrayHere(world.at_ms, ""))
    assert (world.state.phase, world.seen(Pay)) == ("idle", [])
    world.weigh(9_500)
    assert [lost.weight_g for lost in world.seen(Unattributed)] == [200]
    world.feed(TrayHere(world.at_ms, "T1"))
    world.weigh(9_400)
    assert world.trays[1].net_g(DISH) == 400


def test_a_scale_that_was_away_starts_from_a_new_base_line() -> None:
    world = World()
    world.tap(ANN)
    world.feed(DeviceLink(world.at_ms, "scale", up=False))
    assert world.state.phase == "down"
    world.feed(DeviceLink(world.at_ms, "scale", up=True))
    world.weigh(8_000)
    assert world.seen(TakePick) == []


def test_a_refused_payment_leaves_the_tray_open() -> None:
    world = World()
    world.tap(ANN)
    world.weigh(9_700)
    world.tap(ANN)
    world.feed(Answered(world.at_ms, "weigh s1", Refusal(Reason.NOT_ENOUGH, 200)))
    assert world.state.phase == "refused"
    assert world.state.tray is not None


moves = st.lists(
    st.tuples(st.sampled_from(["take", "back", "refill", "tap1", "tap2", "wait"]), st.integers(20, 900)), max_size=30
)


@given(moves=moves)
def test_a_tray_is_never_billed_more_than_was_taken_while_its_person_stood_there(moves: list[tuple[str, int]]) -> None:
    world = World()
    here, left_g = 0, 10_000
    taken = {0: 0, 1: 0, 2: 0}
    for what, weight_g in moves:
        if what == "take":
            left_g -= weight_g
            taken[here] += weight_g
            world.weigh(left_g)
        elif what == "back":
            left_g += weight_g
            world.weigh(left_g)
        elif what == "refill":
            left_g += 5_000
            world.weigh(left_g)
        elif what == "wait":
            world.at_ms += 31_000
            world.feed(Tick(world.at_ms))
            here = 0
        elif world.state.till.stage == "open":
            person = 1 if what == "tap1" else 2
            if here != person:
                world.tap((ANN, BEN)[person - 1])
                here = person
    for person, tray in world.trays.items():
        assert 0 <= tray.net_g(DISH) <= taken[person]

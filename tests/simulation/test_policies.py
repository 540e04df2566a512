"""What each policy takes of the fixed month, and purchases in the dark that no counter may find fault with."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from cloud.domains.payments.events import MEAL_FEN
from cloud.ledger.store_memory import MemoryLedger
from edge.leases.book import LeaseBook
from edge.store.transaction import Transaction
from protocols.ledger.accounts import Account
from protocols.payments.facts import Share
from tests.simulation import lease_cashier
from tests.simulation.cashiers import AllKnowing, Cashier, FixedAmount, FixedPart, Optimist, Tally, play
from tests.simulation.partitioned import Dark
from tests.simulation.policies import FAULTS, about, ceiling_of, ours_on
from tests.simulation.trace import ANNOUNCED, MINUTES_A_DAY, MONTH, TOP_UP, WANTED, Cut, Diner, Event, Trace, read
from tests.simulation.trace_drawing import SEED, draw

SAMPLE = 20_000  # purchases; a million are made by `python -m tests.simulation.policies`
MOST_BYTES = 2_000_000


@pytest.fixture(scope="module")
def month() -> Trace:
    return read()


def test_the_fixed_month_is_as_large_and_as_badly_connected_as_it_says(month: Trace) -> None:
    told = about(month)
    assert (told["people"], told["sites"]) == (5_000, 2)
    assert 0.045 < told["visiting"] < 0.055
    assert told["cut_minutes"] == [1, 3, 3 * MINUTES_A_DAY]
    assert 0.1 < told["offline"] < 0.3
    assert month.events[-1].minute // MINUTES_A_DAY == 30
    assert list(month.events) == sorted(month.events, key=lambda event: event.minute)
    assert MONTH.stat().st_size < MOST_BYTES
    low = sum(diner.cash_fen + diner.subsidy_fen < 2_000 for diner in month.diners)
    assert low > len(month.diners) // 10, "many have no more than a meal"


def test_the_file_is_what_the_drawing_drew(month: Trace) -> None:
    drawn = draw(15, SEED)
    kept = month.of(lambda person: person <= 15)
    assert (drawn.diners, drawn.events, drawn.cuts, drawn.words) == (kept.diners, kept.events, month.cuts, month.words)


@pytest.mark.rule(4)
def test_rule_4_leases_take_95_percent_of_what_an_all_knowing_cashier_takes_at_home(month: Trace) -> None:
    month = month.of(lambda person: person % 5 == 0)  # `python -m tests.simulation.policies` plays it for everybody
    ceiling = ceiling_of(month)
    figures = ours_on(month, ceiling).figures()
    assert figures["home"] >= 0.95, figures
    assert not any(figures[fault] for fault in FAULTS), figures
    assert figures["visiting"] > 0.7, "visitors are served while the sites hear each other"
    part, optimist = FixedPart(month), Optimist(month)
    play(month, [part, optimist])
    assert figures["home"] > part.tally.share("home", ceiling)
    assert optimist.tally.overdraft_fen > 0, "a month that tempts nobody to overdraw shows nothing"


@pytest.mark.rule(1, 5)
@pytest.mark.parametrize("sites", [2, 4])
def test_rule_1_purchases_in_the_dark_overdraw_nobody_and_lose_nothing(sites: int) -> None:
    dark = Dark(sites=sites, people=800, seed=sites)
    dark.run(SAMPLE // 2)
    figures = dark.figures()
    assert not any(figures[fault] for fault in FAULTS), figures
    assert min(figures["taken"], figures["refused"], figures["replays"], figures["returns"]) > 100, figures


async def _only_add(ledger: MemoryLedger, held: Mapping[Account, int], deltas: Mapping[Account, int]) -> None:
    """The transfer that forgets to take from the other side."""
    for account, delta in deltas.items():
        if delta > 0:
            ledger.world.balances[account] = ledger.world.balances.get(account, 0) + delta


def _spend_nothing(book: LeaseBook, tx: Transaction, person: int, shares: tuple[Share, ...]) -> None:
    """The spend that forgets to spend."""


@pytest.mark.rule(1)
@pytest.mark.parametrize(
    ("where", "name", "fault"), [(MemoryLedger, "move", _only_add), (LeaseBook, "spend", _spend_nothing)]
)
def test_rule_1_the_plain_counter_finds_planted_faults(
    monkeypatch: pytest.MonkeyPatch, where: type, name: str, fault: Callable[..., Any]
) -> None:
    monkeypatch.setattr(where, name, fault)
    dark = Dark(sites=2, people=200, seed=1)
    dark.run(4_000)
    assert dark.counter.overdrafts > 0
    assert dark.fen_astray() > 0


def small(*events: Event, cash_fen: int, cuts: tuple[Cut, ...] = ()) -> Trace:
    """One person whose home is site 1."""
    return Trace(20261110, (Diner(7, 1, 1, cash_fen, 0),), (*cuts, Cut(2, 9000, 9001, 9002)), events)


def buys(minute: int, fen: int, *, at: int = 1) -> Event:
    return Event(WANTED, minute, 7, at, fen)


def taken_by(make: Callable[[Trace], Cashier], trace: Trace) -> Tally:
    cashier = make(trace)
    play(trace, [cashier])
    return cashier.tally


BOTH_CUT = (Cut(1, 100, 200, 201), Cut(2, 100, 200, 201))


def test_the_optimist_overdraws_where_two_sites_are_cut_off() -> None:
    month = small(buys(110, 900), buys(120, 900, at=2), buys(300, 900), cash_fen=1_000, cuts=BOTH_CUT)
    tally = taken_by(Optimist, month)
    assert tally.accepted == [True, True, False]
    assert (tally.overdrafts, tally.overdraft_fen) == (1, 800)
    assert taken_by(AllKnowing, month).accepted == [True, False, False]


def test_fixed_limits_refuse_what_there_is_money_for_and_overdraw_all_the_same() -> None:
    month = small(buys(110, 4_000), buys(115, 900), cash_fen=5_000, cuts=BOTH_CUT)
    assert taken_by(FixedPart, month).accepted == [False, True]
    assert taken_by(FixedAmount, month).accepted == [False, True]
    half_dark = small(buys(110, 400), buys(120, 1_000, at=2), cash_fen=1_000, cuts=BOTH_CUT[:1])
    assert taken_by(FixedPart, half_dark).overdraft_fen == 400


@pytest.mark.rule(4)
def test_rule_4_home_pays_offline_less_a_meal_and_gets_the_rest_when_online() -> None:
    month = small(buys(110, 3_000), buys(120, 1_500), buys(300, 1_500), cash_fen=5_000, cuts=BOTH_CUT)
    ours = ours_on(month, ceiling_of(month))
    assert ours.tally.accepted == [True, False, True]
    assert dict(ours.lost) == {"home: offline, kept by the cloud": 1}
    assert ours.fen_astray() == 0


@pytest.mark.rule(4)
def test_rule_4_a_visitor_is_served_from_the_meal_kept_back_and_then_from_what_home_gives_back() -> None:
    month = small(buys(50, 1_800, at=2), buys(60, 2_500, at=2), cash_fen=5_000)
    ours = ours_on(month, ceiling_of(month))
    assert ours.tally.accepted == [True, True]
    assert ours.tapped_again == 1, "the second waits until home has answered the recall"


@pytest.mark.rule(4)
def test_rule_4_a_visit_announced_before_the_cut_is_served_in_it() -> None:
    visit = Event(ANNOUNCED, 90, 7, 2, 0)
    month = small(visit, buys(110, 1_800, at=2), buys(120, 1_800, at=2), cash_fen=9_000, cuts=BOTH_CUT)
    assert ours_on(month, ceiling_of(month)).tally.accepted == [True, False]


def test_the_month_is_played_with_the_meal_that_the_product_keeps_back() -> None:
    assert lease_cashier.MEAL_FEN == MEAL_FEN


def test_money_put_in_during_a_cut_arrives_with_the_network() -> None:
    top_up = Event(TOP_UP, 110, 7, 0, 5_000)
    month = small(buys(105, 900), top_up, buys(120, 900), buys(300, 900), cash_fen=1_000, cuts=BOTH_CUT)
    ours = ours_on(month, ceiling_of(month))
    assert ours.tally.accepted == [True, False, True]
    assert dict(ours.lost) == {"home: offline, put in during the cut": 1}

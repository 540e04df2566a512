"""Money back, cash, the day's end, and what a restart shows."""

from functools import partial
from pathlib import Path

import msgspec
import pytest

from edge.core.clock import ManualClock
from edge.leases.audit import verify
from edge.stations.canteen.cash import CashDenied
from edge.stations.canteen.checkout import mark_shown
from edge.stations.canteen.receipts import Receipt
from edge.stations.canteen.refunds import RefundDenied, Why
from protocols.journal.kinds import Kind
from protocols.payments import facts
from protocols.payments.facts import DayClosed, Refund, Share
from protocols.payments.refusals import Reason, Refusal
from protocols.sync.messages import LeaseKind, LeaseMessage
from tests.support.canteen import CASH, FISH, MEAL, OTHER_PLATE_LANE, PLATE_LANE, canteen_at, spent_fen
from tests.support.checkout import close, dish, entries, paid, pay, refund, take_cash
from tests.support.payment_rules import make_limit


@pytest.mark.rule(10)
@pytest.mark.capability("SET-04")
async def test_rule_10_a_refund_goes_back_to_the_same_buckets_in_reverse_and_only_once(tmp_path: Path) -> None:
    async with canteen_at(tmp_path, online=False) as station:
        desk = station.desk
        grant = [LeaseMessage(desk.site.leases.n + 1, LeaseKind.GRANT, 1, MEAL, 500, 0)]
        await desk.site.writer.submit(lambda tx: desk.site.leases.apply(tx, grant))
        receipt = await paid(desk, dish(700, 1), dish(300, 2))
        assert receipt.shares == (Share(MEAL, 500), Share(CASH, 500))
        part = await refund(desk, receipt, 0, attempt="r1", reason=Why.FOOD)
        assert part.amount_fen == 700
        assert desk.site.leases.balances(1) == {CASH: 10_000, MEAL: 200}
        assert await refund(desk, receipt, 0, attempt="r1", reason=Why.FOOD) == part
        with pytest.raises(RefundDenied, match="item_refunded_before"):
            await refund(desk, receipt, 0, attempt="r2")
        await refund(desk, receipt, attempt="r3")
        with pytest.raises(RefundDenied, match="refunded_before"):
            await refund(desk, receipt, attempt="r4")
        assert desk.site.leases.balances(1) == {CASH: 10_000, MEAL: 500}
        found = [facts.decode(Refund, entry.payload) for entry in entries(desk, Kind.REFUND)]
        assert [(one.refund_no, one.operator, one.reason) for one in found] == [(1, 1, 2), (2, 1, 1)]
        assert sum(one.amount_fen for one in found) == receipt.amount_fen
        assert entries(desk, Kind.REFUND)[0].depends_on == receipt.entry.seq


@pytest.mark.rule(10)
async def test_rule_10_only_sales_of_this_stream_within_the_operators_limit_and_with_a_reason(tmp_path: Path) -> None:
    async with canteen_at(tmp_path) as station:
        desk = station.desk
        receipt = await paid(desk, dish(700))
        with pytest.raises(RefundDenied, match="over_limit"):
            await refund(desk, receipt, limit_fen=699)
        with pytest.raises(RefundDenied, match="no_reason"):
            await refund(desk, receipt, reason=0)
        for seq in (1, 9_999):
            elsewhere = msgspec.structs.replace(receipt, entry=receipt.entry._replace(seq=seq))
            with pytest.raises(RefundDenied, match="not_here"):
                await refund(desk, elsewhere)
        assert spent_fen(desk, 1) == 700


@pytest.mark.rule(3, 10)
async def test_rule_3_a_reversed_meal_may_be_eaten_again_and_its_plates_billed_again(tmp_path: Path) -> None:
    async with canteen_at(
        tmp_path, change=lambda found: found["limit_rules"].update({"50": make_limit(times=1)})
    ) as station:
        desk = station.desk
        standing = [LeaseMessage(desk.site.leases.n + 1, LeaseKind.STANDING, 1, 50, 0, 20200101)]
        await desk.site.writer.submit(lambda tx: desk.site.leases.apply(tx, standing))
        receipt = await paid(desk, dish(700, 3, FISH))
        assert await pay(desk, dish(700), attempt="b") == Refusal(Reason.LIMIT_TIMES)
        await refund(desk, receipt)
        assert isinstance(await pay(desk, dish(700, 3, FISH), attempt="c"), Receipt)


@pytest.mark.rule(10)
async def test_rule_10_a_refund_into_a_cleared_bucket_follows_the_clearing(tmp_path: Path) -> None:
    async with canteen_at(tmp_path) as station:
        desk = station.desk
        receipt = await paid(desk, dish(700))
        cut = [LeaseMessage(desk.site.leases.n + 1, LeaseKind.CUTOFF, 0, CASH, 0, 0)]
        await desk.site.writer.submit(lambda tx: desk.site.leases.apply(tx, cut))
        await refund(desk, receipt)
        assert desk.site.leases.holdings() == []
        (back,), (returned,) = entries(desk, Kind.REFUND), entries(desk, Kind.LEASE_RETURNED)
        assert returned.seq > back.seq, "what is returned must have come back first, for whoever follows the stream"
        assert verify(desk.site.reader) == []


@pytest.mark.rule(11)
@pytest.mark.capability("SET-04")
async def test_rule_11_cash_is_spendable_at_once_and_voidable_while_unspent(tmp_path: Path) -> None:
    async with canteen_at(tmp_path, online=False, grant={}) as station:
        desk = station.desk
        kept = await take_cash(desk, 2_000)
        assert kept == await take_cash(desk, 2_000)
        assert kept.balance_fen == 2_000
        void = partial(desk.cash.void, "v", PLATE_LANE, kept.entry.seq, 1)
        receipt = await paid(desk, dish(500))
        with pytest.raises(CashDenied, match="spent"):
            await desk.site.writer.submit(void)
        await refund(desk, receipt)
        voided = await desk.site.writer.submit(void)
        assert (voided.amount_fen, voided.balance_fen) == (-2_000, 0)
        assert await desk.site.writer.submit(void) == voided, "the same try is answered the same"
        with pytest.raises(CashDenied, match="voided_before"):
            await desk.site.writer.submit(partial(desk.cash.void, "w", PLATE_LANE, kept.entry.seq, 1))
        with pytest.raises(CashDenied, match="not_here"):
            await desk.site.writer.submit(partial(desk.cash.void, "v", OTHER_PLATE_LANE, kept.entry.seq, 1))
        assert len(entries(desk, Kind.CASH_VOIDED)) == 1


@pytest.mark.parametrize(
    ("amount_fen", "person", "word"), [(0, 1, "bad_amount"), (-5, 1, "bad_amount"), (500, 99, "unknown_person")]
)
async def test_cash_that_makes_no_sense_is_denied(tmp_path: Path, amount_fen: int, person: int, word: str) -> None:
    async with canteen_at(tmp_path) as station:
        with pytest.raises(CashDenied, match=word):
            await take_cash(station.desk, amount_fen, person=person)
        assert entries(station.desk, Kind.CASH_TAKEN) == []


@pytest.mark.lesson("odoo-203431")
@pytest.mark.capability("SET-11")
async def test_a_day_closed_before_the_cloud_heard_of_it_keeps_every_sale_and_agrees(tmp_path: Path) -> None:
    async with canteen_at(tmp_path, online=False) as station:
        desk = station.desk
        first = await paid(desk, dish(700), attempt="a")
        await paid(desk, dish(300), attempt="b")
        await paid(desk, dish(999), attempt="other", lane=OTHER_PLATE_LANE)
        await refund(desk, first)
        await take_cash(desk, 5_000)
        closed = await close(desk, counted_fen=5_000)
        assert closed.agrees
        fact = facts.decode(DayClosed, entries(desk, Kind.DAY_CLOSED)[0].payload)
        assert (fact.settlements, fact.settled_fen, fact.refunds, fact.refunded_fen, fact.cash_fen, fact.state) == (
            2,
            1_000,
            1,
            700,
            5_000,
            1,
        )
        assert fact.first_seq == 1
        late = await paid(desk, dish(100), attempt="late")
        second = await close(desk)
        assert second.fact.first_seq == fact.last_seq + 1 <= late.entry.seq
        assert (second.fact.settlements, second.fact.settled_fen) == (1, 100)


@pytest.mark.parametrize(("counted_fen", "state"), [(-1, 1), (2_000, 1), (2_001, 2), (1_999, 3)])
async def test_a_closing_says_whether_the_drawer_is_even_over_or_short(
    tmp_path: Path, counted_fen: int, state: int
) -> None:
    async with canteen_at(tmp_path) as station:
        await take_cash(station.desk, 2_000)
        assert (await close(station.desk, counted_fen=counted_fen)).fact.state == state


async def test_a_closing_that_finds_till_and_journal_apart_is_carried(tmp_path: Path) -> None:
    async with canteen_at(tmp_path) as station:
        desk = station.desk
        await paid(desk, dish(700))
        await desk.site.writer.submit(lambda tx: tx.execute("UPDATE canteen_sales SET amount_fen = 1") and None)
        closed = await close(desk)
        assert (closed.agrees, closed.fact.state, closed.fact.settled_fen) == (False, 4, 700)


@pytest.mark.rule(18)
@pytest.mark.lesson("odoo-125037")
async def test_rule_18_a_charge_no_screen_showed_is_the_last_charge_after_a_restart(tmp_path: Path) -> None:
    clock = ManualClock()
    async with canteen_at(tmp_path, clock=clock) as station:
        receipt = await paid(station.desk, dish(700))
    async with canteen_at(tmp_path, clock=clock) as station:
        desk = station.desk
        last = desk.history.unshown(PLATE_LANE, now_ms=desk.now_ms())
        assert last is not None
        assert last.receipt == receipt
        await refund(desk, receipt, reason=Why.NOT_SHOWN)
        assert desk.history.unshown(PLATE_LANE, now_ms=desk.now_ms()) is None
        assert spent_fen(desk, 1) == 0


@pytest.mark.rule(18)
async def test_rule_18_a_charge_that_was_shown_is_not_asked_about(tmp_path: Path) -> None:
    async with canteen_at(tmp_path) as station:
        desk = station.desk
        receipt = await paid(desk, dish(700))
        assert desk.history.unshown(PLATE_LANE, now_ms=desk.now_ms()) is not None
        await desk.site.writer.submit_lazily(partial(mark_shown, (receipt.entry.seq,)))
    async with canteen_at(tmp_path) as station:
        desk = station.desk
        assert desk.history.unshown(PLATE_LANE, now_ms=desk.now_ms()) is None

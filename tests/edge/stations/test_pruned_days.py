"""Old entries leave the disk, and what a day's end, a refund or a void still needs does not (rules 10, 24, 28)."""

from functools import partial
from pathlib import Path

import pytest

from edge.stations.canteen.checkout import tidy
from edge.stations.canteen.closing import Totals
from edge.stations.canteen.desk import Desk
from tests.support.canteen import OTHER_PLATE_LANE, PLATE_LANE, canteen_at
from tests.support.checkout import close, dish, paid, refund, take_cash

_LATER_MS = 10 * 86_400_000


async def pruned(desk: Desk) -> tuple[int, int]:
    """All is safe in a backup and old: how many entries go, and which is the oldest then."""
    journal = desk.site.journal
    journal.acknowledge(applied_through=journal.head_seq, safe_through=journal.head_seq, generation=1)
    at_ms = journal.now().now_ms + _LATER_MS
    gone = await desk.site.writer.submit(lambda tx: journal.prune(tx, before_ms=at_ms))
    await desk.site.writer.submit(partial(tidy, at_ms))
    oldest = desk.site.reader.row("SELECT min(seq) FROM entries")
    assert oldest is not None
    return gone, oldest[0]


@pytest.mark.rule(24, 28)
@pytest.mark.capability("SET-11")
async def test_rule_28_a_day_closed_late_counts_its_whole_range_however_much_could_have_been_pruned(
    tmp_path: Path,
) -> None:
    async with canteen_at(tmp_path) as station:
        desk = station.desk
        first = await paid(desk, dish(700), dish(200), attempt="a")
        await paid(desk, dish(300), attempt="b")
        await refund(desk, first, 0)
        await take_cash(desk, 5_000)
        assert (await pruned(desk))[1] == first.entry.seq
        closed = await close(desk, counted_fen=5_000)
        assert closed.agrees
        assert closed.till == Totals(2, 1_200, 1, 700, 5_000)
        assert (closed.fact.settled_fen, closed.fact.refunded_fen, closed.fact.cash_fen) == (1_200, 700, 5_000)
        assert (await pruned(desk))[1] == closed.seq, "a closed day may go"


@pytest.mark.rule(24, 28)
async def test_rule_28_the_oldest_day_that_any_lane_has_not_closed_holds_pruning_back(tmp_path: Path) -> None:
    async with canteen_at(tmp_path) as station:
        desk = station.desk
        await paid(desk, dish(700), attempt="a")
        await close(desk)
        other = await paid(desk, dish(999), attempt="other", lane=OTHER_PLATE_LANE)
        await paid(desk, dish(300), attempt="b")
        await close(desk)
        assert await pruned(desk) == (other.entry.seq - 1, other.entry.seq)
        assert await pruned(desk) == (0, other.entry.seq)
        closed = await close(desk, lane=OTHER_PLATE_LANE)
        assert (closed.agrees, closed.fact.settled_fen) == (True, 999)
        assert (await pruned(desk))[1] == closed.seq


@pytest.mark.rule(24, 28)
async def test_rule_28_a_sale_that_the_till_has_forgotten_is_still_there_for_the_closing_that_finds_it(
    tmp_path: Path,
) -> None:
    async with canteen_at(tmp_path) as station:
        desk = station.desk
        sale = await paid(desk, dish(700))
        await desk.site.writer.submit(lambda tx: tx.execute("DELETE FROM canteen_sales") and None)
        assert (await pruned(desk))[1] == sale.entry.seq
        closed = await close(desk)
        assert (closed.agrees, closed.fact.settled_fen) == (False, 700)


@pytest.mark.rule(10, 24)
async def test_rule_10_money_given_back_for_a_sale_of_a_closed_day_counts_once_that_sale_is_pruned(
    tmp_path: Path,
) -> None:
    async with canteen_at(tmp_path) as station:
        desk = station.desk
        receipt = await paid(desk, dish(700))
        cash = await take_cash(desk, 2_000)
        await close(desk)
        back = await refund(desk, receipt)
        void = partial(desk.cash.void, "v", PLATE_LANE, cash.entry.seq, 1)
        voided = await desk.site.writer.submit(void)
        assert (await pruned(desk))[1] == back.entry.seq
        assert await desk.site.writer.submit(void) == voided, "tapped again"
        closed = await close(desk)
        assert (closed.agrees, closed.till) == (True, Totals(0, 0, 1, 700, -2_000))


@pytest.mark.rule(24)
async def test_rule_24_a_part_that_says_what_it_needs_is_asked_about_what_would_go(tmp_path: Path) -> None:
    async with canteen_at(tmp_path) as station:
        desk = station.desk
        await paid(desk, dish(700))
        await close(desk)
        asked: list[tuple[int, int]] = []

        def needed(_tx: object, first: int, last: int) -> int:
            asked.append((first, last))
            return 3

        desk.site.journal.keep(needed)
        head = desk.site.journal.head_seq
        assert await pruned(desk) == (2, 3)
        assert asked == [(1, head - 1)]

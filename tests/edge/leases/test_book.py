"""What a site may spend: messages applied once and in order, answers in the same transaction."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from edge.leases.audit import verify
from edge.leases.limits import last_day
from edge.store.transaction import Transaction
from protocols.journal.codec import decode_entry
from protocols.journal.kinds import Kind
from protocols.ledger.balances import Overdrawn
from protocols.payments import facts
from protocols.payments.facts import CashTaken, Movement, Share
from protocols.sync.messages import LeaseKind, LeaseMessage
from protocols.values.errors import RuleViolation
from tests.support.edge import DAY, MEAL, Edge, edge_at

PAYLOADS: dict[Kind, Any] = {
    Kind.LEASE_RETURNED: facts.LeaseReturned,
    Kind.SHRINK_ANSWERED: facts.ShrinkAnswered,
    Kind.CUTOFF_PASSED: facts.CutoffPassed,
    Kind.STANDING_RETURNED: facts.StandingReturned,
}


def message(
    n: int, kind: LeaseKind, *, person: int = 1, bucket: int = 1, amount: int = 0, day: int = 0
) -> LeaseMessage:
    return LeaseMessage(n, kind, person, bucket, amount, day)


async def apply(edge: Edge, *messages: LeaseMessage) -> Any:
    return await edge.writer.submit(lambda tx: edge.book.apply(tx, messages))


def answers(edge: Edge) -> list[Any]:
    """Payloads of the answers in the journal, in order."""
    found = [decode_entry(body) for (body,) in edge.reader.rows("SELECT body FROM entries ORDER BY seq")]
    return [facts.decode(PAYLOADS[Kind(e.kind)], e.payload) for e in found if e.kind in PAYLOADS]


@pytest.mark.rule(5)
async def test_rule_5_a_replayed_grant_is_nothing_and_the_mark_survives_a_restart(tmp_path: Path) -> None:
    grants = [message(1, LeaseKind.GRANT, amount=500), message(2, LeaseKind.GRANT, amount=300)]
    with edge_at(tmp_path) as edge:
        await apply(edge, *grants)
        assert await apply(edge, *grants) == (2, False)
        assert edge.book.balance(1, 1) == 800
    with edge_at(tmp_path) as edge:
        assert edge.book.n == 2
        await apply(edge, *grants)
        assert edge.book.balance(1, 1) == 800
        assert verify(edge.reader) == []


@pytest.mark.rule(5)
async def test_rule_5_a_gap_stops_the_book_until_what_is_missing_came(tmp_path: Path) -> None:
    with edge_at(tmp_path) as edge:
        first, third = message(1, LeaseKind.GRANT, amount=5), message(3, LeaseKind.GRANT, amount=7)
        assert await apply(edge, first, third) == (1, True)
        assert edge.book.balance(1, 1) == 5
        assert await apply(edge, message(2, LeaseKind.GRANT, amount=1), third) == (3, False)
        assert edge.book.balance(1, 1) == 13


@pytest.mark.capability("SET-10")
@pytest.mark.rule(1)
@pytest.mark.lesson("erpnext-negative-stock", "stripe-declines")
async def test_rule_1_nothing_is_spent_beyond_the_lease_and_a_split_is_taken_whole_or_not(tmp_path: Path) -> None:
    with edge_at(tmp_path) as edge:
        await apply(edge, message(1, LeaseKind.GRANT, amount=500), message(2, LeaseKind.GRANT, bucket=2, amount=100))
        with pytest.raises(Overdrawn):
            await edge.writer.submit(lambda tx: edge.book.spend(tx, 1, (Share(1, 200), Share(2, 101))))
        assert edge.book.balances(1) == {1: 500, 2: 100}
        with pytest.raises(Overdrawn):
            await edge.writer.submit(lambda tx: edge.book.spend(tx, 1, (Share(1, 300), Share(1, 300))))
        with pytest.raises(RuleViolation):
            await edge.writer.submit(lambda tx: edge.book.spend(tx, 1, (Share(1, -5),)))


@pytest.mark.rule(4)
async def test_rule_4_a_recall_takes_what_is_left_and_is_answered_in_the_same_transaction(tmp_path: Path) -> None:
    with edge_at(tmp_path) as edge:
        await edge.grant(1, amount=1_000)
        await edge.settle(1, 700)
        await apply(edge, message(2, LeaseKind.RECALL, amount=800))
        assert answers(edge) == [facts.LeaseReturned(2, (Movement(1, 1, 300),))]
        assert edge.book.balance(1, 1) == 0
        await apply(edge, message(3, LeaseKind.RECALL, amount=800))
        assert answers(edge)[-1] == facts.LeaseReturned(3, (Movement(1, 1, 0),))
        assert verify(edge.reader) == []


@pytest.mark.rule(9)
async def test_rule_9_a_shrink_is_answered_with_what_could_be_given_up(tmp_path: Path) -> None:
    with edge_at(tmp_path) as edge:
        await edge.grant(1, amount=1_000)
        await edge.settle(1, 900)
        await apply(edge, message(2, LeaseKind.SHRINK, amount=500))
        assert answers(edge) == [facts.ShrinkAnswered(2, 1, 1, 100)]
        assert verify(edge.reader) == []


@pytest.mark.rule(8)
async def test_rule_8_past_a_cut_off_nothing_of_the_bucket_is_spent_and_all_of_it_went_back(tmp_path: Path) -> None:
    with edge_at(tmp_path) as edge:
        await edge.grant(1, 2, amount=400, bucket=3)
        await apply(edge, message(3, LeaseKind.CUTOFF, person=0, bucket=3))
        assert answers(edge) == [facts.CutoffPassed(3, (3,), (Movement(1, 3, 400), Movement(2, 3, 400)))]
        assert edge.book.balances(1) == {}
        with pytest.raises(Overdrawn):
            await edge.settle(1, 1, bucket=3)
        assert verify(edge.reader) == []
    with edge_at(tmp_path) as edge, pytest.raises(Overdrawn):
        await edge.settle(1, 1, bucket=3)


@pytest.mark.rule(8)
async def test_rule_8_a_cut_off_over_very_many_people_ends_with_the_marker(tmp_path: Path) -> None:
    with edge_at(tmp_path) as edge:
        await edge.grant(*range(1, 5_001), amount=10, bucket=3)
        await apply(edge, message(5_001, LeaseKind.CUTOFF, person=0, bucket=3))
        said = answers(edge)
        assert [type(one).__name__ for one in said] == ["LeaseReturned", "LeaseReturned", "CutoffPassed"]
        assert sum(move.amount for one in said for move in one.moves) == 50_000
        assert edge.book.total() == 0


@pytest.mark.rule(10)
async def test_rule_10_a_refund_into_a_cut_off_bucket_follows_the_clearing(tmp_path: Path) -> None:
    with edge_at(tmp_path) as edge:
        await edge.grant(1, amount=400, bucket=3)
        sale = await edge.settle(1, 250, bucket=3)
        await apply(edge, message(2, LeaseKind.CUTOFF, person=0, bucket=3))
        back = facts.Refund("r", 1, 1, 1, 1, 7, 1, sale.seq, 1, 2, 0, 5, DAY, 250, (Share(3, 250),), ())

        def refund(tx: Transaction) -> None:
            edge.book.give_back(tx, 1, back.shares)
            edge.journal.append(tx, Kind.REFUND, back, subject="p1")

        await edge.writer.submit(refund, in_hand=True)
        assert edge.book.balances(1) == {}
        assert await edge.writer.submit(edge.book.sweep) == 250
        assert answers(edge)[-1] == facts.LeaseReturned(0, (Movement(1, 3, 250),))
        assert edge.book.total() == 0
        assert verify(edge.reader) == []


class _Unwalked(dict[int, dict[int, int]]):
    """People's holdings, of which nobody may look at all."""

    def items(self) -> Any:
        raise AssertionError("every holding was looked at")


@pytest.mark.rule(10)
async def test_rule_10_a_sweep_looks_only_at_what_came_back_into_cut_off_buckets(tmp_path: Path) -> None:
    with edge_at(tmp_path) as edge:
        await apply(edge, message(1, LeaseKind.GRANT, bucket=3, amount=900), message(2, LeaseKind.CUTOFF, bucket=3))
        edge.book._held = _Unwalked(edge.book._held)
        assert await edge.writer.submit(edge.book.sweep) == 0

        def give_back(tx: Transaction) -> None:
            edge.book.give_back(tx, 1, (Share(3, 250),))
            edge.journal.append(tx, Kind.CASH_TAKEN, CashTaken("c", 1, 1, 1, 250, 3, DAY), subject="p1")

        def swept_in_vain(tx: Transaction) -> None:
            assert edge.book.sweep(tx) == 250
            assert edge.book.sweep(tx) == 0
            raise LookupError

        await edge.writer.submit(give_back, in_hand=True)
        with pytest.raises(LookupError):
            await edge.writer.submit(swept_in_vain)
    with edge_at(tmp_path) as edge:
        edge.book._held = _Unwalked(edge.book._held)
        with pytest.raises(LookupError):
            await edge.writer.submit(swept_in_vain)
        assert await edge.writer.submit(edge.book.sweep) == 250
        assert await edge.writer.submit(edge.book.sweep) == 0


@pytest.mark.rule(11)
async def test_rule_11_cash_taken_is_spendable_at_once_and_explained_by_its_entry(tmp_path: Path) -> None:
    with edge_at(tmp_path) as edge:

        def take(tx: Transaction) -> None:
            edge.book.give_back(tx, 1, (Share(1, 2_000),))
            edge.journal.append(tx, Kind.CASH_TAKEN, CashTaken("c", 1, 1, 1, 2_000, 5, DAY), subject="p1")

        await edge.writer.submit(take, in_hand=True)
        await edge.settle(1, 1_999)
        assert edge.book.balance(1, 1) == 1
        assert verify(edge.reader) == []


@pytest.mark.rule(3)
async def test_rule_3_a_limit_is_counted_only_where_its_right_is(tmp_path: Path) -> None:
    with edge_at(tmp_path) as edge:
        assert not edge.book.may_use(1, 50, DAY)
        await apply(edge, message(1, LeaseKind.STANDING, bucket=50, day=DAY))
        assert edge.book.may_use(1, 50, DAY)
        assert not edge.book.may_use(1, 50, DAY - 1)
        assert not edge.book.may_use(2, 50, DAY)
        await edge.writer.submit(lambda tx: edge.book.use(tx, 1, 50, MEAL, 1, 900))
        assert edge.book.used(1, 50, MEAL) == (1, 900)
        assert edge.book.used(1, 50, MEAL + 1) == (0, 0)
    with edge_at(tmp_path) as edge:
        assert edge.book.used(1, 50, MEAL) == (1, 900)
        assert edge.book.may_use(1, 50, DAY)


@pytest.mark.rule(3)
async def test_rule_3_a_standing_right_goes_back_from_the_day_after_its_last_use(tmp_path: Path) -> None:
    with edge_at(tmp_path) as edge:
        await apply(edge, message(1, LeaseKind.STANDING, bucket=50, day=DAY - 3))
        await edge.writer.submit(lambda tx: edge.book.use(tx, 1, 50, MEAL, 1, 900))
        await apply(edge, message(2, LeaseKind.STANDING_RECALL, bucket=50, day=DAY - 1))
        assert answers(edge) == [facts.StandingReturned(2, 1, 50, DAY + 1)]
        assert edge.book.may_use(1, 50, DAY)
        assert not edge.book.may_use(1, 50, DAY + 1)
        assert edge.book.standing() == []


@pytest.mark.rule(3)
async def test_rule_3_a_visitors_pass_is_used_up(tmp_path: Path) -> None:
    with edge_at(tmp_path) as edge:
        await apply(edge, message(1, LeaseKind.PASS, bucket=50, amount=1, day=DAY))
        assert edge.book.may_use(1, 50, DAY)
        await edge.writer.submit(lambda tx: edge.book.use(tx, 1, 50, MEAL, 1, 900))
        assert not edge.book.may_use(1, 50, DAY)
        await edge.writer.submit(lambda tx: edge.book.use(tx, 1, 50, MEAL, -1, -900))
        assert edge.book.may_use(1, 50, DAY)
        assert edge.book.used(1, 50, MEAL) == (0, 0)
    with edge_at(tmp_path) as edge:
        assert edge.book.may_use(1, 50, DAY)


@pytest.mark.parametrize(
    ("key", "day"), [(MEAL, DAY), (DAY, DAY), (202611, 20261130), (202602, 20260228), (202402, 20240229)]
)
def test_a_counters_key_tells_the_last_day_it_covers(key: int, day: int) -> None:
    assert last_day(key) == day


@pytest.mark.parametrize("key", [0, 5, 202613, 20261131, 99999999])
def test_a_number_that_is_no_day_is_refused(key: int) -> None:
    with pytest.raises(RuleViolation):
        last_day(key)


async def test_counters_of_days_long_past_are_dropped(tmp_path: Path) -> None:
    with edge_at(tmp_path) as edge:

        def use(keys: Iterable[int], tx: Transaction) -> None:
            for key in keys:
                edge.book.use(tx, 1, 50, key, 1, 1)

        await edge.writer.submit(partial(use, (MEAL, DAY - 100, DAY, 202610)))
        assert await edge.writer.submit(lambda tx: edge.book.forget_uses(tx, before_day=DAY)) == 2
        assert edge.book.used(1, 50, DAY) == (1, 1)
        assert edge.reader.row("SELECT count(*) FROM lease_uses") == (2,)


@pytest.mark.rule(3)
async def test_rule_3_a_clock_that_ran_ahead_does_not_lose_the_day_a_limit_was_used_last(tmp_path: Path) -> None:
    with edge_at(tmp_path) as edge:
        await apply(edge, message(1, LeaseKind.STANDING, bucket=50, day=DAY))
        await edge.writer.submit(lambda tx: edge.book.use(tx, 1, 50, MEAL, 1, 1))
        await edge.writer.submit(lambda tx: edge.book.forget_uses(tx, before_day=DAY + 10_000))
        await apply(edge, message(2, LeaseKind.STANDING_RECALL, bucket=50, day=DAY))
        assert answers(edge) == [facts.StandingReturned(2, 1, 50, DAY + 1)]


async def test_a_message_of_a_kind_not_known_here_stops_the_book_before_it(tmp_path: Path) -> None:
    with edge_at(tmp_path) as edge:
        with pytest.raises(RuleViolation, match="upgrade"):
            await apply(edge, LeaseMessage(1, 99, 1, 1, 5, 0))
        assert edge.book.n == 0
        await apply(edge, message(1, LeaseKind.GRANT, amount=5))
        assert edge.book.balance(1, 1) == 5


async def test_the_audit_names_a_balance_that_no_grant_explains(tmp_path: Path) -> None:
    with edge_at(tmp_path) as edge:
        await edge.grant(1, amount=100)
        edge.writer.run(lambda tx: tx.execute("UPDATE lease_balances SET amount = 150") and None)
        assert any("not explained" in problem for problem in verify(edge.reader))


async def test_the_audit_names_the_entry_that_spent_more_than_was_leased_by_then(tmp_path: Path) -> None:
    with edge_at(tmp_path) as edge:
        await edge.grant(1, amount=100)
        made = await edge.settle(1, 100)
        edge.writer.run(lambda tx: tx.execute("UPDATE lease_log SET after_seq = 9") and None)
        assert any(f"entry {made.seq}" in problem for problem in verify(edge.reader))


@pytest.mark.rule(1, 24)
async def test_the_audit_still_proves_what_is_here_after_older_entries_were_pruned(tmp_path: Path) -> None:
    with edge_at(tmp_path) as edge:
        await edge.grant(1, amount=10_000)
        for _ in range(10):
            await edge.settle(1, 100)
        await apply(edge, message(2, LeaseKind.GRANT, amount=50))
        await edge.settle(1, 9_050)
        edge.journal.acknowledge(applied_through=9, safe_through=9, generation=1)

        def prune(tx: Transaction) -> int:
            gone = edge.journal.prune(tx, before_ms=edge.clock.now_ms() + 1)
            edge.book.forget_log(tx, before_seq=gone)
            return gone

        assert await edge.writer.submit(prune) == 8
        assert edge.reader.row("SELECT count(*) FROM lease_log") == (1,)
        assert verify(edge.reader) == []

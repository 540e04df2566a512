"""Whatever comes in whatever order, with crashes: spends stay within applied grants, memory equals the disk."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from edge.leases.audit import verify
from edge.store.transaction import Transaction
from protocols.journal.kinds import Kind
from protocols.ledger.balances import Overdrawn
from protocols.payments.facts import Refund, Share
from protocols.sync.messages import LeaseKind, LeaseMessage
from tests.support.edge import DAY, DEVICE, EPOCH, Edge, open_edge, settle_unit, settlement

people = st.integers(1, 3)
buckets = st.integers(1, 3)
amounts = st.integers(0, 900)


class _Abandoned(Exception):
    """A unit that fails after it has written."""


class LeaseMachine(RuleBasedStateMachine):
    """The book beside a model of what it should hold."""

    edge: Edge

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="leases-"))
        self.edge = open_edge(self.folder)
        self.sent: list[LeaseMessage] = []
        self.held: dict[tuple[int, int], int] = {}
        self.cut: set[int] = set()
        self.sales: list[tuple[int, int, int, int]] = []

    def teardown(self) -> None:
        if hasattr(self, "edge"):
            self.edge.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, unit: Any) -> Any:
        return self.edge.writer.run(unit)

    def send(self, kind: LeaseKind, person: int, bucket: int, amount: int) -> None:
        self.sent.append(LeaseMessage(len(self.sent) + 1, kind, person, bucket, amount, 0))
        self.run(lambda tx: self.edge.book.apply(tx, self.sent[-1:]))

    @rule(person=people, bucket=buckets, amount=amounts)
    def grant(self, person: int, bucket: int, amount: int) -> None:
        if bucket not in self.cut:
            self.send(LeaseKind.GRANT, person, bucket, amount)
            self.held[person, bucket] = self.held.get((person, bucket), 0) + amount

    @rule(person=people, bucket=buckets, amount=amounts, kind=st.sampled_from([LeaseKind.RECALL, LeaseKind.SHRINK]))
    def take_back(self, person: int, bucket: int, amount: int, kind: LeaseKind) -> None:
        self.send(kind, person, bucket, amount)
        held = self.held.get((person, bucket), 0)
        self.held[person, bucket] = held - min(held, amount)

    @rule(bucket=buckets)
    def cut_off(self, bucket: int) -> None:
        self.send(LeaseKind.CUTOFF, 0, bucket, 0)
        self.cut.add(bucket)
        for person in range(1, 4):
            self.held.pop((person, bucket), None)

    @rule(person=people, bucket=buckets, amount=st.integers(1, 900), fails=st.booleans())
    def spend(self, person: int, bucket: int, amount: int, *, fails: bool) -> None:
        sale = settlement(person, amount, bucket=bucket)

        def unit(tx: Transaction) -> int:
            made = settle_unit(self.edge.journal, self.edge.book, sale, tx)
            if fails:
                raise _Abandoned
            return made.seq

        allowed = bucket not in self.cut and self.held.get((person, bucket), 0) >= amount
        try:
            seq = self.run(unit)
        except Overdrawn:
            assert not allowed
        except _Abandoned:
            assert allowed
        else:
            assert allowed
            self.held[person, bucket] -= amount
            self.sales.append((person, bucket, amount, seq))

    @rule()
    def refund(self) -> None:
        if not self.sales:
            return
        person, bucket, amount, seq = self.sales.pop()
        shares = (Share(bucket, amount),)
        back = Refund("r", 1, 1, 1, person, DEVICE, EPOCH, seq, 1, 2, 0, 5, DAY, amount, shares, ())

        def unit(tx: Transaction) -> None:
            self.edge.book.give_back(tx, person, shares)
            self.edge.journal.append(tx, Kind.REFUND, back)

        self.run(unit)
        self.held[person, bucket] = self.held.get((person, bucket), 0) + amount

    @rule(fails=st.booleans())
    def sweep(self, *, fails: bool) -> None:
        def unit(tx: Transaction) -> int:
            swept = self.edge.book.sweep(tx) + self.edge.book.sweep(tx)
            if fails:
                raise _Abandoned
            return swept

        lying = sum(amount for (_, bucket), amount in self.held.items() if bucket in self.cut)
        if fails:
            with pytest.raises(_Abandoned):
                self.run(unit)
            return
        assert self.run(unit) == lying
        for place in [place for place in self.held if place[1] in self.cut]:
            del self.held[place]

    @rule()
    def replay_everything(self) -> None:
        self.run(lambda tx: self.edge.book.apply(tx, self.sent))

    @rule()
    def restart(self) -> None:
        self.edge.close()
        self.edge = open_edge(self.folder)

    @invariant()
    def holds(self) -> None:
        if not hasattr(self, "edge"):
            return
        book = self.edge.book
        assert {(m.person, m.bucket): m.amount for m in book.holdings()} == {k: v for k, v in self.held.items() if v}
        on_disk = {(p, b): a for p, b, a in self.edge.reader.rows("SELECT * FROM lease_balances WHERE amount > 0")}
        assert on_disk == {k: v for k, v in self.held.items() if v}
        assert verify(self.edge.reader) == []


LeaseMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
TestSpendsStayWithinGrants = pytest.mark.rule(1, 5)(pytest.mark.timeout(180)(LeaseMachine.TestCase))

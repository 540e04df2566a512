"""One site: the real lease book over SQLite in memory, the real decision to pay, and what it has to tell the cloud."""

from collections.abc import Iterable, Sequence
from typing import Any

import apsw
import msgspec

from edge.leases.book import LeaseBook
from edge.leases.tables import LEASES_SCHEMA
from edge.store.connection import Reader
from edge.store.schema import migrate
from edge.store.transaction import Transaction
from protocols.journal.kinds import Kind
from protocols.payments.facts import Settlement
from protocols.payments.periods import Moment
from protocols.payments.plan import NeedPin, Payment, Plan, RuleBook, plan_payment
from protocols.payments.reference import Credential, CredentialKind, LaneKind, Person
from protocols.payments.refusals import Reason, Refusal
from protocols.sync.messages import LeaseMessage

LANE = 1
CARD = Credential(1, CredentialKind.CARD, 0, b"", 0, 0, 0)
MENDABLE = (Reason.NO_LEASE, Reason.NOT_ENOUGH)


class _MemoryReader(Reader):
    """Reads over the writing connection: there is no file to open a second time."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._only = connection

    def rows(self, sql: str, bindings: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._only.execute(sql, bindings).fetchall()


class Till:
    """Everything one canteen decides by. Units are committed by `commit`, as lanes share a commit (group commit)."""

    def __init__(self, site: int, rules: RuleBook) -> None:
        self.site = site
        self.rules = rules
        self.entries: list[tuple[int, Any]] = []
        self.sent = 0
        self._connection = apsw.Connection(":memory:")
        migrate(self._connection, [LEASES_SCHEMA])
        self._tx = Transaction(self._connection)
        self.book = LeaseBook(
            _MemoryReader(self._connection), self._append, lambda: len(self.entries), site=site, epoch=1
        )
        self._open = False

    def pay(self, person: Person, fen: int, moment: Moment, *, online: bool) -> Plan | Refusal:
        """Decide and write, as the checkout does."""
        payment = Payment(
            person=person,
            credential=CARD,
            lane_kind=LaneKind.PLATE,
            canteen=self.site,
            site=self.site,
            priced_fen=fen,
            moments=(moment,),
            replica_age_s=0,
            online=online,
        )
        plan = plan_payment(self.rules, self.book, payment)
        assert not isinstance(plan, NeedPin), "nobody here has a PIN"
        if isinstance(plan, Plan):
            self._write(person.id, plan, moment)
        return plan

    def apply(self, messages: Iterable[LeaseMessage]) -> None:
        """Lease messages of one page; answers are entries of the same unit.

        No `sweep`: it returns what refunds put into cut-off buckets, and nothing is refunded here.
        """
        self._begin()
        applied = self.book.apply(self._tx, messages)
        assert not applied.gap, "the page does not fit on to the book"

    def unsent(self) -> list[tuple[int, Any]]:
        """Entries the cloud has not had."""
        self.commit()
        fresh = self.entries[self.sent :]
        self.sent = len(self.entries)
        return fresh

    def commit(self) -> None:
        """End the group."""
        if self._open:
            self._connection.execute("COMMIT")
            self._tx.finish()
            self._open = False

    def _begin(self) -> None:
        if not self._open:
            self._connection.execute("BEGIN IMMEDIATE")
            self._open = True

    def _write(self, person: int, plan: Plan, moment: Moment) -> None:
        self._begin()
        quote = plan.quote
        sale = Settlement(
            attempt="", lane=LANE, canteen=self.site, stall=1, person=person, period=moment.period,
            business_day=moment.business_day, receipt_no=len(self.entries) + 1, gross_fen=quote.gross_fen,
            discount_fen=quote.discount_fen, fee_fen=quote.fee_fen, amount_fen=quote.amount_fen, shares=plan.shares,
            uses=plan.uses, lines=(), credential_kind=CARD.kind, credential=CARD.id, code_step=0,
        )  # fmt: skip
        self.book.spend(self._tx, person, plan.shares)
        for counter in plan.counters:
            self.book.use(self._tx, person, *counter)
        self._append(self._tx, Kind.SETTLEMENT, sale, subject=f"p{person}")

    def _append(self, tx: Transaction, kind: int, payload: msgspec.Struct | bytes, *, subject: str = "") -> None:
        """The journal's place: facts in order. Chain and disk are other tests' matter."""
        self.entries.append((int(kind), payload))

"""Take a payment: one unit that prices, decides, spends the lease, counts limits and writes the fact (rules 1, 3, 18).

A second try with the same attempt gives the same receipt. A refusal is a fact too.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from edge.core.clock import Stamp
from edge.journal.journal import Journal
from edge.leases.book import LeaseBook
from edge.stations.canteen.catalogue import Catalogue
from edge.stations.canteen.identify import Payer
from edge.stations.canteen.plates import PaidPlates
from edge.stations.canteen.receipts import Receipt, ReceiptNumbers, make_receipt
from edge.stations.canteen.trays import Trays
from edge.store.connection import Reader
from edge.store.transaction import Transaction
from edge.sync.link import Link
from protocols.canteen.reference import Lane
from protocols.dynamic_qr.codec import step_of
from protocols.journal.codec import decode_entry
from protocols.journal.kinds import Kind
from protocols.payments import facts
from protocols.payments.facts import Line, Refused, Settlement
from protocols.payments.periods import Moment
from protocols.payments.plan import NeedPin, Payment, Plan, may_pay, plan_payment
from protocols.payments.reference import Person
from protocols.payments.refusals import Reason, Refusal
from protocols.values.ids import EntryId

_FIND: Final = "SELECT seq FROM canteen_sales WHERE attempt = ?"
_USED: Final = "SELECT 1 FROM canteen_codes WHERE person = ? AND step = ?"
_KEEP: Final = (
    "INSERT INTO canteen_sales (seq, attempt, lane, business_day, receipt_no, person, amount_fen)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_CODE_KEPT_STEPS: Final = 2_880  # a day of 30 s steps
_TIDIED_AT_ONCE: Final = 2_000
_MENDABLE: Final = frozenset({Reason.NO_LEASE, Reason.NOT_ENOUGH, Reason.LIMIT_ELSEWHERE})


class Asked(NamedTuple):
    """A payment a lane asks for. `priced_fen` is the sum of its lines, or what a fixed price replaces.

    `session` names a weigh tray that ends with the payment.
    """

    attempt: str
    lane: Lane
    payer: Payer
    lines: tuple[Line, ...]
    priced_fen: int
    operator: int = 0
    session: str = ""


class Short(NamedTuple):
    """A refusal that a lease from the cloud may mend: what is missing, for whom, which limits, on which day."""

    refusal: Refusal
    person: int
    amount_fen: int
    rules: tuple[int, ...]
    business_day: int


class _Decided(NamedTuple):
    plan: Plan
    person: Person
    moment: Moment
    business_ms: int


class Checkout:
    """The one place where money is taken. `unit` runs in the writer's thread."""

    def __init__(
        self,
        *,
        site: int,
        catalogue: Catalogue,
        journal: Journal,
        leases: LeaseBook,
        link: Link,
        reader: Reader,
        plates: PaidPlates,
        trays: Trays,
    ) -> None:
        self._site = site
        self._catalogue = catalogue
        self._journal = journal
        self._leases = leases
        self._link = link
        self._plates = plates
        self._trays = trays
        self._numbers = ReceiptNumbers(reader)

    def unit(self, asked: Asked, tx: Transaction, *, last_try: bool = True) -> Receipt | NeedPin | Refusal | Short:
        """Decide and write. `last_try` False leaves a refusal that the cloud may mend unwritten, as Short."""
        before = tx.execute(_FIND, (asked.attempt,)).fetchone()
        if before is not None:
            return self.receipt_of(before[0], asked.lane, tx)
        decided = self._decide(asked, tx)
        if isinstance(decided, _Decided):
            return self._take(asked, decided, tx)
        if isinstance(decided, Short):
            if not last_try:
                return decided
            decided = decided.refusal
        if isinstance(decided, Refusal):
            self.write_refusal(asked, decided, tx)
        return decided

    def write_refusal(self, asked: Asked, refusal: Refusal, tx: Transaction) -> None:
        """Keep the fact that a payment was not taken; home and visiting are counted apart (rule 4)."""
        stamp = self._journal.now()
        period = self._catalogue.calendar(asked.lane.canteen, stamp.now_ms).moment(stamp.now_ms).period
        number = asked.payer.person
        person = self._catalogue.person(number, stamp.now_ms)
        visiting = person is not None and person.home_site not in (0, self._site)
        fact = Refused(asked.attempt, asked.lane.id, number, period, asked.priced_fen, str(refusal.reason), visiting)
        self._journal.append(tx, Kind.REFUSED, fact, subject=f"p{number}" if number else "")

    def receipt_of(self, seq: int, lane: Lane, tx: Transaction) -> Receipt:
        """The receipt of a settlement written before, perhaps by a unit of the same commit."""
        head, body = tx.execute("SELECT hash, body FROM entries WHERE seq = ?", (seq,)).fetchone()
        entry = decode_entry(body)
        sale = facts.decode(Settlement, entry.payload)
        return make_receipt(sale, lane, EntryId(entry.device, entry.epoch, seq), bytes(head), entry.business_ms)

    def _decide(self, asked: Asked, tx: Transaction) -> _Decided | NeedPin | Refusal | Short:
        stamp = self._journal.now()
        now_ms = stamp.now_ms
        catalogue = self._catalogue
        person = catalogue.person(asked.payer.person, now_ms)
        if person is None:
            return Refusal(Reason.PERSON_UNKNOWN)
        uids = [line.plate for line in asked.lines if line.plate]
        if uids and self._plates.paid(uids, now_ms):
            return Refusal(Reason.PLATE_PAID)
        step = asked.payer.code_step
        if step and not asked.session and tx.execute(_USED, (person.id, step)).fetchone():
            return Refusal(Reason.CODE_USED)
        rules = catalogue.rules(now_ms)
        payment = self._payment(asked, person, stamp)
        moments = payment.moments
        plan = plan_payment(rules, self._leases, payment)
        if isinstance(plan, Plan):
            return _Decided(plan, person, moments[0], now_ms)
        if isinstance(plan, Refusal) and plan.reason in _MENDABLE:
            wanted = rules.limits.applying(payment.diner, moments)
            return Short(plan, person.id, plan.amount_fen, tuple(rule.id for rule in wanted), moments[0].business_day)
        return plan

    def may_bind(self, lane: Lane, payer: Payer) -> Refusal | None:
        """Whether somebody may start to take food here: refused now rather than after they have eaten."""
        stamp = self._journal.now()
        person = self._catalogue.person(payer.person, stamp.now_ms)
        if person is None:
            return Refusal(Reason.PERSON_UNKNOWN)
        payment = self._payment(Asked("", lane, payer, (), 0), person, stamp)
        return may_pay(self._catalogue.rules(stamp.now_ms), payment)

    def _payment(self, asked: Asked, person: Person, stamp: Stamp) -> Payment:
        calendar = self._catalogue.calendar(asked.lane.canteen, stamp.now_ms)
        return Payment(
            person=person,
            credential=asked.payer.credential,
            lane_kind=asked.lane.kind,
            canteen=asked.lane.canteen,
            site=self._site,
            priced_fen=asked.priced_fen,
            moments=calendar.moments(stamp.now_ms, stamp.uncertainty_ms),
            replica_age_s=self._catalogue.replica.age_s(),
            online=self._link.state.online,
            pin_given=asked.payer.pin_given,
        )

    def _take(self, asked: Asked, decided: _Decided, tx: Transaction) -> Receipt:
        plan, person, moment, business_ms = decided
        payer, lane, quote = asked.payer, asked.lane, plan.quote
        if payer.code_step:
            tx.execute("INSERT OR IGNORE INTO canteen_codes VALUES (?, ?)", (person.id, payer.code_step))
        receipt_no = self._numbers.take(tx, lane.id, moment.business_day)
        sale = Settlement(
            attempt=asked.attempt,
            lane=lane.id,
            canteen=lane.canteen,
            stall=lane.stall,
            person=person.id,
            period=moment.period,
            business_day=moment.business_day,
            receipt_no=receipt_no,
            gross_fen=quote.gross_fen,
            discount_fen=quote.discount_fen,
            fee_fen=quote.fee_fen,
            amount_fen=quote.amount_fen,
            shares=plan.shares,
            uses=plan.uses,
            lines=asked.lines,
            credential_kind=payer.credential.kind,
            credential=payer.credential.id,
            code_step=payer.code_step,
            operator=asked.operator,
        )
        self._leases.spend(tx, person.id, plan.shares)
        for counter in plan.counters:
            self._leases.use(tx, person.id, *counter)
        self._journal.prices_version = self._catalogue.prices_version
        self._journal.rules_version = self._catalogue.rules_version
        made = self._journal.append(tx, Kind.SETTLEMENT, sale, subject=f"p{person.id}", business_ms=business_ms)
        tx.execute(
            _KEEP, (made.seq, asked.attempt, lane.id, sale.business_day, receipt_no, person.id, quote.amount_fen)
        )
        self._plates.pay(tx, (line.plate for line in asked.lines if line.plate), made.business_ms)
        if asked.session:
            tx.execute("DELETE FROM canteen_trays WHERE session = ?", (asked.session,))
            tx.execute("DELETE FROM canteen_picks WHERE session = ?", (asked.session,))
            self._trays.settled(asked.session, tx)
        identity = self._journal.identity
        return make_receipt(sale, lane, EntryId(identity.device, identity.epoch, made.seq), made.head, made.business_ms)


def tidy(now_ms: int, tx: Transaction) -> None:
    """Drop used codes that expired long ago, and rows whose entries the journal has pruned as safe in the cloud."""
    tx.execute("DELETE FROM canteen_codes WHERE step < ?", (step_of(now_ms) - _CODE_KEPT_STEPS,))
    (oldest,) = tx.execute("SELECT min(seq) FROM entries").fetchone()
    if oldest is not None and oldest > 1:
        tx.execute("DELETE FROM canteen_refunds WHERE seq < ?", (oldest,))  # each is later than its sale
        for table, last in (("canteen_sales", "seq"), ("canteen_cash", "max(seq, void_seq)")):
            sql = f"DELETE FROM {table} WHERE seq IN (SELECT seq FROM {table} WHERE {last} < ? LIMIT ?)"  # noqa: S608
            tx.execute(sql, (oldest, _TIDIED_AT_ONCE))


def mark_shown(seqs: Iterable[int], tx: Transaction) -> None:
    """A screen has shown these receipts; rides along with the next commit (rule 18)."""
    for seq in seqs:
        tx.execute("UPDATE canteen_sales SET shown = 1 WHERE seq = ?", (seq,))

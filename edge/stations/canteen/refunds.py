"""Money back for a sale of this stream: refund by item, reversal, void of a charge nobody saw (rules 10 and 18)."""

from enum import IntEnum
from typing import Final, NamedTuple

import msgspec

from edge.journal.journal import Journal
from edge.leases.book import LeaseBook
from edge.stations.canteen.catalogue import Catalogue
from edge.stations.canteen.plates import PaidPlates
from edge.stations.canteen.receipts import receipt_number
from edge.store.transaction import Transaction
from protocols.canteen.reference import Lane
from protocols.journal.codec import decode_entry
from protocols.journal.kinds import Kind
from protocols.payments import facts
from protocols.payments.facts import Refund, Settlement
from protocols.payments.limits import GATE, MEALS, limit_key
from protocols.payments.periods import Moment
from protocols.payments.plan import RuleBook
from protocols.payments.reference import LaneKind
from protocols.payments.refunds import Back, RefundRefused, plan_refund
from protocols.payments.split import counted
from protocols.values.ids import EntryId


class Why(IntEnum):
    """Reasons of a refund, as the fact numbers them."""

    WRONG_CHARGE = 1  # 收错
    FOOD = 2  # 菜品问题
    NOT_SHOWN = 3  # 未显示的扣款
    OTHER = 4


class RefundAsked(NamedTuple):
    """A refund an operator asks for at a lane. Empty `items` means all that is left."""

    attempt: str
    lane: Lane
    seq: int
    reason: int
    operator: int
    limit_fen: int = 0  # most the operator may give back; 0 no limit
    items: tuple[int, ...] = ()


class Refunded(msgspec.Struct, frozen=True):
    """A refund that stands."""

    entry: EntryId
    sale_seq: int
    number: str
    amount_fen: int
    refund_no: int


class RefundDenied(Exception):
    """No refund; `word` is "not_here", "over_limit", "no_reason" or one of `RefundRefused`."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


_BEFORE: Final = "SELECT seq FROM canteen_refunds WHERE sale_seq = ? ORDER BY refund_no"
_ENTRY: Final = "SELECT body FROM entries WHERE seq = ?"
_NOT_HERE: Final = "not_here"


class Refunds:
    """Runs in the writer's thread. The same attempt gives the same refund."""

    def __init__(self, *, catalogue: Catalogue, journal: Journal, leases: LeaseBook, plates: PaidPlates) -> None:
        self._catalogue = catalogue
        self._journal = journal
        self._leases = leases
        self._plates = plates

    def unit(self, asked: RefundAsked, tx: Transaction) -> Refunded:
        """Write the refund and put the money back. Raises RefundDenied."""
        sale = self._sale(asked.seq, tx)
        again = tx.execute("SELECT seq FROM canteen_refunds WHERE attempt = ?", (asked.attempt,)).fetchone()
        if again is not None:
            return self._told(again[0], asked.lane, sale, self._refund(again[0], tx))
        if asked.reason not in list(Why):
            raise RefundDenied("no_reason")
        before = [self._refund(seq, tx) for (seq,) in tx.execute(_BEFORE, (asked.seq,)).fetchall()]
        stamp = self._journal.now()
        rules = self._catalogue.rules(stamp.now_ms)
        passes = [bucket.id for bucket in rules.buckets.values() if bucket.counting]
        try:
            back = plan_refund(sale, before, asked.items, counting=passes)
        except RefundRefused as refused:
            raise RefundDenied(refused.word) from refused
        if asked.limit_fen and back.amount_fen > asked.limit_fen:
            raise RefundDenied("over_limit")
        day = self._catalogue.calendar(asked.lane.canteen, stamp.now_ms).moment(stamp.now_ms).business_day
        return self._write(asked, sale, back, day, rules, tx)

    def _write(
        self, asked: RefundAsked, sale: Settlement, back: Back, day: int, rules: RuleBook, tx: Transaction
    ) -> Refunded:
        identity = self._journal.identity
        fact = Refund(
            attempt=asked.attempt,
            lane=asked.lane.id,
            canteen=asked.lane.canteen,
            stall=sale.stall,
            person=sale.person,
            device=identity.device,
            epoch=identity.epoch,
            seq=asked.seq,
            refund_no=back.refund_no,
            reason=asked.reason,
            note_code=0,
            operator=asked.operator,
            business_day=day,
            amount_fen=back.amount_fen,
            shares=back.shares,
            items=asked.items,
            uses=back.uses,
        )
        self._leases.give_back(tx, sale.person, back.shares)
        self._uncount(sale, back, rules, tx)
        made = self._journal.append(tx, Kind.REFUND, fact, subject=f"p{sale.person}", depends_on=asked.seq)
        if any(not self._leases.balance(sale.person, share.bucket) for share in back.shares):
            self._leases.sweep(tx)  # a bucket past its cut-off: the refund follows the clearing (rule 10)
        row = (asked.seq, back.refund_no, made.seq, asked.attempt, asked.lane.id, back.amount_fen)
        tx.execute("INSERT INTO canteen_refunds VALUES (?, ?, ?, ?, ?, ?)", row)
        tx.execute(
            "UPDATE canteen_sales SET refunded_fen = refunded_fen + ?, shown = 1 WHERE seq = ?",
            (back.amount_fen, asked.seq),
        )
        if not asked.items:
            uids = [line.plate for line in sale.lines if line.plate]
            tx.on_commit(lambda: self._plates.free(uids))
        return self._told(made.seq, asked.lane, sale, fact)

    def _uncount(self, sale: Settlement, back: Back, rules: RuleBook, tx: Transaction) -> None:
        """Take back the counters of the meal: fen always, times only with the whole."""
        moment = Moment(sale.period, sale.business_day)
        whole = int(back.whole)
        lane = self._catalogue.replica.get("lanes", str(sale.lane), self._journal.business_ms)
        names = (MEALS, GATE) if lane is not None and lane.kind == LaneKind.GATE else (MEALS,)
        taken = [(name, moment.meal_key, whole, back.amount_fen) for name in names]
        known = {rule.id: rule for rule in self._catalogue.replica.rows("limit_rules", self._journal.business_ms)}
        limits = [known[use.bucket] for use in sale.uses if use.bucket in known]
        taken += [(rule.id, limit_key(rule.per, moment), whole, back.amount_fen) for rule in limits]
        shares = [share for share in back.shares if share.bucket in rules.buckets]
        taken += [(c.rule, c.key, whole, c.amount) for c in counted(shares, rules.buckets, moment)]
        for rule, key, times, amount in taken:
            used = self._leases.used(sale.person, rule, key)
            fewer = (min(times, used.times), min(amount, used.amount))
            if any(fewer):
                self._leases.use(tx, sale.person, rule, key, -fewer[0], -fewer[1])

    def _sale(self, seq: int, tx: Transaction) -> Settlement:
        row = tx.execute(_ENTRY, (seq,)).fetchone()
        entry = decode_entry(row[0]) if row else None
        if entry is None or entry.kind != Kind.SETTLEMENT:
            raise RefundDenied(_NOT_HERE)
        return facts.decode(Settlement, entry.payload)

    def _refund(self, seq: int, tx: Transaction) -> Refund:
        row = tx.execute(_ENTRY, (seq,)).fetchone()
        if row is None:
            raise RefundDenied(_NOT_HERE)
        return facts.decode(Refund, decode_entry(row[0]).payload)

    def _told(self, seq: int, lane: Lane, sale: Settlement, fact: Refund) -> Refunded:
        identity = self._journal.identity
        entry = EntryId(identity.device, identity.epoch, seq)
        return Refunded(entry, fact.seq, receipt_number(sale, lane.code), fact.amount_fen, fact.refund_no)

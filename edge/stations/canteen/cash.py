"""Cash taken at a lane: a fact at once, spendable here at once, voidable while unspent (rule 11)."""

from typing import NamedTuple

from edge.journal.journal import Journal
from edge.leases.book import LeaseBook
from edge.stations.canteen.catalogue import Catalogue
from edge.store.transaction import Transaction
from protocols.canteen.reference import Lane
from protocols.journal.codec import decode_entry
from protocols.journal.kinds import Kind
from protocols.ledger.balances import Overdrawn
from protocols.payments import facts
from protocols.payments.facts import CashTaken, CashVoided, Share
from protocols.values.ids import EntryId

MOST_FEN = 1_000_000


class CashDenied(Exception):
    """Not done; `word` is "no_wallet", "bad_amount", "unknown_person", "not_here", "voided_before" or "spent"."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


class CashAsked(NamedTuple):
    """Cash an operator puts on a person's cash wallet."""

    attempt: str
    lane: Lane
    person: int
    amount_fen: int
    operator: int


class CashKept(NamedTuple):
    """Cash that stands; `balance_fen` is what the wallet holds here after it."""

    entry: EntryId
    person: int
    amount_fen: int
    balance_fen: int


class Cash:
    """Runs in the writer's thread. The same attempt gives the same entry."""

    def __init__(self, *, catalogue: Catalogue, journal: Journal, leases: LeaseBook) -> None:
        self._catalogue = catalogue
        self._journal = journal
        self._leases = leases

    def take(self, asked: CashAsked, tx: Transaction) -> CashKept:
        """Write the fact and raise what may be spent here. Raises CashDenied."""
        sql = "SELECT seq, person, bucket, amount_fen FROM canteen_cash WHERE attempt = ?"
        before = tx.execute(sql, (asked.attempt,)).fetchone()
        if before is not None:
            return self._kept(*before)
        now_ms = self._journal.now().now_ms
        bucket = self._catalogue.cash_bucket(now_ms)
        if bucket is None:
            raise CashDenied("no_wallet")
        if not 0 < asked.amount_fen <= MOST_FEN:
            raise CashDenied("bad_amount")
        if self._catalogue.person(asked.person, now_ms) is None:
            raise CashDenied("unknown_person")
        fact = CashTaken(
            asked.attempt,
            asked.lane.id,
            asked.person,
            bucket.id,
            asked.amount_fen,
            asked.operator,
            self._day(asked.lane, now_ms),
        )
        self._leases.give_back(tx, asked.person, [Share(bucket.id, asked.amount_fen)])
        made = self._journal.append(tx, Kind.CASH_TAKEN, fact, subject=f"p{asked.person}")
        tx.execute(
            "INSERT INTO canteen_cash (seq, attempt, lane, person, bucket, amount_fen) VALUES (?, ?, ?, ?, ?, ?)",
            (made.seq, asked.attempt, asked.lane.id, asked.person, bucket.id, asked.amount_fen),
        )
        return self._kept(made.seq, asked.person, bucket.id, asked.amount_fen)

    def void(self, attempt: str, lane: Lane, seq: int, operator: int, tx: Transaction) -> CashKept:
        """Take unspent cash back out, at the lane that took it. Raises CashDenied, "voided_before" by another try."""
        sql = "SELECT person, bucket, amount_fen, void_seq FROM canteen_cash WHERE seq = ? AND lane = ?"
        row = tx.execute(sql, (seq, lane.id)).fetchone()
        if row is None:
            raise CashDenied("not_here")
        person, bucket, amount_fen, void_seq = row
        if void_seq and self._voided_by(void_seq, tx) == attempt:
            return self._kept(void_seq, person, bucket, -amount_fen)
        if void_seq:
            raise CashDenied("voided_before")
        try:
            self._leases.spend(tx, person, [Share(bucket, amount_fen)])
        except Overdrawn as error:
            raise CashDenied("spent") from error
        day = self._day(lane, self._journal.now().now_ms)
        fact = CashVoided(attempt, lane.id, person, bucket, amount_fen, seq, operator, day)
        made = self._journal.append(tx, Kind.CASH_VOIDED, fact, subject=f"p{person}", depends_on=seq)
        tx.execute("UPDATE canteen_cash SET void_seq = ? WHERE seq = ?", (made.seq, seq))
        return self._kept(made.seq, person, bucket, -amount_fen)

    def _voided_by(self, seq: int, tx: Transaction) -> str:
        row = tx.execute("SELECT body FROM entries WHERE seq = ?", (seq,)).fetchone()
        return facts.decode(CashVoided, decode_entry(row[0]).payload).attempt if row else ""

    def _kept(self, seq: int, person: int, bucket: int, amount_fen: int) -> CashKept:
        identity = self._journal.identity
        entry = EntryId(identity.device, identity.epoch, seq)
        return CashKept(entry, person, amount_fen, self._leases.balance(person, bucket))

    def _day(self, lane: Lane, now_ms: int) -> int:
        return self._catalogue.calendar(lane.canteen, now_ms).moment(now_ms).business_day

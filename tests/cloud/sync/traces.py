"""Random journals of a site and the ways a network delivers them; the same chance makes the same journal."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import msgspec

from cloud.ledger.store import Outgoing
from protocols.journal.chain import genesis, links
from protocols.journal.codec import encode_entry
from protocols.journal.kinds import Kind
from protocols.journal.messages import Checkpoint, Entry
from protocols.payments.facts import (
    CashTaken,
    CashVoided,
    CutoffPassed,
    Declaration,
    LeaseReturned,
    Movement,
    Refund,
    Refused,
    Settlement,
    Share,
    ShrinkAnswered,
    StandingReturned,
)
from protocols.sync.messages import Batch, LeaseKind

DAY = 20261120
PEOPLE = (1, 2, 3)
BUCKETS = (1, 2)
COUNTING = 3
RULES = (7, 8)
START_MS = 1_795_147_200_000
KEY_ID = 1


@dataclass
class Journal:
    """One stream in the making; `questions` are the lease messages that its site may answer."""

    chance: random.Random
    device: int
    site: int
    epoch: int
    questions: Sequence[tuple[int, Outgoing]] = ()
    generation: int = 1
    bodies: list[bytes] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)
    sales: list[tuple[int, Settlement]] = field(default_factory=list)
    sent: int = 0

    def some_batch(self) -> Batch:
        """New entries, or some of them again, or too early, or all from the start."""
        if self.chance.random() < 0.85 or not self.bodies:
            self.write(self.chance.randint(1, 9))
        first = min(self.sent + 1, len(self.bodies))
        roll = self.chance.random()
        if roll < 0.1:
            return self.batch(min(len(self.bodies), first + 1))  # early: a gap, or whole
        if roll > 0.7:
            first = self.chance.randint(1, first)  # an answer was lost
        self.sent = len(self.bodies)
        return self.batch(first)

    def batch(self, first: int) -> Batch:
        """From an entry to the end."""
        point = Checkpoint(self.device, self.epoch, len(self.bodies), self.hashes[-1], KEY_ID, bytes(64))
        previous = self.hashes[first - 2] if first > 1 else genesis(self.device, self.epoch)
        return Batch(self.device, self.epoch, first, previous, tuple(self.bodies[first - 1 :]), point)

    def copy_at(self, seq: int) -> "Journal":
        """A copy of the disk as it was after an entry."""
        sales = [(of, sale) for of, sale in self.sales if of <= seq]
        return replace(self, bodies=self.bodies[:seq], hashes=self.hashes[:seq], sales=sales, sent=seq)

    def write(self, many: int) -> None:
        """Entries of all kinds, good ones and bad."""
        makers = (
            self._settlement, self._settlement, self._settlement, self._refund, self._refund, self._cash, self._void,
            self._return, self._answer, self._answer, self._cutoff, self._refused, self._garbage, self._unknown,
            self._unreadable, self._standing,
        )  # fmt: skip
        for _ in range(many):
            self.chance.choice(makers)()
        self._settlement()
        if self.chance.random() < 0.02:
            for _ in range(25):
                self._garbage()

    def declare(self) -> None:
        """What the site says it holds, in a part or two."""
        parts = self.chance.randint(1, 2)
        n = max((number for number, _ in self.questions), default=0) + self.chance.randint(0, 2)
        for part in range(1, parts + 1):
            rights = tuple((self._person(), self.chance.choice(RULES), DAY) for _ in range(self.chance.randint(0, 1)))
            fact = Declaration(self.generation, n, part, parts, self._moves(90), rights)
            self._put(Kind.DECLARATION, fact)

    def _put(self, kind: int, payload: object, person: int = 0) -> None:
        seq = len(self.bodies) + 1
        raw = payload if isinstance(payload, bytes) else msgspec.msgpack.encode(payload)
        depends_on = self.chance.randint(1, seq) if self.chance.random() < 0.1 else 0
        subject = f"p{person}" if person and self.chance.random() < 0.8 else ""
        at_ms = START_MS + seq * 600_000
        entry = Entry(
            1, kind, 1, self.device, self.epoch, seq, subject, depends_on, at_ms, 1, seq, 0, 5, 1, 1, raw
        )  # fmt: skip
        self._chain(encode_entry(entry))

    def _chain(self, body: bytes) -> None:
        previous = self.hashes[-1] if self.hashes else genesis(self.device, self.epoch)
        self.bodies.append(body)
        self.hashes += links(previous, [body])

    def _person(self) -> int:
        return self.chance.choice(PEOPLE)

    def _moves(self, most: int) -> tuple[Movement, ...]:
        many = self.chance.randint(0, 3)
        return tuple(
            Movement(self._person(), self.chance.choice(BUCKETS), self.chance.randint(0, most)) for _ in range(many)
        )

    def _settlement(self) -> None:
        person = self._person()
        parts = [self.chance.randint(0, 60) for _ in BUCKETS]
        amount = sum(parts) + (self.chance.random() < 0.05)
        shares = [Share(bucket, part) for bucket, part in zip(BUCKETS, parts, strict=True)]
        if self.chance.random() < 0.2:
            shares.append(Share(COUNTING, 1))
        sale = Settlement(
            "a", self.chance.randint(1, 3), 2, 5, person, 1, DAY, 1, amount, 0, 0, amount, tuple(shares), (), (), 1, 1,
            0,
        )  # fmt: skip
        self.sales.append((len(self.bodies) + 1, sale))
        self._put(Kind.SETTLEMENT, sale, person)

    def _refund(self) -> None:
        if not self.sales:
            return
        seq, sale = self.chance.choice(self.sales)
        share = self.chance.choice(sale.shares)
        back = self.chance.randint(0, share.amount + 1)
        fen = 0 if share.bucket == COUNTING else back
        fact = Refund(
            "a", sale.lane, 2, 5, sale.person, self.device, self.epoch, seq, self.chance.randint(1, 3), 1, 0, 1, DAY,
            fen, (Share(share.bucket, back),), (),
        )  # fmt: skip
        self._put(Kind.REFUND, fact, sale.person)

    def _cash(self) -> None:
        person = self._person()
        fact = CashTaken("a", 1, person, self.chance.choice(BUCKETS), self.chance.randint(-1, 50), 1, DAY)
        self._put(Kind.CASH_TAKEN, fact, person)

    def _void(self) -> None:
        person = self._person()
        fact = CashVoided("a", 1, person, self.chance.choice(BUCKETS), self.chance.randint(1, 50), 1, 1, DAY)
        self._put(Kind.CASH_VOIDED, fact, person)

    def _return(self) -> None:
        self._put(Kind.LEASE_RETURNED, LeaseReturned(0, self._moves(30)))

    def _answer(self) -> None:
        """What a message asked for, or something like it; also twice."""
        if not self.questions:
            return
        n, asked = self.chance.choice(self.questions)
        amount = self.chance.randint(0, asked.amount + 1)
        if asked.kind == LeaseKind.RECALL:
            moves = (Movement(asked.person, asked.bucket, amount),) if amount else ()
            self._put(Kind.LEASE_RETURNED, LeaseReturned(n, moves))
        elif asked.kind == LeaseKind.SHRINK:
            fact = ShrinkAnswered(n, asked.person, asked.bucket, amount)
            self._put(Kind.SHRINK_ANSWERED, fact, asked.person)
        elif asked.kind == LeaseKind.CUTOFF:
            self._put(Kind.CUTOFF_PASSED, CutoffPassed(n, (asked.bucket,), self._moves(60)))
        elif asked.kind == LeaseKind.STANDING_RECALL:
            from_day = asked.from_day + self.chance.randint(0, 1)
            self._put(Kind.STANDING_RETURNED, StandingReturned(n, asked.person, asked.bucket, from_day))

    def _cutoff(self) -> None:
        if self.chance.random() < 0.2:
            self._put(Kind.CUTOFF_PASSED, CutoffPassed(0, (self.chance.choice(BUCKETS),), self._moves(90)))

    def _standing(self) -> None:
        fact = StandingReturned(0, self._person(), self.chance.choice(RULES), DAY + self.chance.randint(0, 1))
        self._put(Kind.STANDING_RETURNED, fact)

    def _refused(self) -> None:
        person = self._person()
        self._put(Kind.REFUSED, Refused("a", 1, person, 1, 100, "no_lease", visiting=False), person)

    def _garbage(self) -> None:
        self._put(Kind.SETTLEMENT, b"\xc1", self._person())

    def _unknown(self) -> None:
        self._put(90 + self.chance.randint(0, 2), b"\x90", self._person())

    def _unreadable(self) -> None:
        if self.chance.random() < 0.3:
            self._chain(self.chance.randbytes(20))

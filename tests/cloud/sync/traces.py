"""Random journals of a site and the ways a network delivers them; the same seed makes the same trace."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from protocols.journal.chain import genesis, links
from protocols.journal.codec import encode_entry
from protocols.journal.kinds import Kind
from protocols.journal.messages import Checkpoint, Entry
from protocols.payments.facts import (
    CashTaken,
    CashVoided,
    CutoffPassed,
    LeaseReturned,
    Movement,
    Refund,
    Refused,
    Settlement,
    Share,
    ShrinkAnswered,
)
from protocols.sync.messages import Batch

DAY = 20261120
PEOPLE = 3
BUCKETS = (1, 2)  # 2 is being cleared
COUNTING = 3
SHRINK_N = 1
RECALL_N = 2


@dataclass
class Trace:
    """One device's journal in the making. Ids are spread so that traces of one database never touch."""

    seed: int
    device: int
    site: int
    chance: random.Random = field(init=False)
    bodies: list[bytes] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)
    sales: list[tuple[int, Settlement]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.people = [self.device * 10 + n for n in range(PEOPLE)]

    def bucket(self, number: int) -> int:
        return self.device * 10 + number

    def batches(self) -> Iterator[Batch]:
        """A few batches, some of them doubled, overlapping, early, or from a copy of the disk."""
        sent = 0
        for _ in range(self.chance.randint(2, 4)):
            self._write(self.chance.randint(1, 9))
            first = sent + 1
            roll = self.chance.random()
            if roll < 0.15:
                yield self._batch(min(len(self.bodies), first + 1))  # early: a gap, or whole
            if roll > 0.6:
                first = self.chance.randint(1, first)  # an answer was lost
            yield self._batch(first)
            if roll > 0.9:
                yield self._batch(first)
            sent = len(self.bodies)
        if self.chance.random() < 0.25:
            yield from self._forked()

    def _forked(self) -> Iterator[Batch]:
        """A copy of the disk as of some entry goes on by itself, then the first one does."""
        at = self.chance.randint(0, len(self.bodies) - 1)
        mine, hashes = list(self.bodies), list(self.hashes)
        self.bodies, self.hashes = self.bodies[:at], self.hashes[:at]
        self.sales = [(seq, sale) for seq, sale in self.sales if seq <= at]
        self._write(self.chance.randint(1, 5))
        yield self._batch(self.chance.randint(1, at + 1))
        yield self._batch(at + 1)
        self._write(2)
        yield self._batch(len(self.bodies) - 1)
        self.bodies, self.hashes = mine, hashes
        yield self._batch(1)
        self._write(2)
        yield self._batch(len(self.bodies) - 1)

    def _batch(self, first: int) -> Batch:
        head = self.hashes[-1]
        point = Checkpoint(self.device, 1, len(self.bodies), head, 1, bytes(64))
        previous = self.hashes[first - 2] if first > 1 else genesis(self.device, 1)
        return Batch(self.device, 1, first, previous, tuple(self.bodies[first - 1 :]), point)

    def _write(self, many: int) -> None:
        makers = (
            self._settlement, self._settlement, self._settlement, self._refund, self._refund, self._cash, self._void,
            self._return, self._shrink, self._cutoff, self._refused, self._garbage, self._unknown, self._unreadable,
        )  # fmt: skip
        for _ in range(many):
            self.chance.choice(makers)()
        self._settlement()
        if self.chance.random() < 0.04:
            for _ in range(25):
                self._garbage()

    def _put(self, kind: int, payload: object, person: int = 0) -> None:
        seq = len(self.bodies) + 1
        raw = payload if isinstance(payload, bytes) else msgspec.msgpack.encode(payload)
        depends_on = self.chance.randint(1, seq) if self.chance.random() < 0.1 else 0
        subject = f"p{person}" if person and self.chance.random() < 0.8 else ""
        entry = Entry(
            1,
            kind,
            1,
            self.device,
            1,
            seq,
            subject,
            depends_on,
            1_795_147_200_000 + seq * 600_000,
            1,
            seq,
            0,
            5,
            1,
            1,
            raw,
        )
        self._chain(encode_entry(entry))

    def _chain(self, body: bytes) -> None:
        previous = self.hashes[-1] if self.hashes else genesis(self.device, 1)
        self.bodies.append(body)
        self.hashes += links(previous, [body])

    def _settlement(self) -> None:
        person = self.chance.choice(self.people)
        parts = [self.chance.randint(0, 60) for _ in BUCKETS]
        amount = sum(parts) + (self.chance.random() < 0.05)
        shares = [Share(self.bucket(number), part) for number, part in zip(BUCKETS, parts, strict=True)]
        if self.chance.random() < 0.2:
            shares.append(Share(self.bucket(COUNTING), 1))
        sale = Settlement(
            "a",
            self.chance.randint(1, 3),
            2,
            5,
            person,
            1,
            DAY,
            1,
            amount,
            0,
            0,
            amount,
            tuple(shares),
            (),
            (),
            1,
            1,
            0,
        )
        self.sales.append((len(self.bodies) + 1, sale))
        self._put(Kind.SETTLEMENT, sale, person)

    def _refund(self) -> None:
        if not self.sales:
            return
        seq, sale = self.chance.choice(self.sales)
        share = self.chance.choice(sale.shares)
        back = self.chance.randint(0, share.amount + 1)
        fen = 0 if share.bucket == self.bucket(COUNTING) else back
        self._put(
            Kind.REFUND,
            Refund(
                "a", sale.lane, 2, 5, sale.person, self.device, 1, seq, self.chance.randint(1, 3), 1, 0, 1, DAY, fen,
                (Share(share.bucket, back),), (),
            ),
            sale.person,
        )  # fmt: skip

    def _cash(self) -> None:
        person = self.chance.choice(self.people)
        amount = self.chance.randint(-1, 50)
        self._put(Kind.CASH_TAKEN, CashTaken("a", 1, person, self.bucket(1), amount, 1, DAY), person)

    def _void(self) -> None:
        person = self.chance.choice(self.people)
        self._put(
            Kind.CASH_VOIDED, CashVoided("a", 1, person, self.bucket(1), self.chance.randint(1, 50), 1, 1, DAY), person
        )

    def _return(self) -> None:
        moves = tuple(
            Movement(
                self.chance.choice(self.people), self.bucket(self.chance.choice(BUCKETS)), self.chance.randint(0, 30)
            )
            for _ in range(self.chance.randint(0, 3))
        )
        self._put(Kind.LEASE_RETURNED, LeaseReturned(self.chance.choice((0, RECALL_N)), moves))

    def _shrink(self) -> None:
        amount = self.chance.randint(0, 60)
        self._put(
            Kind.SHRINK_ANSWERED, ShrinkAnswered(SHRINK_N, self.people[0], self.bucket(1), amount), self.people[0]
        )

    def _cutoff(self) -> None:
        if self.chance.random() < 0.3:
            moves = tuple(Movement(person, self.bucket(2), self.chance.randint(0, 90)) for person in self.people)
            self._put(Kind.CUTOFF_PASSED, CutoffPassed(0, (self.bucket(2),), moves))

    def _refused(self) -> None:
        person = self.chance.choice(self.people)
        self._put(Kind.REFUSED, Refused("a", 1, person, 1, 100, "no_lease", visiting=False), person)

    def _garbage(self) -> None:
        self._put(Kind.SETTLEMENT, b"\xc1", self.chance.choice(self.people))

    def _unknown(self) -> None:
        self._put(90 + self.chance.randint(0, 2), b"\x90", self.chance.choice(self.people))

    def _unreadable(self) -> None:
        if self.chance.random() < 0.3:
            self._chain(self.chance.randbytes(20))

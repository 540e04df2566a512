"""What this site may spend: leased parts of balances and standing rights, in memory and on disk alike (rules 1 to 11).

Memory is the mirror that lanes decide by; both change in the same unit, so neither is ever ahead of the other.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from edge.leases.limits import Limits, Use
from edge.store.connection import Reader
from edge.store.transaction import Transaction
from protocols.journal.kinds import Kind
from protocols.ledger.accounts import Account, Owner
from protocols.ledger.balances import Overdrawn
from protocols.payments.facts import CutoffPassed, LeaseReturned, Movement, Share, ShrinkAnswered, StandingReturned
from protocols.sync.messages import LeaseKind, LeaseMessage
from protocols.values.errors import RuleViolation

MOVES_PER_ENTRY: Final = 2_000
_PUT: Final = "INSERT OR REPLACE INTO lease_balances VALUES (?, ?, ?)"


class Append(Protocol):
    """The journal's `append`."""

    def __call__(self, tx: Transaction, kind: int, payload: msgspec.Struct | bytes, *, subject: str = "") -> Any:
        """Add an entry in the unit."""


class HeadSeq(Protocol):
    """Tells the number of the journal's newest entry."""

    def __call__(self) -> int:
        """The number."""


class Applied(NamedTuple):
    """How far the book is after a page: messages beyond a gap were left, ask again from `n` + 1."""

    n: int
    gap: bool


class LeaseBook:
    """Balances at this (site, epoch). Methods with `tx` run inside a unit; the others are for any thread."""

    def __init__(self, reader: Reader, append: Append, head_seq: HeadSeq, *, site: int, epoch: int) -> None:
        """Load the mirror."""
        self._append = append
        self._head_seq = head_seq
        self._site, self._epoch = site, epoch
        self._held: dict[int, dict[int, int]] = {}
        for person, bucket, amount in reader.rows("SELECT person, bucket, amount FROM lease_balances"):
            self._held.setdefault(person, {})[bucket] = amount
        self._cut_off = {bucket for (bucket,) in reader.rows("SELECT bucket FROM lease_cutoffs")}
        self._came_back = {
            (person, bucket) for person, held in self._held.items() for bucket in held if bucket in self._cut_off
        }  # all that may lie in cut-off buckets, and perhaps what no longer does
        state = reader.row("SELECT n FROM lease_state")
        self._n: int = state[0] if state else 0
        self._limits = Limits(reader)

    @property
    def n(self) -> int:
        """The last lease message applied."""
        return self._n

    def balance(self, person: int, bucket: int) -> int:
        """What may be spent of a bucket here; 0 past its cut-off."""
        if bucket in self._cut_off:
            return 0
        return self._held.get(person, {}).get(bucket, 0)

    def balances(self, person: int) -> dict[int, int]:
        """What may be spent here by bucket, cut-off buckets left out."""
        held = self._held.get(person, {})
        return {bucket: amount for bucket, amount in held.items() if bucket not in self._cut_off}

    def total(self) -> int:
        """Everything held here, cut-off or not."""
        return sum(sum(held.values()) for held in self._held.values())

    def holdings(self) -> list[Movement]:
        """Everything held here, for a declaration (rule 25)."""
        return [
            Movement(person, bucket, amount)
            for person, held in sorted(self._held.items())
            for bucket, amount in sorted(held.items())
            if amount
        ]

    def standing(self) -> list[tuple[int, int, int]]:
        """The standing rights held here: person, rule, from_day."""
        return self._limits.standing()

    def spend(self, tx: Transaction, person: int, shares: Iterable[Share]) -> None:
        """Take every share or none: raises Overdrawn, for a cut-off bucket too (rules 1, 5, 8)."""
        shares = tuple(shares)
        wanted: dict[int, int] = {}
        for share in shares:
            if share.amount < 0:
                raise RuleViolation("a share is not negative")
            wanted[share.bucket] = wanted.get(share.bucket, 0) + share.amount
        for bucket, amount in wanted.items():
            if amount > self.balance(person, bucket):
                raise Overdrawn(self._account(person, bucket), self.balance(person, bucket), amount)
        for bucket, amount in wanted.items():
            if amount:
                self._change(tx, person, bucket, -amount)

    def give_back(self, tx: Transaction, person: int, shares: Iterable[Share]) -> None:
        """Put shares back (refund, void) or in (cash taken): rules 10 and 11.

        Into a bucket past its cut-off they are not spendable, and `sweep` returns them.
        """
        for share in shares:
            if share.amount < 0:
                raise RuleViolation("a share is not negative")
            if share.amount:
                self._change(tx, person, share.bucket, share.amount)

    def may_use(self, person: int, rule: int, day: int) -> bool:
        """Whether a person's limit `rule` may be used here on a day: by standing right, or a pass with uses left."""
        return self._limits.may_use(person, rule, day)

    def used(self, person: int, rule: int, key: int) -> Use:
        """What was used here of a limit under a key."""
        return self._limits.used(person, rule, key)

    def use(self, tx: Transaction, person: int, rule: int, key: int, times: int, amount: int) -> None:
        """Count a use (negative takes one back) under a meal's, day's or month's key (`protocols.payments.limits`)."""
        self._limits.use(tx, person, rule, key, times, amount)

    def forget_uses(self, tx: Transaction, *, before_day: int) -> int:
        """Drop counters and passes of days long past; how many went."""
        return self._limits.forget(tx, before_day=before_day)

    def forget_log(self, tx: Transaction, *, before_seq: int) -> None:
        """Drop messages applied before an entry that is itself no longer here; the audit begins with what is."""
        tx.execute("DELETE FROM lease_log WHERE after_seq < ?", (before_seq,))

    def apply(self, tx: Transaction, messages: Iterable[LeaseMessage]) -> Applied:
        """Apply messages in order with their high-water mark; answers are entries of the same unit (rule 5).

        A message seen before is nothing. At a gap it stops.
        """
        for message in messages:
            if message.n <= self._n:
                continue
            if message.n != self._n + 1:
                return Applied(self._n, gap=True)
            self._apply_one(tx, message)
        return Applied(self._n, gap=False)

    def sweep(self, tx: Transaction) -> int:
        """Return what came back into cut-off buckets since; the sum returned (rule 10)."""
        moves = []
        for person, bucket in sorted(self._came_back):
            amount = self._held.get(person, {}).get(bucket, 0)
            if amount and bucket in self._cut_off:
                moves.append(Movement(person, bucket, amount))
            else:
                self._came_back.discard((person, bucket))
                tx.on_rollback(partial(self._came_back.add, (person, bucket)))
        for start in range(0, len(moves), MOVES_PER_ENTRY):
            self._return(tx, 0, moves[start : start + MOVES_PER_ENTRY])
        return sum(move.amount for move in moves)

    def _apply_one(self, tx: Transaction, message: LeaseMessage) -> None:
        tx.execute("UPDATE lease_state SET n = ?", (message.n,))
        tx.execute(
            "INSERT INTO lease_log VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                message.n,
                message.kind,
                message.person,
                message.bucket,
                message.amount,
                message.from_day,
                self._head_seq(),
            ),
        )
        tx.on_rollback(partial(self._restore_n, self._n))
        self._n = message.n
        match message.kind:
            case LeaseKind.GRANT:
                self._change(tx, message.person, message.bucket, message.amount)
            case LeaseKind.RECALL:
                taken = min(self._held_of(message), message.amount)
                self._return(tx, message.n, [Movement(message.person, message.bucket, taken)])
            case LeaseKind.SHRINK:
                self._shrink(tx, message)
            case LeaseKind.CUTOFF:
                self._cut(tx, message)
            case LeaseKind.STANDING:
                self._limits.grant_standing(tx, message.person, message.bucket, message.from_day)
            case LeaseKind.STANDING_RECALL:
                from_day = self._limits.recall_standing(tx, message.person, message.bucket, message.from_day)
                answer = StandingReturned(message.n, message.person, message.bucket, from_day)
                self._append(tx, Kind.STANDING_RETURNED, answer, subject=f"p{message.person}")
            case LeaseKind.PASS:
                self._limits.grant_pass(tx, message.person, message.bucket, message.from_day, message.amount)
            case _:
                raise RuleViolation(f"lease message {message.n} has kind {message.kind}, not known here: upgrade first")

    def _shrink(self, tx: Transaction, message: LeaseMessage) -> None:
        taken = min(self._held_of(message), message.amount)
        if taken:
            self._change(tx, message.person, message.bucket, -taken)
        answer = ShrinkAnswered(message.n, message.person, message.bucket, taken)
        self._append(tx, Kind.SHRINK_ANSWERED, answer, subject=f"p{message.person}")

    def _cut(self, tx: Transaction, message: LeaseMessage) -> None:
        """Return all that is left; the marker comes last, so that past it nothing of the bucket is here (rule 8)."""
        bucket = message.bucket
        tx.execute("INSERT OR IGNORE INTO lease_cutoffs VALUES (?, ?)", (bucket, message.n))
        if bucket not in self._cut_off:
            self._cut_off.add(bucket)
            tx.on_rollback(partial(self._cut_off.discard, bucket))
        moves = [
            Movement(person, bucket, held[bucket]) for person, held in sorted(self._held.items()) if held.get(bucket, 0)
        ]
        while len(moves) > MOVES_PER_ENTRY:
            self._return(tx, 0, moves[:MOVES_PER_ENTRY])
            del moves[:MOVES_PER_ENTRY]
        for move in moves:
            self._change(tx, move.person, bucket, -move.amount)
        self._append(tx, Kind.CUTOFF_PASSED, CutoffPassed(message.n, (bucket,), tuple(moves)))

    def _return(self, tx: Transaction, cause_n: int, moves: list[Movement]) -> None:
        for move in moves:
            if move.amount:
                self._change(tx, move.person, move.bucket, -move.amount)
        subject = f"p{moves[0].person}" if len(moves) == 1 else ""
        self._append(tx, Kind.LEASE_RETURNED, LeaseReturned(cause_n, tuple(moves)), subject=subject)

    def _held_of(self, message: LeaseMessage) -> int:
        return self._held.get(message.person, {}).get(message.bucket, 0)

    def _change(self, tx: Transaction, person: int, bucket: int, by: int) -> None:
        held = self._held.get(person)
        if held is None:
            held = self._held[person] = {}
        before = held.get(bucket, 0)
        after = before + by
        if after < 0:
            raise Overdrawn(self._account(person, bucket), before, -by)
        tx.execute(_PUT, (person, bucket, after))
        held[bucket] = after
        if after and bucket in self._cut_off:
            self._came_back.add((person, bucket))
        tx.on_rollback(partial(held.__setitem__, bucket, before))

    def _restore_n(self, n: int) -> None:
        self._n = n

    def _account(self, person: int, bucket: int) -> Account:
        return Account(Owner.PERSON, person, bucket, self._site, self._epoch)

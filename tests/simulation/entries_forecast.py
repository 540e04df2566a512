"""What each entry that comes in must move, said by its bytes, over the auditor's own books (rules 6 to 11, 25)."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tests.simulation import wirewords as words
from tests.simulation.auditor import Violation
from tests.simulation.bookkeeper import (
    CASH_TAKEN,
    CASH_VOIDED,
    CLEARING,
    CORRECTION,
    DESK,
    EXCEPTIONS,
    GRANT,
    IN_DOUBT,
    ISSUER,
    LOSS,
    ORGANISATION,
    PERSON,
    RECEIVABLE,
    REFUND,
    RETURN,
    SPEND,
    STALL,
    Account,
    Draft,
    Holder,
    Sent,
)
from tests.simulation.wirewords import Fact


class Entries:
    """One stream's entries in one transaction."""

    def __init__(self, draft: Draft, holder: Holder, branch: int) -> None:
        self.draft, self.holder, self.branch = draft, holder, branch
        row = draft.before.sites.get(holder)
        self.lost = row is not None and row.state == "lost"
        self.released = self.lost and row is not None and row.released_at is not None
        self.bearer = row.bearer if row is not None else 0
        self.unsure = not self.lost and row is not None and row.declared_generation < draft.before.generation
        self.passed = {b for (*place, b), seq in draft.before.passed.items() if tuple(place) == holder and seq}
        self.passed &= draft.before.cut
        self.cutoffs: dict[int, int] = {}
        self.returns: list[tuple[Holder, int, int, int]] = []  # who asked for it, person, bucket, amount
        self.rights: list[tuple[int, int, int, int]] = []  # cause, person, rule, day
        self.declared: list[tuple[int, list[Any]]] = []
        self.sum_fen = 0
        self._fact: tuple[int, int, int, int] = (0, 0, 0, 0)
        self._day = 0
        self._takes: dict[int, Callable[[Fact], None]] = {
            words.SETTLEMENT: self._sale, words.REFUND: self._refund, words.CASH_TAKEN: self._cash,
            words.CASH_VOIDED: self._void, words.LEASE_RETURNED: self._returned, words.SHRINK_ANSWERED: self._shrunk,
            words.CUTOFF_PASSED: self._cut, words.STANDING_RETURNED: self._right, words.DECLARATION: self._declares,
        }  # fmt: skip

    def take(self, fact: Fact) -> None:
        """One entry that was applied."""
        self._fact = (fact.device, fact.epoch, self.branch, fact.seq)
        self._day = words.day_of(fact)
        if fact.kind in self._takes:
            self._takes[fact.kind](fact)

    def _move(self, kind: int, debit: Account, credit: Account, amount: int) -> None:
        if amount:
            self.draft.move(kind, debit, credit, amount, day=self._day, fact=self._fact)

    def _at(self, person: int, bucket: int) -> Account:
        return (PERSON, person, bucket, *self.holder)

    def _spend(self, kind: int, person: int, bucket: int, to: Account, amount: int) -> None:
        """First what is leased here, then what a restored cloud has forgotten or what is in doubt, then nobody's."""
        sources: list[Account] = []
        if not self.branch:
            sources.append(self._at(person, bucket))
            if self.lost:
                sources.append((IN_DOUBT, person, bucket, *self.holder))
        for source in sources:
            part = min(amount, max(self.draft.has(source), 0))
            self._move(kind, source, to, part)
            amount -= part
        if not self.branch and self.unsure:
            amount -= self._lend(kind, person, bucket, to, amount)
        nobody: Account = (EXCEPTIONS, person, bucket, *self.holder)
        if self.lost and not self.branch:
            nobody = (LOSS, self.bearer, bucket, *self.holder)
        self._move(kind, nobody, to, amount)

    def _lend(self, kind: int, person: int, bucket: int, to: Account, wanted: int) -> int:
        free: Account = (PERSON, person, bucket, 0, 0)
        part = min(wanted, max(self.draft.has(free), 0))
        self._move(GRANT, free, self._at(person, bucket), part)
        self._move(kind, self._at(person, bucket), to, part)
        return part

    def _give(self, kind: int, debit: Account, person: int, bucket: int, amount: int) -> Account:
        """What a site puts back stays there; of a lost one it is in doubt, or the person's once that was released."""
        place: Account = self._at(person, bucket)
        if self.branch:
            place = (EXCEPTIONS, person, bucket, *self.holder)
        elif self.lost:
            place = (PERSON, person, bucket, 0, 0) if self.released else (IN_DOUBT, person, bucket, *self.holder)
        self._move(kind, debit, place, amount)
        return place

    def _sale(self, fact: Fact) -> None:
        self.sum_fen += fact.payload[11]
        for bucket, amount in words.shares_of(fact):
            self._spend(SPEND, fact.payload[4], bucket, (STALL, fact.payload[3], bucket, 0, 0), amount)

    def _refund(self, fact: Fact) -> None:
        self.sum_fen -= fact.payload[13]
        for bucket, amount in words.shares_of(fact):
            stall: Account = (STALL, fact.payload[3], bucket, 0, 0)
            place = self._give(REFUND, stall, fact.payload[4], bucket, amount)
            gone = bucket in self.passed or (bucket in self.draft.before.cut and not place[3])
            if gone and place[0] in (PERSON, IN_DOUBT):
                self._move(CLEARING, place, (ISSUER, ORGANISATION, bucket, 0, 0), amount)

    def _cash(self, fact: Fact) -> None:
        _attempt, lane, person, bucket, amount, *_ = fact.payload
        self._give(CASH_TAKEN, (DESK, lane, bucket, 0, 0), person, bucket, amount)

    def _void(self, fact: Fact) -> None:
        _attempt, lane, person, bucket, amount, *_ = fact.payload
        self._spend(CASH_VOIDED, person, bucket, (DESK, lane, bucket, 0, 0), amount)

    def _answer(self, n: int, amount: int) -> None:
        asked = self.draft.before.messages[self.holder].get(n)
        if asked is not None and asked.answered is None:
            self.draft.answers.setdefault((*self.holder, n), amount)

    def _question(self, n: int) -> Sent | None:
        asked = self.draft.before.messages[self.holder].get(n)
        if asked is None or asked.answered is not None or (*self.holder, n) in self.draft.answers:
            return None
        return asked.sent

    def _returned(self, fact: Fact) -> None:
        n, moves = fact.payload
        if self.branch:
            return
        for person, bucket, amount in moves:
            self._back(person, bucket, amount)
        asked = self._question(n)
        if asked is not None and asked.for_holder[0]:
            self.returns += [
                (asked.for_holder, *each) for each in moves if each[2] and each[1] not in self.draft.before.cut
            ]
        if n:
            self._answer(n, sum(amount for _, _, amount in moves))

    def _back(self, person: int, bucket: int, amount: int) -> None:
        if self.released:
            return
        source = self._at(person, bucket) if not self.lost else (IN_DOUBT, person, bucket, *self.holder)
        held = max(self.draft.has(source), 0)
        if amount > held and not (self.unsure or bucket in self.passed):
            raise Violation(f"entry {self._fact} returns {amount} of {person}/{bucket}, there are {held}")
        amount = min(amount, held)
        if bucket in self.draft.before.cut:
            self._move(CLEARING, source, (ISSUER, ORGANISATION, bucket, 0, 0), amount)
        else:
            self._move(RETURN, source, (PERSON, person, bucket, 0, 0), amount)

    def _shrunk(self, fact: Fact) -> None:
        n, person, bucket, amount = fact.payload
        if self.branch:
            return
        asked = self._question(n)
        if asked is None or asked.counter is None:
            self._back(person, bucket, amount)
            return
        to: Account = (*asked.counter, bucket, 0, 0)
        given = min(amount, asked.amount)
        part = min(given, max(self.draft.has(self._at(person, bucket)), 0))
        self._move(CORRECTION, self._at(person, bucket), to, part)
        if self.unsure:
            part += self._lend(CORRECTION, person, bucket, to, given - part)
        if part < given:
            raise Violation(f"entry {self._fact} gives up {given} of {person}/{bucket}, there are {part}")
        self._move(CORRECTION, (RECEIVABLE, person, bucket, 0, 0), to, asked.amount - given)
        self._answer(n, given)

    def _cut(self, fact: Fact) -> None:
        n, buckets, moves = fact.payload
        if self.branch:
            return
        for person, bucket, amount in moves:
            source = self._at(person, bucket)
            part = min(amount, max(self.draft.has(source), 0))
            if bucket in self.draft.before.cut:
                self._move(CLEARING, source, (ISSUER, ORGANISATION, bucket, 0, 0), part)
            else:
                self._move(RETURN, source, (PERSON, person, bucket, 0, 0), part)
        for bucket in buckets:
            self.passed.add(bucket)
            self.cutoffs.setdefault(bucket, fact.seq)
        if n:
            self._answer(n, sum(amount for _, _, amount in moves))

    def _right(self, fact: Fact) -> None:
        n, person, rule, day = fact.payload
        if not self.branch:
            self.rights.append((n, person, rule, day))
            if n:
                self._answer(n, 0)

    def _declares(self, fact: Fact) -> None:
        if not self.branch:
            self.declared.append((fact.seq, fact.payload))


def pass_on(draft: Draft, returns: list[tuple[Holder, int, int, int]]) -> None:
    """What came back for somebody goes on to them, as far as it is free and they still get leases."""
    if draft.silent():
        return
    for holder, person, bucket, amount in returns:
        part = min(amount, draft.free(person).get(bucket, 0))
        if draft.before.is_open(holder) and part > 0:
            draft.grant(holder, person, bucket, part)


def put_right(draft: Draft, holder: Holder, parts: Sequence[Sequence[Any]], waiting: Iterable[words.Fact]) -> None:
    """A site holds what it says, before what its `waiting` facts did: from what is free, else out of nobody's."""
    said: dict[tuple[int, int], int] = {}
    for each in parts:
        for person, bucket, amount in each[4]:
            said[person, bucket] = said.get((person, bucket), 0) + amount
    for fact in waiting:
        for person, bucket, by in words.moved_by(fact):
            said[person, bucket] = said.get((person, bucket), 0) - by
    for (person, bucket), amount in sorted(said.items()):
        target: Account = (PERSON, person, bucket, *holder)
        lacks = amount - draft.has(target)
        free: Account = (PERSON, person, bucket, 0, 0)
        part: int = min(lacks, max(draft.has(free), 0))
        if part > 0:
            draft.move(GRANT, free, target, part)
        if lacks > max(part, 0):
            draft.move(GRANT, (EXCEPTIONS, person, bucket, *holder), target, lacks - max(part, 0))

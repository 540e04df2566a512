"""The cloud's side of leases over plain dicts: the real sizing, the real effects of facts, nothing decided here."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any, Final

from cloud.ledger.books import Books, Key, Question
from cloud.ledger.effects import effects_of
from cloud.ledger.leases import Part, home_grants, recalls, visitor_grants
from protocols.journal.kinds import Kind
from protocols.ledger.accounts import Owner, TransferKind
from protocols.sync.messages import LeaseKind, LeaseMessage

EPOCH: Final = 1
ORGANISATION: Final = 1
PERSON: Final = int(Owner.PERSON)
_EXCEPTIONS: Final = int(Owner.EXCEPTIONS)

Entry = tuple[int, Any]  # kind and payload, in the order of the stream


class Office:
    """One organisation's accounts, homes and lease messages."""

    def __init__(self, sites: Iterable[int], *, order: Iterable[int] = ()) -> None:
        self.sites = tuple(sites)
        self.balances: dict[Key, int] = {}
        self.homes: dict[int, tuple[int, int]] = {}  # site and the worth of a meal
        self.messages: dict[int, list[LeaseMessage]] = {site: [] for site in self.sites}
        self.overdrafts = 0
        self.overdraft_fen = 0
        self.cleared_fen: Counter[int] = Counter()  # by person
        self._books = {site: Books(ORGANISATION, site, EPOCH, 0, self.balances) for site in self.sites}
        self._taken = dict.fromkeys(self.sites, 0)
        self._order = list(order)
        self._buckets: list[int] = list(self._order)
        self._asked: dict[tuple[int, int, int], int] = defaultdict(int)  # (site, person, bucket) -> not yet answered
        self._coming: dict[tuple[int, int], int] = defaultdict(int)  # (asking site, person) -> not yet answered
        self._for: dict[tuple[int, int], int] = {}  # (asked site, n) -> asking site
        self._cut: set[int] = set()
        self._changed: set[int] = set()

    def put(self, person: int, bucket: int, fen: int) -> None:
        """Money in, and the lease of it in the same step."""
        key = (PERSON, person, bucket, 0, 0)
        self.balances[key] = self.balances.get(key, 0) + fen
        self.size([person])

    def size(self, persons: Iterable[int]) -> None:
        """Homes get what they lack (`size_homes`)."""
        for person in persons:
            site, meal_fen = self.homes[person]
            at_home = {bucket: fen for (at, bucket), fen in self.held(person).items() if at == site}
            for part in home_grants(self.free(person), at_home, meal_fen=meal_fen):
                self._grant(site, person, part)

    def minute(self) -> None:
        """The job of every minute: who has more than a meal with the cloud is sized again."""
        changed, self._changed = self._changed, set()
        self.size(p for p in sorted(changed) if sum(self.free(p).values()) > self.homes[p][1])

    def ask(self, site: int, person: int, wanted: int) -> int:
        """A lane's ask (`serve_visitor`); answers what was granted."""
        parts = visitor_grants(self.free(person), wanted, order=self._order)
        for part in parts:
            self._grant(site, person, part)
        granted = sum(part.amount for part in parts)
        missing = wanted - granted - (self._coming[site, person] if granted < wanted else 0)
        if missing > 0:
            self._recall(site, person, missing)
        return granted

    def clear(self, bucket: int) -> None:
        """Begin the clearing of a bucket: sweep what nobody holds, send every site the marker."""
        self._cut.add(bucket)
        for books in self._books.values():
            books.cut = frozenset(self._cut)
        for key in [key for key in self.balances if key[0] == PERSON and key[2] == bucket and key[3] == 0]:
            self.cleared_fen[key[1]] += self.balances[key]
            self.balances[key] = 0
        for site in self.sites:
            self._send(site, LeaseKind.CUTOFF, 0, Part(bucket, 0))

    def take(self, site: int, entries: Iterable[Entry]) -> None:
        """Facts of a site's stream, in order; what comes back for somebody goes on to them."""
        books = self._books[site]
        for kind, payload in entries:
            self._taken[site] += 1
            for movement, debit, _credit, fen in effects_of(kind, payload, self._taken[site], books):
                if movement == TransferKind.CLEARING:
                    self.cleared_fen[debit[1]] += fen
                if debit[0] == _EXCEPTIONS:
                    self.overdrafts += 1
                    self.overdraft_fen += fen
            books.undo.clear()
            self._note(site, kind, payload)
        passed_on, books.notes.passed_on = books.notes.passed_on, []
        books.notes.answers.clear()
        books.notes.cutoffs.clear()
        for to, _epoch, person, bucket, amount in passed_on:
            part = Part(bucket, min(amount, self.free(person).get(bucket, 0)))
            if part.amount:
                self._grant(to, person, part)

    def free(self, person: int) -> dict[int, int]:
        """What is leased to nobody, by bucket."""
        found = {}
        for bucket in self._buckets:
            fen = self.balances.get((PERSON, person, bucket, 0, 0), 0)
            if fen > 0 and bucket not in self._cut:
                found[bucket] = fen
        return found

    def held(self, person: int) -> dict[tuple[int, int], int]:
        """(site, bucket) -> what is leased there."""
        found = {}
        for site in self.sites:
            for bucket in self._buckets:
                fen = self.balances.get((PERSON, person, bucket, site, EPOCH), 0)
                if fen > 0 and bucket not in self._cut:
                    found[site, bucket] = fen
        return found

    def _note(self, site: int, kind: int, payload: Any) -> None:
        if kind == Kind.SETTLEMENT:
            self._changed.add(payload.person)
        elif kind == Kind.LEASE_RETURNED and payload.cause_n:
            question = self.messages[site][payload.cause_n - 1]
            self._asked[site, question.person, question.bucket] -= question.amount
            asking = self._for[site, payload.cause_n]
            self._coming[asking, question.person] -= question.amount
            self._changed.add(question.person)

    def _recall(self, site: int, person: int, wanted: int) -> None:
        usable = {
            (at, EPOCH, bucket): fen - self._asked[at, person, bucket]
            for (at, bucket), fen in self.held(person).items()
            if at != site and fen > self._asked[at, person, bucket]
        }
        for at, _epoch, part in recalls(usable, wanted):
            n = self._send(at, LeaseKind.RECALL, person, part)
            self._asked[at, person, part.bucket] += part.amount
            self._coming[site, person] += part.amount
            self._for[at, n] = site
            self._books[at].questions[n] = Question(part.amount, None, site, EPOCH)

    def _grant(self, site: int, person: int, part: Part) -> None:
        free, leased = (PERSON, person, part.bucket, 0, 0), (PERSON, person, part.bucket, site, EPOCH)
        self.balances[free] -= part.amount
        self.balances[leased] = self.balances.get(leased, 0) + part.amount
        self._send(site, LeaseKind.GRANT, person, part)

    def _send(self, site: int, kind: LeaseKind, person: int, part: Part) -> int:
        n = len(self.messages[site]) + 1
        self.messages[site].append(LeaseMessage(n, kind, person, part.bucket, part.amount, 0))
        return n

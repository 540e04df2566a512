"""Says what must be, from what was done to the world and told to people; shares no code with ledger, leases or rules.

It hears of the office's acts, of what passed the wires, of what lanes told people, and reads journals and books. It
raises Violation at the first thing that is not as it must be.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.simulation import wirewords as words
from tests.simulation.wirewords import Fact

Pair = tuple[int, int]  # person, bucket
Holder = tuple[int, int]  # site, epoch


class Violation(AssertionError):
    """A promise was broken."""


class Said(NamedTuple):
    """What a lane told a person: a sale, a refund or cash, by its attempt."""

    attempt: str
    person: int
    amount_fen: int


@dataclass
class Stream:
    """What one disk wrote, read entry by entry. A clone or an old image begins as a copy of what it shares."""

    site: int
    device: int
    epoch: int
    facts: list[Fact] = field(default_factory=list)
    head: bytes = b""
    business_ms: int = 0
    purse: Counter[Pair] = field(default_factory=Counter)  # what entries put to (+) or took from (-) the leases
    low: Counter[Pair] = field(default_factory=Counter)
    attempts: dict[str, int] = field(default_factory=dict)
    sales: dict[int, Fact] = field(default_factory=dict)
    refunded: Counter[int] = field(default_factory=Counter)
    told: dict[str, Said] = field(default_factory=dict)
    cut: set[int] = field(default_factory=set)  # buckets whose marker it has passed

    def copy(self) -> "Stream":
        """The same, to part from here on."""
        return Stream(
            self.site, self.device, self.epoch, list(self.facts), self.head, self.business_ms, Counter(self.purse),
            Counter(self.low), dict(self.attempts), dict(self.sales), Counter(self.refunded), dict(self.told),
            set(self.cut),
        )  # fmt: skip

    def taken_fen(self) -> int:
        """Settlements less refunds."""
        sales = sum(fact.payload[11] for fact in self.facts if fact.kind == words.SETTLEMENT)
        return int(sales - sum(fact.payload[13] for fact in self.facts if fact.kind == words.REFUND))

    def until(self, seq: int) -> "Stream":
        """What it was after entry `seq`."""
        was = Stream(self.site, self.device, self.epoch)
        for fact in self.facts[:seq]:
            was.take(fact, None)
        was.told = {attempt: said for attempt, said in self.told.items() if attempt in was.attempts}
        return was

    def take(self, fact: Fact, leased: "Mapping[Pair, int] | None") -> None:
        """One more entry: in its place, chained, later than the one before, and within what was leased."""
        expected = len(self.facts) + 1
        if (fact.device, fact.epoch, fact.seq) != (self.device, self.epoch, expected):
            raise Violation(f"entry {fact.seq} of {fact.device}/{fact.epoch} stands where {expected} should")
        if fact.business_ms < self.business_ms:
            raise Violation(f"entry {fact.seq} of device {self.device} is earlier than the one before it")
        self.business_ms = fact.business_ms
        self.head = words.chained(self.head or words.first_hash(self.device, self.epoch), fact.body)
        self.facts.append(fact)
        self._attempted(fact)
        if fact.kind == words.SETTLEMENT:
            self.sales[fact.seq] = fact
            spent = [bucket for bucket, amount in words.shares_of(fact) if amount and bucket in self.cut]
            if spent:
                raise Violation(f"entry {fact.seq} of site {self.site} spends bucket {spent[0]} past its cut-off")
        elif fact.kind == words.CUTOFF_PASSED:
            self.cut.update(fact.payload[1])
        elif fact.kind == words.REFUND:
            self._refund(fact)
        for person, bucket, by in words.moved_by(fact):
            self.purse[person, bucket] += by
            if leased is not None and leased.get((person, bucket), 0) + self.purse[person, bucket] < 0:
                raise Violation(
                    f"entry {fact.seq} of site {self.site} takes {-by} of bucket {bucket} of person {person},"
                    f" more than was ever leased there"
                )

    def _attempted(self, fact: Fact) -> None:
        if fact.kind not in (words.SETTLEMENT, words.REFUND, words.CASH_TAKEN, words.CASH_VOIDED):
            return
        attempt = f"{fact.kind}:{fact.payload[0]}"
        if attempt in self.attempts:
            raise Violation(f"attempt {attempt} stands twice, as entries {self.attempts[attempt]} and {fact.seq}")
        self.attempts[attempt] = fact.seq

    def _refund(self, fact: Fact) -> None:
        sale = self.sales.get(fact.payload[7])
        if sale is None:
            raise Violation(f"entry {fact.seq} refunds entry {fact.payload[7]}, which is no sale")
        self.refunded[sale.seq] += fact.payload[13]
        if self.refunded[sale.seq] > sale.payload[11]:
            raise Violation(f"entry {sale.seq} paid {sale.payload[11]} and got {self.refunded[sale.seq]} back")


class Auditor:
    """One world's books of its own."""

    def __init__(self) -> None:
        self.paid_in: Counter[Pair] = Counter()  # top-ups, subsidies, less corrections downward
        self.cleared: set[int] = set()
        self.counting: set[int] = set()
        self.messages: dict[Holder, dict[int, tuple[int, ...]]] = defaultdict(dict)
        self.streams: list[Stream] = []
        self.irregular: set[Holder] = set()  # forked, lost, or alive when the cloud was restored
        self.restored = False
        self.rights: dict[int, int] = {}  # rule -> uses a meal
        self.poison: dict[tuple[int, int, int], int] = {}  # device, epoch, seq -> what it really took
        self.settlements = 0
        self.marks: dict[str, tuple[int, str]] = {}  # attempt -> entry and what the receipt printed of the chain

    # What is done at the office

    def pay_in(self, person: int, bucket: int, fen: int) -> None:
        """A top-up or a subsidy the cloud has taken; negative where a correction takes it back."""
        self.paid_in[person, bucket] += fen

    def clear(self, bucket: int) -> None:
        """The bucket is swept, wherever it is, as sites pass the marker."""
        self.cleared.add(bucket)

    def office_image(self) -> tuple[Counter[Pair], set[int]]:
        """What the office knows at a backup."""
        return Counter(self.paid_in), set(self.cleared)

    def restore(self, image: tuple[Counter[Pair], set[int]], holders: Iterable[Holder]) -> None:
        """The cloud was put back: what the office did since is not done; what sites did since comes again."""
        self.paid_in, self.cleared = Counter(image[0]), set(image[1])
        self.irregular.update(holders)
        self.restored = True

    # What passes the wires

    def arrived(self, site: int, path: str, query: Mapping[str, str], request: bytes, status: int, body: bytes) -> None:
        """Learn of grants as the gateway does."""
        if path != "leases" or status != 200:
            return
        epoch, _newest, messages = words.lease_page(body)
        known = self.messages[site, epoch]
        for n, *rest in messages:
            before = known.setdefault(n, tuple(rest))
            if before != tuple(rest) and (site, epoch) not in self.irregular:
                raise Violation(f"lease message {n} of site {site} was {before} and is {tuple(rest)} now")
            known[n] = tuple(rest)

    def leased(self, holder: Holder, *, through_n: int | None = None) -> Counter[Pair]:
        """All that was granted to a site, of what has come there."""
        found: Counter[Pair] = Counter()
        for n, (kind, person, bucket, amount, _day) in self.messages[holder].items():
            if kind == words.GRANT and (through_n is None or n <= through_n):
                found[person, bucket] += amount
        return found

    # What gateways write and tell

    def read(self, stream: Stream, bodies: Sequence[bytes]) -> None:
        """Entries after those known, in order."""
        if not bodies:
            return
        leased = self.leased((stream.site, stream.epoch))
        for body in bodies:
            stream.take(words.fact_of(body), leased)
            if stream.facts[-1].kind == words.CUTOFF_PASSED:
                self._nothing_left(stream, stream.facts[-1])
            self.settlements += stream.facts[-1].kind == words.SETTLEMENT

    def _nothing_left(self, stream: Stream, marker: Fact) -> None:
        """Past a marker a site holds nothing of its buckets (rule 8)."""
        given = self.leased((stream.site, stream.epoch), through_n=marker.payload[0])
        for person, bucket in sorted({*given, *stream.purse}):
            left = given[person, bucket] + stream.purse[person, bucket]
            if bucket in marker.payload[1] and left > 0:
                raise Violation(f"site {stream.site} passes the marker of bucket {bucket} and keeps {left} of it")

    def told(self, stream: Stream, kind: int, said: Said) -> None:
        """A person was told: from here on it must never be missing, nor stand twice."""
        attempt = f"{kind}:{said.attempt}"
        before = stream.told.setdefault(attempt, said)
        if before != said:
            raise Violation(f"attempt {attempt} was told as {before} and then as {said}")

    def check_told(self, stream: Stream) -> None:
        """Everything told stands in the journal, as told."""
        for attempt, said in stream.told.items():
            seq = stream.attempts.get(attempt)
            if seq is None:
                raise Violation(f"{attempt} was told to person {said.person} and is in no journal")
            fact = stream.facts[seq - 1]
            amount = fact.payload[{10: 11, 11: 13, 12: 4, 13: 4}[fact.kind]]
            if (words.person_of(fact), amount) != (said.person, said.amount_fen):
                raise Violation(f"{attempt} was told as {said}, entry {seq} says otherwise")

    def check_marks(self) -> None:
        """A receipt prints the first 8 hex digits of the chain at its entry (rule 20)."""
        heads: dict[str, str] = {}
        for stream in self.streams:
            head = words.first_hash(stream.device, stream.epoch)
            for fact in stream.facts:
                head = words.chained(head, fact.body)
                if fact.kind == words.SETTLEMENT and self.marks.get(fact.payload[0], (0,))[0] == fact.seq:
                    heads[fact.payload[0]] = head[:4].hex()
        for attempt, (seq, mark) in self.marks.items():
            if attempt in heads and heads[attempt] != mark:
                raise Violation(f"the receipt of {attempt} prints {mark}; the chain at entry {seq} is {heads[attempt]}")

    def check_book(self, stream: Stream, held: Mapping[Pair, int], n: int) -> None:
        """The lease book is grants plus entries, to the fen."""
        expected = self.leased((stream.site, stream.epoch), through_n=n) + Counter()
        expected.update(stream.purse)
        for pair in sorted({*expected, *held}):
            if expected[pair] != held.get(pair, 0):
                raise Violation(
                    f"site {stream.site} holds {held.get(pair, 0)} for person and bucket {pair}, not {expected[pair]}"
                )

    def rare(self, stream: Stream) -> Iterator[str]:
        """Rare states that a stream tells of."""
        known = self.messages[stream.site, stream.epoch]
        for fact in stream.facts:
            asked = known.get(fact.payload[0], ()) if fact.kind in (words.LEASE_RETURNED, words.SHRINK_ANSWERED) else ()
            if fact.kind == words.LEASE_RETURNED and asked:
                short = sum(amount for _, _, amount in fact.payload[1]) < asked[3]
                yield "recall answered short" if short else "recall answered in full"
            elif fact.kind == words.SHRINK_ANSWERED and asked and fact.payload[3] < asked[3]:
                yield "shrink answered short"
            elif fact.kind == words.CUTOFF_PASSED and fact.payload[2]:
                yield "cut-off passed with money returned"
            elif fact.kind == words.DECLARATION:
                yield "declaration after a restore"

    # What the cloud says

    def check_books(self, balances: Mapping[Any, int], lines: Iterable[Any]) -> None:
        """Balances are the sums of their lines, floors hold, and no fen of nobody's appears."""
        sums: Counter[tuple[int, ...]] = Counter()
        for line in lines:
            if line.amount <= 0:
                raise Violation(f"a line moves {line.amount}")
            self._check_line(line)
            sums[tuple(line.debit)] -= line.amount
            sums[tuple(line.credit)] += line.amount
        for account, balance in balances.items():
            if balance < 0:
                raise Violation(f"account {account} is below its floor: {balance}")
            if sums[tuple(account)] != balance:
                raise Violation(f"account {account} shows {balance}, its lines make {sums[tuple(account)]}")
        for account, total in sums.items():
            if account[0] in FLOORED and total != balances.get(account, 0):
                raise Violation(f"account {account} has lines of {total} and no such balance")
            if account[0] == EXCEPTIONS and total and (account[3], account[4]) not in self.irregular:
                raise Violation(f"{total} stands in the exceptions account {account}, and nothing irregular happened")

    def _check_line(self, line: Any) -> None:
        at_site = line.debit[0] == PERSON and line.debit[3]
        if line.kind == CLEARING and at_site and line.fact is None:
            raise Violation(f"{line.amount} leased to a site is cleared before it passed the marker: {line}")
        if line.kind == DOUBT and (line.credit[0] != IN_DOUBT or tuple(line.credit[1:]) != tuple(line.debit[1:])):
            raise Violation(f"what a lost site held is not put in doubt: {line}")
        if line.kind == RELEASE and line.debit[0] != IN_DOUBT:
            raise Violation(f"what is not in doubt is released: {line}")

    def check_sums(self, streams: Mapping[Any, Mapping[str, Any]]) -> None:
        """What the cloud says a stream took is settlements less refunds."""
        for stream in self.streams:
            if (stream.site, stream.epoch) in self.irregular or self.poison:
                continue
            fen = stream.taken_fen()
            row = streams[stream.device, stream.epoch, 0]
            if row["sum_fen"] != fen:
                raise Violation(f"device {stream.device} took {fen}, the cloud counts {row['sum_fen']}")

    def check_limits(self) -> None:
        """No limit was counted twice over all sites (rule 3)."""
        used: Counter[tuple[int, int, int, int]] = Counter()
        for stream in self.streams:
            if (stream.site, stream.epoch) in self.irregular:
                continue
            for fact in stream.facts:
                sign = {words.SETTLEMENT: 1, words.REFUND: -1}.get(fact.kind, 0)
                if sign:
                    sale = fact if sign > 0 else stream.sales[fact.payload[7]]
                    uses = fact.payload[13] if sign > 0 else fact.payload[16]
                    for rule, times in uses:
                        used[sale.payload[4], rule, sale.payload[6], sale.payload[5]] += sign * times
        for (person, rule, day, period), times in used.items():
            if rule in self.rights and times > self.rights[rule]:
                raise Violation(f"limit {rule} of person {person} was used {times} times at {day}/{period}")


PERSON, IN_DOUBT, EXCEPTIONS, LOSS, RECEIVABLE = 1, 3, 13, 14, 15
CLEARING, DOUBT, RELEASE = 7, 11, 12
FLOORED = frozenset({1, 2, 3})
PERSONAL = frozenset({PERSON, IN_DOUBT, EXCEPTIONS, RECEIVABLE})

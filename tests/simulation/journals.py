"""What one journal may say, entry after entry: answers, splits, refunds, markers, closings and times, each from what
came before it and from the lease messages that had come there."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.simulation import reference
from tests.simulation import wirewords as words
from tests.simulation.auditor import Pair, Stream, Violation
from tests.simulation.rights_forecast import next_day
from tests.simulation.wirewords import Fact

Messages = Mapping[int, Sequence[int]]  # n -> kind, person, bucket, amount, day

_LEAST_MS: Final = 1_700_000_000_000
_ASTRAY_MS: Final = 90_000  # what a slow answer may make of an honest clock
_INCARNATION: Final = 1
_NO_END: Final = 99_991_231
_ASKING: Final = frozenset({words.RECALL, words.SHRINK, words.CUTOFF, words.STANDING_RECALL})
_SHANGHAI: Final = timedelta(hours=8)


def moment_of(at_ms: int) -> tuple[int, int]:
    """Meal period (0 outside all) and day of an instant, by the canteens' hours."""
    there = datetime.fromtimestamp(at_ms / 1000, UTC) + _SHANGHAI
    minute = there.hour * 60 + there.minute
    period = next((number for number, (opens, closes) in reference.PERIODS.items() if opens <= minute < closes), 0)
    return period, there.year * 10_000 + there.month * 100 + there.day


def rank_of(bucket: int) -> tuple[int, int]:
    """Subsidies before cash before passes, the older first."""
    return {reference.CASH: 1, reference.PASSES: 2}.get(bucket, 0), bucket


class Journal:
    """Walks one stream from its beginning. `honest`: its clock was never touched, so that its times can be judged."""

    def __init__(self, stream: Stream, messages: Messages, *, honest: bool, poison: frozenset[int]) -> None:
        self.stream, self.messages, self.honest, self.poison = stream, messages, honest, poison
        self.held: Counter[Pair] = Counter()
        self.n = 0  # lease messages that had certainly been applied
        self.cut: set[int] = set()
        self.heard_of = {reference.CASH, reference.SUBSIDY}  # buckets that lanes have spent from
        self.voided: set[int] = set()
        self.closed: dict[int, int] = defaultdict(int)
        self.back: dict[int, list[Fact]] = defaultdict(list)
        self.used: dict[tuple[int, int], Counter[int]] = defaultdict(Counter)  # person, rule -> day -> times
        self.numbers: dict[tuple[int, int], int] = defaultdict(int)
        self.stands: dict[tuple[int, int], tuple[int, int]] = {}  # person, rule -> from one day to before another
        self.passes: Counter[tuple[int, int, int]] = Counter()  # person, rule, day -> uses left
        self.boot = 0
        self.astray_ms: int | None = None
        self._looks: dict[int, Callable[[Fact], None]] = {
            words.SETTLEMENT: self._sale, words.REFUND: self._refund, words.CASH_VOIDED: self._void,
            words.LEASE_RETURNED: self._returned, words.SHRINK_ANSWERED: self._shrunk,
            words.STANDING_RETURNED: self._right, words.CUTOFF_PASSED: self._marker, words.DAY_CLOSED: self._closing,
        }  # fmt: skip

    def check(self) -> None:
        """Raises Violation."""
        for fact in self.stream.facts:
            self._time(fact)
            look = self._looks.get(fact.kind)
            if look is not None and fact.seq not in self.poison:
                self._subject(fact)
                look(fact)
            for person, bucket, by in words.moved_by(fact):
                self.held[person, bucket] += by

    def _time(self, fact: Fact) -> None:
        boot, monotonic_ms = words.running_of(fact.body)
        if fact.business_ms < _LEAST_MS:
            self._wrong(fact, f"has no business time: {fact.business_ms}")
        if fact.kind == _INCARNATION:
            if boot != self.boot + 1:
                self._wrong(fact, f"is boot {boot}, after {self.boot}")
            self.boot, self.astray_ms = boot, fact.business_ms - monotonic_ms
        if boot != self.boot:
            self._wrong(fact, f"says it is of boot {boot} and is of {self.boot}")
        if self.honest and self.astray_ms is not None:
            astray_ms = fact.business_ms - monotonic_ms - self.astray_ms
            if abs(astray_ms) > _ASTRAY_MS:
                self._wrong(fact, f"is {astray_ms} ms off the steady clock")

    def _subject(self, fact: Fact) -> None:
        """What must wait when this one does: the same person's, and what gives back what this one took."""
        said = fact.payload
        persons = {words.person_of(fact)}
        if fact.kind == words.LEASE_RETURNED:
            persons = {person for person, _, _ in said[1]} if len(said[1]) == 1 else set()
        elif fact.kind in (words.CUTOFF_PASSED, words.DAY_CLOSED):
            persons = set()
        elif fact.kind == words.STANDING_RETURNED:
            persons = {said[1]}
        needs = {words.REFUND: 7, words.CASH_VOIDED: 5}.get(fact.kind)
        wanted = (f"p{min(persons)}" if persons else "", said[needs] if needs is not None else 0)
        if words.subject_of(fact.body) != wanted:
            self._wrong(fact, f"is about {words.subject_of(fact.body)}, not {wanted}")

    # Messages

    def _heard(self, through: int) -> None:
        """The messages up to one were applied."""
        for n in range(self.n + 1, through + 1):
            kind, person, bucket, amount, day = self.messages.get(n, (0, 0, 0, 0, 0))
            if kind == words.GRANT:
                self.held[person, bucket] += amount
            elif kind == words.STANDING:
                self.stands[person, bucket] = (day, _NO_END)
            elif kind == words.PASS:
                self.passes[person, bucket, day] += amount
        self.n = max(self.n, through)

    def _answer(self, fact: Fact, kind: int) -> Sequence[int]:
        """The message an entry answers: the first question not answered yet."""
        n = fact.payload[0]
        asked = next((m for m in range(self.n + 1, n + 1) if self.messages.get(m, (0,))[0] in _ASKING), 0)
        if n != asked or self.messages[n][0] != kind:
            self._wrong(fact, f"answers message {n}; the next to answer is {asked}")
        self._heard(n)
        return self.messages[n]

    def _returned(self, fact: Fact) -> None:
        n, moves = fact.payload
        if n:
            _kind, person, bucket, amount, _day = self._answer(fact, words.RECALL)
            wanted = [[person, bucket, min(amount, self.held[person, bucket])]]
        else:
            self._heard(self._marker_after(fact))
            wanted = [[person, bucket, self.held[person, bucket]] for person, bucket, _ in moves] or [[0, 0, 0]]
        if [list(move) for move in moves] != wanted:
            self._wrong(fact, f"returns {moves}, not {wanted}")

    def _marker_after(self, fact: Fact) -> int:
        """Of their own accord sites return what came back past a marker, or, just before it, all that is left."""
        buckets = {bucket for _, bucket, _ in fact.payload[1]}
        if buckets <= self.cut:
            return 0
        for other in self.stream.facts[fact.seq :]:
            if other.kind == words.CUTOFF_PASSED and buckets <= set(other.payload[1]):
                return int(other.payload[0]) - 1
            if other.kind != words.LEASE_RETURNED or other.payload[0]:
                break
        return int(self._wrong(fact, f"returns of {buckets}, which nobody asked for"))

    def _shrunk(self, fact: Fact) -> None:
        _kind, person, bucket, amount, _day = self._answer(fact, words.SHRINK)
        wanted = [fact.payload[0], person, bucket, min(amount, self.held[person, bucket])]
        if fact.payload != wanted:
            self._wrong(fact, f"gives up {fact.payload}, not {wanted}")

    def _right(self, fact: Fact) -> None:
        _kind, person, rule, _amount, day = self._answer(fact, words.STANDING_RECALL)
        days = [used for used, times in self.used[person, rule].items() if times]
        wanted = max([day, *(next_day(used) for used in days)])
        if fact.payload != [fact.payload[0], person, rule, wanted]:
            self._wrong(fact, f"gives back {fact.payload}; from {wanted} on would be right")
        if (person, rule) in self.stands:
            begins, ends = self.stands[person, rule]
            self.stands[person, rule] = (begins, min(ends, wanted))

    def _marker(self, fact: Fact) -> None:
        _kind, _person, bucket, _amount, _day = self._answer(fact, words.CUTOFF)
        left = sorted([person, of, fen] for (person, of), fen in self.held.items() if of == bucket and fen)
        if fact.payload[1] != [bucket] or sorted(list(move) for move in fact.payload[2]) != left:
            self._wrong(fact, f"is the marker of {fact.payload[1]} with {fact.payload[2]}; here is {left} of {bucket}")
        self.cut.add(bucket)

    # Money

    def _sale(self, fact: Fact) -> None:
        said, shares = fact.payload, words.shares_of(fact)
        taken = {bucket for bucket, amount in shares if amount}
        if taken & self.cut:
            self._wrong(fact, f"spends {sorted(taken & self.cut)} past the cut-off")
        fen = sum(amount for bucket, amount in shares if bucket != reference.PASSES)
        if said[8] - said[9] + said[10] != said[11] or fen != said[11] or said[8] != sum(line[5] for line in said[14]):
            self._wrong(fact, f"does not add up: {said}")
        if (said[5], said[6]) != moment_of(fact.business_ms):
            self._wrong(fact, f"is of meal {said[5:7]}, its time is of {moment_of(fact.business_ms)}")
        last = self.numbers[said[1], said[6]]
        if said[7] != last + 1:
            self._wrong(fact, f"is receipt {said[7]} of its lane's day, after {last}")
        self.numbers[said[1], said[6]] = last + 1
        self._split(fact, said[4], shares)
        for rule, times in said[13]:
            self._use(fact, (said[4], rule, said[6]), times)
            self.used[said[4], rule][said[6]] += times

    def _use(self, fact: Fact, limit: tuple[int, int, int], times: int) -> None:
        """A limit is counted where it stands on that day, or by a pass for it: so it was after one of the messages."""
        *right, day = limit
        for n in range(self.n, max(self.messages, default=0) + 1):
            if n > self.n and self.messages.get(n, (0,))[0] in _ASKING:
                break
            self._heard(n)
            begins, ends = self.stands.get((right[0], right[1]), (_NO_END, 0))
            if begins <= day < ends:
                return
            if self.passes[limit] >= times:
                self.passes[limit] -= times
                return
        self._wrong(fact, f"counts limit {limit}, which it may not")

    def _split(self, fact: Fact, person: int, shares: list[tuple[int, int]]) -> None:
        """Better buckets are emptied first, over what is leased here: so it was after one of the messages."""
        ranks = [rank_of(bucket) for bucket, _ in shares]
        if ranks != sorted(ranks):
            self._wrong(fact, f"takes {shares}, the better bucket later")
        held = Counter({bucket: fen for (who, bucket), fen in self.held.items() if who == person})
        self.heard_of.update(bucket for bucket, _ in shares)
        for n in range(self.n, max(self.messages, default=0) + 1):
            kind, who, bucket, amount, _day = self.messages.get(n, (0, 0, 0, 0, 0))
            if n > self.n and kind in _ASKING:
                break
            if n > self.n and kind == words.GRANT and who == person:
                held[bucket] += amount
            if self._empties(held, dict(shares)):
                self._heard(n)
                return
        self._wrong(fact, f"takes {shares}; held was {dict(held)}")

    def _empties(self, held: Counter[int], shares: dict[int, int]) -> bool:
        worst = max((rank_of(bucket) for bucket, amount in shares.items()), default=(-1, 0))
        for bucket in {*held, *shares}:
            unheard = bucket not in self.heard_of  # its reference data may still be under way
            if bucket in self.cut or (bucket not in shares and (bucket == reference.PASSES or unheard)):
                continue
            short = shares.get(bucket, 0) - held[bucket]
            if short > 0 or (short < 0 and rank_of(bucket) < worst):
                return False
        return True

    def _refund(self, fact: Fact) -> None:
        """Back to the last bucket first, numbered one by one; uses and passes go back with the whole (rule 10)."""
        said = fact.payload
        sale = self.stream.facts[said[7] - 1]
        if sale.seq in self.poison:
            return
        number = len(self.back[sale.seq]) + 1
        if [*said[3:7], said[8]] != [*sale.payload[3:5], sale.device, sale.epoch, number]:
            self._wrong(fact, f"refunds entry {sale.seq} of {sale.payload[3:5]} as {said[3:9]}")
        self.back[sale.seq].append(fact)
        back: Counter[int] = Counter()
        for each in self.back[sale.seq]:
            back.update(dict(words.shares_of(each)))
        if sum(fen for bucket, fen in words.shares_of(fact) if bucket != reference.PASSES) != said[13]:
            self._wrong(fact, f"does not add up: {said}")
        left = sum(each.payload[13] for each in self.back[sale.seq])
        wanted: Counter[int] = Counter()
        for bucket, amount in reversed(words.shares_of(sale)):
            part = min(left, amount) if bucket != reference.PASSES else back[bucket]
            wanted[bucket] += part
            left -= part * (bucket != reference.PASSES)
        if +back != +wanted:
            self._wrong(fact, f"gives back {dict(back)} of entry {sale.seq}, the last bucket first is {dict(wanted)}")
        for rule, times in said[16]:
            self.used[said[4], rule][sale.payload[6]] -= times
            if self.passes.get((said[4], rule, sale.payload[6])) is not None:
                self.passes[said[4], rule, sale.payload[6]] += times

    def _void(self, fact: Fact) -> None:
        taken = self.stream.facts[fact.payload[5] - 1]
        if taken.kind != words.CASH_TAKEN or taken.payload[2:5] != fact.payload[2:5] or taken.seq in self.voided:
            self._wrong(fact, f"voids entry {taken.seq}, which it may not")
        self.voided.add(taken.seq)

    def _closing(self, fact: Fact) -> None:
        lane, _canteen, _day, first, last, *said = fact.payload[:10]
        found = dict.fromkeys((words.SETTLEMENT, words.REFUND), (0, 0))
        cash = 0
        for each in self.stream.facts[first - 1 : last]:
            if each.kind in found and each.payload[1] == lane:
                many, fen = found[each.kind]
                found[each.kind] = (many + 1, fen + each.payload[{10: 11, 11: 13}[each.kind]])
            elif each.kind in (words.CASH_TAKEN, words.CASH_VOIDED) and each.payload[1] == lane:
                cash += each.payload[4] if each.kind == words.CASH_TAKEN else -each.payload[4]
        wanted = [*found[words.SETTLEMENT], *found[words.REFUND], cash]
        before = self.closed[lane]
        if (first, last) != (before + 1, fact.seq - 1) or said != wanted:
            self._wrong(fact, f"closes lane {lane} over {first}..{last} with {said}; after {before}: {wanted}")
        self.closed[lane] = last

    def _wrong(self, fact: Fact, what: str) -> Any:
        raise Violation(f"entry {fact.seq} of {self.stream.device}/{self.stream.epoch} {what}")


def check_counted_once(streams: Sequence[Stream], cloud: Any, irregular: set[tuple[int, int]]) -> None:
    """On no day may two sites count one limit of a person (rule 3)."""
    returned: dict[tuple[int, int, int, int], list[int]] = defaultdict(list)
    for stream in streams:
        for fact in stream.facts:
            if fact.kind == words.STANDING_RETURNED:
                returned[stream.site, stream.epoch, fact.payload[1], fact.payload[2]].append(fact.payload[3])
    for (person, rule), spans in _spans(returned, cloud, irregular).items():
        for index, (holder, start, end) in enumerate(spans):
            for other, begins, ends_on in spans[index + 1 :]:
                if other != holder and max(start, begins) < min(end, ends_on):
                    raise Violation(f"limit {rule} of person {person} counts at {holder} and at {other} on one day")


def _spans(
    returned: dict[tuple[int, int, int, int], list[int]], cloud: Any, irregular: set[tuple[int, int]]
) -> dict[tuple[int, int], list[tuple[tuple[int, int], int, int]]]:
    """(person, rule) -> who counts it, from one day to before another; a right ends where its return says."""
    spans: dict[tuple[int, int], list[tuple[tuple[int, int], int, int]]] = defaultdict(list)
    for holder in cloud.lease_sites():
        if tuple(holder) in irregular:
            continue
        for _n, kind, person, rule, _amount, day, _answered in cloud.lease_messages(*holder):
            if kind == words.STANDING:
                days = returned[(*holder, person, rule)]
                spans[person, rule].append((holder, day, days.pop(0) if days else _NO_END))
            elif kind == words.PASS:
                spans[person, rule].append((holder, day, day + 1))
    return spans

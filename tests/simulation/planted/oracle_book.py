"""A model of the lease book (rules 1, 5, 8, 10)."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import Any, Final
from unittest import mock

from edge.leases import book as books
from edge.leases.book import LeaseBook
from edge.leases.tables import LEASES_SCHEMA
from edge.store.transaction import Transaction
from protocols.payments.facts import Movement, Share
from protocols.sync.messages import LeaseKind, LeaseMessage
from tests.simulation.planted.oracle_rules import same
from tests.simulation.planted.oracle_store import Store, done

_DAYS: Final = (20_260_130, 20_260_131, 20_260_201)
_NO_END: Final = 99_991_231


class _BookModel:
    """What a site may spend: grants plus entries, less what went back."""

    def __init__(self) -> None:
        self.held: Counter[tuple[int, int]] = Counter()
        self.cut: set[int] = set()
        self.n = 0
        self.said: list[tuple[int, Any]] = []
        self.rights: dict[tuple[int, int], tuple[int, int]] = {}
        self.passes: Counter[tuple[int, int, int]] = Counter()

    def copy(self) -> "_BookModel":
        other = _BookModel()
        other.held, other.cut, other.n, other.said = Counter(self.held), set(self.cut), self.n, list(self.said)
        other.rights, other.passes = dict(self.rights), Counter(self.passes)
        return other

    def heard(self, message: LeaseMessage) -> bool:
        """False at a gap."""
        if message.n <= self.n:
            return True
        if message.n > self.n + 1:
            return False
        self.n, place = message.n, (message.person, message.bucket)
        taken = min(self.held[place], message.amount)
        match message.kind:
            case LeaseKind.GRANT:
                self.held[place] += message.amount
            case LeaseKind.RECALL:
                self.held[place] -= taken
                self.said.append((20, [message.n, [[*place, taken]]]))
            case LeaseKind.SHRINK:
                self.held[place] -= taken
                self.said.append((21, [message.n, *place, taken]))
            case LeaseKind.CUTOFF:
                self._pass(message)
            case LeaseKind.STANDING:
                self.rights[place] = (message.from_day, _NO_END)
            case LeaseKind.STANDING_RECALL:
                start, end = self.rights.get(place, (_NO_END, 0))
                self.rights[place] = (start, min(end, message.from_day))
                self.said.append((23, [message.n, *place, message.from_day]))
            case LeaseKind.PASS:
                self.passes[(*place, message.from_day)] += message.amount
        return True

    def _pass(self, message: LeaseMessage) -> None:
        self.cut.add(message.bucket)
        moves = [[*p, fen] for p, fen in sorted(self.held.items()) if p[1] == message.bucket and fen]
        many = books.MOVES_PER_ENTRY
        while len(moves) > many:
            self.said.append((20, [0, moves[:many]]))
            moves = moves[many:]
        self.said.append((22, [message.n, [message.bucket], moves]))
        for place in [place for place in self.held if place[1] == message.bucket]:
            del self.held[place]

    def sweep(self) -> int:
        moves = [[*p, fen] for p, fen in sorted(self.held.items()) if p[1] in self.cut and fen]
        for start in range(0, len(moves), books.MOVES_PER_ENTRY):
            self.said.append((20, [0, moves[start : start + books.MOVES_PER_ENTRY]]))
        for person, bucket, _ in moves:
            del self.held[person, bucket]
        return sum(fen for *_, fen in moves)

    def spend(self, person: int, shares: Sequence[Share]) -> bool:
        wanted: Counter[int] = Counter()
        for share in shares:
            wanted[share.bucket] += share.amount
        if any(share.amount < 0 for share in shares):
            return False
        if any(fen > (0 if bucket in self.cut else self.held[person, bucket]) for bucket, fen in wanted.items()):
            return False
        for bucket, fen in wanted.items():
            self.held[person, bucket] -= fen
        return True

    def give_back(self, person: int, shares: Sequence[Share]) -> bool:
        if any(share.amount < 0 for share in shares):
            return False
        for share in shares:
            self.held[person, share.bucket] += share.amount
        return True


def check_book(random: Random) -> None:
    """The lease book: messages in order once, answers with what is here, nothing of a bucket past its cut-off."""
    store = Store(LEASES_SCHEMA)
    said: list[tuple[int, Any]] = []

    def append(tx: Transaction, kind: int, payload: Any, *, subject: str = "") -> None:
        fields = [getattr(payload, name) for name in payload.__struct_fields__]
        said.append((int(kind), _plain(fields)))
        tx.on_rollback(said.pop)

    def opened() -> LeaseBook:
        return LeaseBook(store, append, lambda: len(said), site=3, epoch=2)  # type: ignore[arg-type]

    with mock.patch.object(books, "MOVES_PER_ENTRY", 2):
        book, model = opened(), _BookModel()
        for _ in range(60):
            trial = model.copy()
            act, expected = _book_step(random, trial)
            stands = random.random() < 0.85
            good, answer = done(store, partial(act, book), stands=stands)
            same("whether it stands", good, expected is not False and stands)
            if good:
                model = trial
                same("answer", answer, expected if expected is not True else None)
            if random.random() < 0.15:
                book = opened()
            _compare_book(book, model, said)
        _compare_log(store, model)


def _book_step(random: Random, model: _BookModel) -> tuple[Callable[[LeaseBook, Transaction], Any], Any]:
    person = random.choice((1, 2, 3, 4))
    shares = [
        Share(random.choice((10, 20, 21)), random.choice((0, 1, 5, 5, 9, -1))) for _ in range(random.choice((1, 2)))
    ]
    match random.randrange(6):
        case 0 | 1 | 2:
            messages = _messages(random, model.n)
            before = _until_gap(messages, model.n)
            for message in before:
                model.heard(message)
            gap = len(before) < len(messages)
            return lambda book, tx: tuple(book.apply(tx, messages)), (model.n, gap)
        case 3:
            good = model.spend(person, shares)
            return lambda book, tx: book.spend(tx, person, shares), good
        case 4:
            good = model.give_back(person, shares)
            return lambda book, tx: book.give_back(tx, person, shares), good
    swept = model.sweep()
    return lambda book, tx: book.sweep(tx), swept


def _until_gap(messages: list[LeaseMessage], n: int) -> list[LeaseMessage]:
    for place, message in enumerate(messages):
        if message.n > n + 1:
            return messages[:place]
        n = max(n, message.n)
    return messages


def _messages(random: Random, n: int) -> list[LeaseMessage]:
    start = max(1, n + random.choice((1, 1, 1, 0, -1, 2)))
    kinds = [LeaseKind.GRANT] * 5 + [LeaseKind.RECALL, LeaseKind.RECALL, LeaseKind.SHRINK, LeaseKind.CUTOFF]
    kinds += [LeaseKind.STANDING, LeaseKind.STANDING_RECALL, LeaseKind.PASS]
    found = []
    for number in range(start, start + random.randrange(1, 5)):
        kind = random.choice(kinds)
        bucket = random.choice((20, 21)) if kind == LeaseKind.CUTOFF else random.choice((10, 20, 21))
        person = 0 if kind == LeaseKind.CUTOFF else random.choice((1, 2, 3, 4))
        amount = 0 if kind == LeaseKind.CUTOFF else random.choice((3, 7, 20))
        found.append(LeaseMessage(number, kind, person, bucket, amount, random.choice(_DAYS)))
    return found


def _compare_book(book: LeaseBook, model: _BookModel, said: list[tuple[int, Any]]) -> None:
    same("the last message", book.n, model.n)
    same("what it said", said, model.said)
    holdings = [Movement(*place, fen) for place, fen in sorted(model.held.items()) if fen]
    same("holdings", book.holdings(), holdings)
    same("total", book.total(), sum(model.held.values()))
    for person in (1, 2, 3, 4):
        for day in _DAYS:
            for rule in (10, 20, 21):
                start, end = model.rights.get((person, rule), (_NO_END, 0))
                may = start <= day < end or model.passes[person, rule, day] > 0
                same(f"right to {rule} on {day}", book.may_use(person, rule, day), may)
        open_here = {b: model.held[person, b] for b in (10, 20, 21) if b not in model.cut}
        same(f"balances of {person}", {b: fen for b, fen in book.balances(person).items() if fen}, +Counter(open_here))
        for bucket in (10, 20, 21):
            same(f"balance of {bucket}", book.balance(person, bucket), open_here.get(bucket, 0))


def _compare_log(store: Store, model: _BookModel) -> None:
    same(
        "numbers of the log",
        [n for (n,) in store.rows("SELECT n FROM lease_log ORDER BY n")],
        list(range(1, model.n + 1)),
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Movement):
        return [value.person, value.bucket, value.amount]
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value

"""Books of the auditor's own: what lay where before a transaction, and what it must write, reckoned in small steps.

Accounts are (owner kind, owner, bucket, site, epoch) as the lines name them; nothing here asks the ledger.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

Account = tuple[int, int, int, int, int]
Holder = tuple[int, int]

PERSON, IN_DOUBT, STALL, ISSUER, DESK, EXCEPTIONS, LOSS, RECEIVABLE = 1, 3, 10, 11, 12, 13, 14, 15
TOP_UP, SUBSIDY, GRANT, RETURN, SPEND, REFUND, CLEARING, CASH_TAKEN, CASH_VOIDED = 1, 2, 3, 4, 5, 6, 7, 8, 9
CORRECTION, DOUBT, RELEASE, TRUE_UP, WITHDRAWAL = 10, 11, 12, 13, 15
FLOORED: Final = frozenset({1, 2, 3})
PERSONAL: Final = frozenset({PERSON, IN_DOUBT, EXCEPTIONS, RECEIVABLE})
ORGANISATION: Final = 1
NOBODY: Final = (0, 0)


class Posted(NamedTuple):
    """A line as it must stand; `fact` is None for an act of the office."""

    kind: int
    debit: Account
    credit: Account
    amount: int
    person: int
    business_day: int
    posting_day: int
    fact: tuple[int, int, int, int] | None


class Sent(NamedTuple):
    """A lease message as it must be sent, but for its number."""

    holder: Holder
    kind: int
    person: int
    bucket: int
    amount: int
    from_day: int = 0
    counter: tuple[int, int] | None = None
    for_holder: Holder = NOBODY


@dataclass
class Asked:
    """A message that was sent, and what was answered (None: not yet)."""

    sent: Sent
    answered: int | None = None


@dataclass
class Standing:
    """Everything a prediction starts from: how the cloud stood after the transaction before."""

    balances: Counter[Account] = field(default_factory=Counter)
    sites: dict[Holder, Any] = field(default_factory=dict)
    cut: set[int] = field(default_factory=set)
    passed: dict[tuple[int, int, int], int | None] = field(default_factory=dict)
    homes: dict[int, tuple[int, int]] = field(default_factory=dict)
    rights: dict[tuple[int, int], Any] = field(default_factory=dict)
    leavers: dict[int, bool] = field(default_factory=dict)
    visits: set[tuple[int, int, int]] = field(default_factory=set)
    causes: set[str] = field(default_factory=set)
    generation: int = 1
    messages: dict[Holder, dict[int, Asked]] = field(default_factory=lambda: defaultdict(dict))

    def opened(self, site: int) -> Holder | None:
        """Who gets the new leases of a site."""
        return max((h for h, row in self.sites.items() if h[0] == site and row.state == "open"), default=None)

    def is_open(self, holder: Holder) -> bool:
        """Whether it gets leases at all."""
        row = self.sites.get(holder)
        return row is not None and row.state == "open"

    def kept(self) -> "Standing":
        """The same, that nothing later changes."""
        messages: dict[Holder, dict[int, Asked]] = defaultdict(dict)
        for holder, sent in self.messages.items():
            messages[holder] = {n: Asked(each.sent, each.answered) for n, each in sent.items()}
        return replace(self, balances=Counter(self.balances), messages=messages)


class Draft:
    """What a transaction must write, and the balances as it goes on."""

    def __init__(self, before: Standing, day: int) -> None:
        self.before, self.day = before, day
        self.lines: list[Posted] = []
        self.messages: list[Sent] = []
        self.answers: dict[tuple[int, int, int], int] = {}
        self.homes = before.homes
        self.rights = dict(before.rights)
        self.declared: set[Holder] = set()  # who is known by now, though not before
        self._now: dict[Account, int] = {}
        self._of: dict[int, set[Account]] | None = None

    def has(self, account: Account) -> int:
        """What lies in a floored account."""
        return self._now.get(account, self.before.balances.get(account, 0))

    def move(self, kind: int, debit: Account, credit: Account, amount: int, *, day: int = 0, fact: Any = None) -> None:
        """One line."""
        person = next((account[1] for account in (debit, credit) if account[0] in PERSONAL), 0)
        self.take(Posted(kind, debit, credit, amount, person, day or self.day, self.day, fact))

    def take(self, line: Posted) -> None:
        """A line that is right as it is."""
        for account, by in ((line.debit, -line.amount), (line.credit, line.amount)):
            if account[0] in FLOORED:
                self._now[account] = self.has(account) + by
        self.lines.append(line)

    def grant(self, holder: Holder, person: int, bucket: int, amount: int) -> None:
        """A lease: a line and a numbered message."""
        self.move(GRANT, (PERSON, person, bucket, 0, 0), (PERSON, person, bucket, *holder), amount)
        self.messages.append(Sent(holder, 1, person, bucket, amount))

    def owned(self, person: int) -> Iterable[tuple[Account, int]]:
        """What a person has, wherever it lies."""
        if self._of is None:
            self._of = defaultdict(set)
            for account in self.before.balances:
                self._of[account[1]].add(account)
        accounts = self._of[person] | {account for account in self._now if account[1] == person}
        return [(account, self.has(account)) for account in sorted(accounts) if self.has(account) > 0]

    def free(self, person: int) -> dict[int, int]:
        """What nobody holds of a person's, of buckets that are not being cleared."""
        return {
            a[2]: fen for a, fen in self.owned(person) if a[0] == PERSON and not a[3] and a[2] not in self.before.cut
        }

    def held(self, person: int) -> dict[tuple[int, int, int], int]:
        """(site, epoch, bucket) -> what sites that get leases hold of a person's."""
        return {
            (a[3], a[4], a[2]): fen
            for a, fen in self.owned(person)
            if a[0] == PERSON and a[3] and a[2] not in self.before.cut and self.before.is_open(a[3:])
        }

    def silent(self) -> int:
        """How many sites a restored cloud does not know the holdings of."""
        before = self.before
        holding = {account[3:] for account in before.balances if account[0] == PERSON and self.has(account) > 0}
        return sum(
            row.declared_generation < before.generation
            and row.state != "lost"
            and (row.state != "closed" or h in holding)
            for h, row in before.sites.items()
            if h not in self.declared
        )


def kept_free(free: Mapping[int, int], at_home: int, meal_fen: int) -> dict[int, int]:
    """What of each bucket stays free for visits: one meal, less where home would hold less than one itself.

    The largest buckets keep it; of two alike the one with the lower number.
    """
    total = sum(free.values()) + at_home
    rest = meal_fen if total >= 2 * meal_fen else max(0, total - meal_fen)
    kept = {}
    for bucket in sorted(free, key=lambda bucket: (-free[bucket], bucket)):
        kept[bucket] = min(rest, free[bucket])
        rest -= kept[bucket]
    return kept

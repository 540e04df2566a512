"""The part of the books that a batch of entries touches, while they post. Pure."""

from dataclasses import dataclass, field
from typing import Final

from protocols.ledger.accounts import Owner
from protocols.payments import facts

Key = tuple[int, int, int, int, int]  # an Account as a bare tuple: equal to it, and a third of its cost
Move = tuple[int, Key, Key, int]  # kind, debit, credit, amount

_PERSON: Final = int(Owner.PERSON)
# Where a batch only spends, its balances need not be read: all accounts are taken to hold enough, and the database,
# which lets none pass below zero, says whether they did. If not, the batch is applied again with what they hold.
TRUSTED: Final = 2**61

FIRST_WITHOUT_FLOOR: Final = int(Owner.STALL)


@dataclass(frozen=True, slots=True)
class Question:
    """A lease message that waits for an answer: how much was asked, and where a shrink's money goes."""

    asked: int
    counter: tuple[int, int] | None
    for_site: int = 0
    for_epoch: int = 0


@dataclass(slots=True)
class Sale:
    """What a refund is judged by: the settlement's amount (0: not known), what was given back, under which numbers."""

    amount: int = 0
    refunded: int = 0
    numbers: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Notes:
    """What entries say beside money, for the store to write down."""

    answers: list[tuple[int, int]] = field(default_factory=list)  # message number, amount given back
    passed_on: list[tuple[int, int, int, int, int]] = field(default_factory=list)  # site, epoch, person, bucket, amount
    cutoffs: list[tuple[int, int]] = field(default_factory=list)  # bucket, seq
    standing: list[tuple[int, int, int]] = field(default_factory=list)  # person, rule, from_day
    refunds: list[tuple[int, int, int, int]] = field(default_factory=list)  # settlement seq, number, amount, seq
    declarations: list[tuple[int, facts.Declaration]] = field(default_factory=list)


@dataclass(slots=True)
class Books:
    """The part of the books a batch touches. `balances` changes as entries post, `undo` takes one entry back."""

    organisation: int
    site: int
    epoch: int
    branch: int
    balances: dict[Key, int]
    cut: frozenset[int] = frozenset()  # buckets being cleared
    passed: set[int] = field(default_factory=set)  # of them, those whose marker this stream has passed
    questions: dict[int, Question] = field(default_factory=dict)
    sales: dict[int, Sale] = field(default_factory=dict)
    lost: bool = False
    released: bool = False
    bearer: int = 0
    counting: frozenset[int] = frozenset()  # buckets of times, not fen
    assumed: int = 0  # what an account not in `balances` holds; see TRUSTED
    recovering: bool = False  # a restored cloud: leases given after the backup are not in the books yet (rule 25)
    device: int = 0
    notes: Notes = field(default_factory=Notes)
    undo: list[tuple[Key, int]] = field(default_factory=list)

    def leased(self, person: int, bucket: int) -> Key:
        """The account this stream spends from."""
        return (_PERSON, person, bucket, self.site, self.epoch)

    def add(self, account: Key, amount: int) -> None:
        """Change a floored balance (others are sums and need none)."""
        if account[0] < FIRST_WITHOUT_FLOOR:
            old = self.balances.get(account, 0)
            self.undo.append((account, old))
            self.balances[account] = old + amount

    def move(self, moves: list[Move], kind: int, debit: Key, credit: Key, amount: int) -> None:
        """Record a movement and change the balances."""
        self.add(debit, -amount)
        self.add(credit, amount)
        moves.append((kind, debit, credit, amount))

    def roll_back(self) -> None:
        """Take back what the entry at hand changed in the balances."""
        for account, old in reversed(self.undo):
            self.balances[account] = old
        self.undo.clear()

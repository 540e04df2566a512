"""What the ledger asks of a store: PostgreSQL is the real one, memory is what seeds replay against it (rule 29).

Methods are set-based and decide nothing. "Locked" rows are held to the end of the transaction, in one order for all.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from protocols.ledger.accounts import Account
from protocols.sync.messages import LeaseKind, LeaseMessage

Line = tuple[Any, ...]  # the values of `posting.LINE_COLUMNS`


class Holder(NamedTuple):
    """Who holds leases: a site under an epoch."""

    site: int
    epoch: int


NOBODY = Holder(0, 0)


@dataclass(frozen=True, slots=True)
class LeaseSite:
    """The row of a holder: numbers of its messages, its state, and (lost) who bears what comes later."""

    site: int
    epoch: int
    device: int
    newest_n: int
    applied_n: int
    state: str  # open, closed, frozen, lost
    declared_generation: int
    bearer: int
    lost_at: datetime | None
    released_at: datetime | None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to be numbered. `counter` is where a shrink's money goes, `for_holder` whom a recall is for."""

    holder: Holder
    kind: LeaseKind
    person: int
    bucket: int
    amount: int
    from_day: int = 0
    counter: tuple[int, int] | None = None
    for_holder: Holder = NOBODY


@dataclass(frozen=True, slots=True)
class Right:
    """Who counts `rule` for `person` from `from_day` on, and who waits for it (`visit_day` 0: for good)."""

    person: int
    rule: int
    holder: Holder
    from_day: int
    uses_a_day: int
    next_holder: Holder
    visit_day: int


@dataclass(frozen=True, slots=True)
class SiteClearing:
    """How a site stands in a clearing; `amount` is what it holds of the bucket still."""

    bucket: int
    site: int
    epoch: int
    passed: bool
    amount: int


class BooksStore(Protocol):
    """Lines, causes and floored balances of one organisation, inside one transaction."""

    @property
    def organisation(self) -> int:
        """Whose books they are."""

    async def claim(self, cause: str) -> bool:
        """Whether `cause` is posted for the first time; waits for another transaction that is just claiming it."""

    async def causes_like(self, prefix: str) -> int:
        """How many causes begin with `prefix`."""

    async def balances(self, accounts: Iterable[Account], *, locked: bool = False) -> dict[Account, int]:
        """Balances of those of `accounts` that exist."""

    async def move(self, held: Mapping[Account, int], deltas: Mapping[Account, int]) -> None:
        """Add `deltas`; accounts not in `held` are opened."""

    async def write_lines(self, lines: Sequence[Line]) -> None:
        """Keep lines, in the order of `posting.LINE_COLUMNS`."""

    async def holdings(self, person: int) -> list[tuple[int, int, int, int, int]]:
        """(bucket, owner kind, site, epoch, amount) of all a person has or has in doubt, in this order."""

    async def free(self, persons: Sequence[int]) -> list[tuple[int, int, int]]:
        """(person, bucket, amount) that no site holds and no clearing takes; locked."""

    async def held(self, persons: Sequence[int]) -> list[tuple[int, int, int, int, int]]:
        """(person, site, epoch, bucket, amount) at sites that are open, of buckets that are not being cleared."""

    async def free_of_bucket(self, bucket: int) -> list[tuple[int, int]]:
        """(person, amount) of a bucket that no site holds, by person; locked."""

    async def held_by(self, owner_kind: int, holder: Holder) -> list[tuple[int, int, int]]:
        """(owner, bucket, amount) at a holder, in this order; locked."""

    async def spent(self, person: int, days: tuple[int, int]) -> dict[int, int]:
        """Bucket -> amount a person paid from it on business days, both included."""

    async def given_back(self, person: int, days: tuple[int, int]) -> dict[int, int]:
        """Bucket -> amount a person was refunded into it on business days, both included."""

    async def set_counting(self, buckets: Sequence[int]) -> None:
        """These buckets count times, not fen."""


class LeaseStore(Protocol):
    """Homes, holders, messages to them, and cut-offs."""

    async def set_home(self, person: int, site: int, meal_fen: int) -> None:
        """Make `site` a person's home."""

    async def homes(self, persons: Sequence[int]) -> dict[int, tuple[int, Holder]]:
        """Person -> (meal_fen, the open holder of their home), where there is one."""

    async def meal_of(self, person: int) -> int:
        """What a meal of a person is worth, 0 without a home."""

    async def claim_visit(self, person: int, site: int, day: int) -> bool:
        """Whether a visit is announced for the first time."""

    async def generation(self) -> int:
        """The cloud's generation, raised by each restore."""

    async def sites_missing(self) -> int:
        """How many holders have neither declared what they hold since the last restore nor been declared lost."""

    async def lock_holders(self, holders: Sequence[Holder]) -> int:
        """Lock the rows of these (sorted, each once); answers how many there are."""

    async def open_holder(self, site: int) -> Holder | None:
        """The one that new leases of a site go to."""

    async def lease_site(self, holder: Holder, *, locked: bool = False) -> LeaseSite | None:
        """A holder's row."""

    async def lock_streams(self, holder: Holder) -> None:
        """Facts of a stream debit its holder's accounts under the stream's lock alone: whoever else does takes it."""

    async def set_lost(self, holder: Holder, *, bearer: int, at: datetime) -> None:
        """The holder is lost."""

    async def lost_before(self, instant: datetime) -> list[Holder]:
        """Lost holders since then or earlier whose money is still in doubt, sorted; locked, or passed over."""

    async def set_released(self, holder: Holder, at: datetime) -> None:
        """What a lost holder had was given back."""

    async def set_declared(self, holder: Holder, generation: int, newest_n: int) -> None:
        """The holdings are known for a generation; messages up to `newest_n` had been given and applied."""

    async def seen_through(self, holder: Holder, n: int) -> None:
        """The holder has applied messages up to `n`; never steps back, never beyond the newest."""

    async def take_numbers(self, many: Mapping[Holder, int]) -> dict[Holder, int]:
        """Give each (sorted, locked) that many numbers; answers the last number before them."""

    async def keep_messages(self, numbered: Sequence[tuple[int, Outgoing]]) -> None:
        """Keep messages under their numbers."""

    async def messages(self, holder: Holder, *, after: int, through: int, limit: int) -> list[LeaseMessage]:
        """Messages after one number and up to another, in order."""

    async def asked_of_sites(self, person: int) -> dict[tuple[int, int, int], int]:
        """(site, epoch, bucket) -> what recalls and shrinks ask there of a person and that has no answer."""

    async def asked_for(self, person: int, holder: Holder) -> int:
        """What others were asked for on behalf of a holder and have not answered."""

    async def under_way(self, holder: Holder, person: int) -> int:
        """What was leased for a person and is not applied there yet, as far as the holder has said."""

    async def answer(self, holder: Holder, answers: Sequence[tuple[int, int]]) -> None:
        """(number, amount given) of messages; one that has an answer keeps it."""

    async def forget_questions(self, holder: Holder) -> list[Outgoing]:
        """Questions to a lost holder are answered with nothing; the corrections among them, by number."""

    async def begin_cutoffs(self, buckets: Sequence[int], *, business_day: int, now: datetime) -> None:
        """These buckets are being cleared."""

    async def holders_of(self, buckets: Sequence[int]) -> list[tuple[int, Holder]]:
        """(bucket, holder) that must pass the cut-off: every open one, and any that ever held it and is not lost."""

    async def expect_cutoffs(self, expected: Sequence[tuple[int, Holder]]) -> None:
        """These have to pass the marker, also who passed one that a restored cloud has forgotten."""

    async def pass_cutoffs(self, holder: Holder, passed: Mapping[int, int]) -> None:
        """Bucket -> seq of the entry that passed its marker; the first one counts."""

    async def cutoffs_to_pass(self, holder: Holder) -> list[int]:
        """Buckets whose marker a holder has not passed, sorted."""

    async def being_cleared(self, buckets: Iterable[int]) -> frozenset[int]:
        """Those of these buckets that are being cleared."""

    async def clearings(self, buckets: Sequence[int]) -> list[SiteClearing]:
        """How each site stands, by bucket, site and epoch."""


class RightStore(Protocol):
    """Standing rights to limits."""

    async def without_right(self, persons: Sequence[int], rule: int) -> list[tuple[int, int, int]]:
        """(person, home site, first day that is free, 0: any) of those whose limit nobody counts, by person."""

    async def rights(self, person: int, rules: Iterable[int] | None) -> list[Right]:
        """Rights of a person to these rules (None: all), by rule; locked."""

    async def rights_of(self, holder: Holder) -> list[Right]:
        """Rights that a holder counts, by person and rule; locked."""

    async def keep_rights(self, rights: Sequence[Right]) -> None:
        """Make or change rights."""

    async def free_rights(self, holder: Holder) -> None:
        """Nobody counts what this holder counted."""


class LedgerStore(BooksStore, LeaseStore, RightStore, Protocol):
    """All of it."""

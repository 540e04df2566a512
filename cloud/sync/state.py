"""What one application of entries reads and what it brings about, in plain data that every store loads and writes."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any, Final, NamedTuple

from cloud.ledger.books import Books, Notes
from cloud.ledger.line_copy import FactLine
from cloud.sync.registry import Fact, Row
from protocols.journal.messages import Entry

UNKNOWN_KIND: Final = "unknown_kind"
BEHIND: Final = "behind"
_NOBODYS: Final = frozenset({BEHIND, UNKNOWN_KIND})  # what waits for these reasons waits for no person


class EntryState(IntEnum):
    """What became of an entry; the numbers are those in `inbox.state`."""

    APPLIED = 1
    PARKED = 2
    QUARANTINED = 3


class Problem(NamedTuple):
    """Why an entry cannot be applied: a stable code and words."""

    code: str
    words: str


@dataclass(slots=True)
class StreamState:
    """A stream's row."""

    device: int
    epoch: int
    branch: int
    site: int
    forked_after: int
    applied_through: int
    head: bytes
    safe_through: int
    state: str
    state_reason: str
    streak_reason: str
    streak: int
    sum_fen: int
    parent: int = 0  # the branch it left after `forked_after`
    lineage: tuple[tuple[int, int], ...] = ()  # (branch, forked_after) of itself, of its parent and so on to branch 0

    def kept_under(self, seq: int) -> int:
        """The branch under which the entry that is number `seq` of this stream is kept."""
        return self.shared_with(seq)[-1]

    def shared_with(self, seq: int) -> list[int]:
        """The branches that entry number `seq` of this stream is also an entry of: itself up to where it is kept."""
        found = []
        for branch, forked_after in self.lineage:
            found.append(branch)
            if seq > forked_after:
                break
        return found

    def stretches(self, first: int, last: int) -> tuple[list[int], list[int], list[int]]:
        """Branches, and from where to where each keeps entries of this stream between `first` and `last`."""
        kept: tuple[list[int], list[int], list[int]] = [], [], []
        for branch, forked_after in self.lineage:
            begin = max(first, forked_after + 1)
            if begin <= last:
                for column, value in zip(kept, (branch, begin, last), strict=True):
                    column.append(value)
                last = forked_after
        return kept


def with_lineage(branches: "list[StreamState]") -> "list[StreamState]":
    """The branches of one stream, in order, each knowing its lineage: a parent is before its children."""
    lineages: dict[int, tuple[tuple[int, int], ...]] = {}
    for stream in branches:
        above = lineages[stream.parent] if stream.branch else ()
        stream.lineage = lineages[stream.branch] = ((stream.branch, stream.forked_after), *above)
    return branches


@dataclass(slots=True)
class Reading:
    """Entries of a batch decoded, by position. Where `problems` has a position, entry or payload may be None."""

    first_seq: int
    bodies: list[bytes]
    hashes: list[bytes]
    entries: list[Entry | None]
    payloads: list[Any]
    problems: dict[int, Problem] = field(default_factory=dict)

    def part(self, start: int, stop: int) -> "Reading":
        """The entries at positions `start` to before `stop`."""
        return Reading(
            self.first_seq + start, self.bodies[start:stop], self.hashes[start:stop], self.entries[start:stop],
            self.payloads[start:stop],
        )  # fmt: skip


@dataclass(slots=True)
class Wants:
    """What a reading needs loaded."""

    pairs: set[tuple[int, int]] = field(default_factory=set)  # person, bucket
    returned: set[tuple[int, int]] = field(default_factory=set)  # of them, those that come back to `available`
    questions: set[int] = field(default_factory=set)  # lease messages answered
    sales: set[int] = field(default_factory=set)  # settlements refunded


@dataclass(slots=True)
class Slice:
    """The part of the world a batch touches. `apply` changes `books`; a store loads it afresh for another try."""

    stream: StreamState
    books: Books
    blocked: dict[str, int] = field(default_factory=dict)  # subject -> first seq that waits
    waiting: set[int] = field(default_factory=set)  # every seq that waits


class SetAside(NamedTuple):
    """An entry that waits: for a person (QUARANTINED), behind another or for an upgrade (PARKED)."""

    seq: int
    kind: int
    subject: str
    lane: int
    hour_ms: int
    state: EntryState
    code: str
    words: str
    behind_seq: int


@dataclass(slots=True)
class Effects:
    """Everything an application brings about; written in one transaction or not at all."""

    through: int
    head: bytes
    lines: list[FactLine] = field(default_factory=list)
    rows: dict[str, list[Row]] = field(default_factory=dict)
    facts: list[Fact] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)
    # (lane, hour) -> applied, quarantined, parked
    counts: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    deltas: dict[tuple[int, int, int, int, int], int] = field(default_factory=dict)
    notes: Notes = field(default_factory=Notes)
    sum_fen: int = 0
    applied: int = 0
    quarantined: int = 0
    parked: int = 0
    streak_reason: str = ""
    streak: int = 0
    stopped: str = ""  # why the stream stops, "" where it goes on

    def drain(self) -> tuple[list[FactLine], dict[str, list[Row]]]:
        """Lines and rows made so far, which the caller writes; later ones go into fresh lists."""
        lines, rows = self.lines, dict(self.rows)
        self.lines = []
        self.rows.update((table, []) for table in rows)
        return lines, rows


class Received(NamedTuple):
    """When and how a batch came in."""

    at: datetime
    checkpoint: bytes
    checkpoint_seq: int


@dataclass(frozen=True, slots=True)
class Open:
    """An entry that waits, with its bytes and (approved) mended payload."""

    seq: int
    state: str
    code: str
    lane: int
    hour: datetime
    body: bytes
    payload: bytes | None


def for_a_person(item: Open, still: Mapping[int, Problem]) -> bool:
    """Whether an entry that only waited for another, or for an upgrade, turns out to be one that a person must mend."""
    problem = still.get(item.seq)
    return problem is not None and item.state == "parked" and problem.code not in _NOBODYS


def counted(item: Open, applied: Collection[int], judged: Collection[int]) -> tuple[int, int, int]:
    """What a replay adds to the certificate for an item: applied, quarantined, parked."""
    parked = item.state == "parked"
    if item.seq in applied:
        return 1, -(not parked), -parked
    return (0, 1, -1) if item.seq in judged else (0, 0, 0)

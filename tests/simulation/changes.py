"""What a transaction of the cloud changed, read from its tables' own notes of how to undo it."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from tests.simulation import wirewords as words
from tests.simulation.bookkeeper import Account, Holder, Posted, Sent

StreamId = tuple[int, int, int]
_APPLIED = 1


@dataclass(frozen=True)
class Entry:
    """An entry that came in, or was applied after it had waited; the fact is as mended."""

    stream: StreamId
    seq: int
    fact: words.Fact | None  # None where the bytes are no entry
    applied: bool


@dataclass
class Changes:
    """One transaction's."""

    world: Any
    lines: list[Posted] = field(default_factory=list)
    grants: dict[tuple[int, int, int], Posted] = field(default_factory=dict)  # site, epoch, n of the line's cause
    sent: list[tuple[int, Sent]] = field(default_factory=list)
    answers: dict[tuple[int, int, int], int] = field(default_factory=dict)
    balances: dict[Account, int] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    replayed: list[Entry] = field(default_factory=list)
    branches: list[StreamId] = field(default_factory=list)  # found just now
    heard: dict[Holder, int] = field(default_factory=dict)  # who declared: through which message it had heard
    done: set[str] = field(default_factory=set)
    hours: dict[tuple[int, int, int], None] = field(default_factory=dict)  # of the certificate that changed
    moved: dict[tuple[int, int, int, int], None] = field(default_factory=dict)  # entries whose state is new

    def __post_init__(self) -> None:
        world = self.world
        self.streams: Any = world.streams
        self.streams_before: dict[StreamId, Any] = {}
        sent: dict[tuple[int, int, int], Any] = {}
        for table, key, before in list(world.undo.steps):
            if table is world.lines:
                self._line(world.lines[key])
            elif table is world.balances:
                self.balances[tuple(key)] = world.balances[key]
            elif table is world.messages:
                self._message(key, hasattr(before, "sent"), sent)
            elif table is world.inbox:
                self.moved[key] = None
                self._entry(key, before)
            elif table is world.counts:
                self.hours[key] = None
            elif table is world.streams and hasattr(before, "sum_fen"):
                self.streams_before.setdefault(tuple(key), before)
            elif table is world.streams and key[2]:
                self.branches.append(tuple(key))
        self.sent = [(key[2], each) for key, each in sorted(sent.items())]

    def before_stream(self, key: StreamId) -> Any:
        """The stream's row before, where it changed."""
        return self.streams_before.get(key)

    def site(self, holder: Holder) -> Any:
        """The row of a holder of leases."""
        return self.world.lease_sites[holder]

    @property
    def sites(self) -> dict[Holder, Any]:
        """All of them."""
        return {tuple(holder): row for holder, row in self.world.lease_sites.items()}

    @property
    def cut(self) -> set[int]:
        """Buckets being cleared."""
        return set(self.world.cutoffs)

    @property
    def passed(self) -> dict[tuple[int, int, int], int | None]:
        """(site, epoch, bucket) -> the entry that passed its marker."""
        return dict(self.world.cutoff_sites.items())

    def device_state(self, device: int) -> str:
        """Active, frozen, revoked, lost or never."""
        return str(self.world.devices[device].state)

    def declared(self, holder: Holder, generation: int) -> list[list[Any]]:
        """The parts that a site has declared."""
        return [
            [
                part.generation,
                part.lease_n,
                part.part,
                part.parts,
                [tuple(_three(move)) for move in part.moves],
                list(part.standing),
            ]
            for key, part in sorted(self.world.declared.items(), key=lambda row: row[0])
            if key[:3] == (*holder, generation)
        ]

    def waiting(self, holder: Holder, before_seq: int | None) -> list[words.Fact]:
        """A site's entries that are set aside, those before one alone, as far as they can be read."""
        site, epoch = holder
        devices = {key[0] for key, row in self.streams.items() if (row.site, *key[1:]) == (site, epoch, 0)}
        return [
            self._mended(key, row.body)
            for key, row in self.world.inbox.items()
            if key[0] in devices
            and key[1:3] == (epoch, 0)
            and int(row.state) != _APPLIED
            and (before_seq is None or key[3] < before_seq)
            and _moves(_fact(row.body))
        ]

    def _line(self, row: Any) -> None:
        fact = None if row[17] is None else row[17:21]
        line = Posted(row[1], tuple(row[2:7]), tuple(row[7:12]), row[12], row[13], row[14], row[15], fact)
        self.lines.append(line)
        cause = row[22] or ""
        if cause.startswith("grant:"):
            site, epoch, n = (int(word) for word in cause.split(":")[1:])
            self.grants[site, epoch, n] = line

    def _message(self, key: tuple[int, int, int], known: bool, sent: dict[tuple[int, int, int], Any]) -> None:
        row = self.world.messages[key]
        if not known:
            out = row.sent
            counter = None if out.counter is None else tuple(out.counter)
            sent[key] = Sent(
                tuple(out.holder), int(out.kind), out.person, out.bucket, out.amount, out.from_day, counter,
                tuple(out.for_holder),
            )  # fmt: skip
        if row.answered is not None:
            self.answers[key] = row.answered

    def _entry(self, key: tuple[int, int, int, int], before: Any) -> None:
        row = self.world.inbox[key]
        if not hasattr(before, "body"):  # as it came in; whether it is set aside is written next
            self.entries.append(Entry(key[:3], key[3], _fact(row.body), int(row.state) == _APPLIED))
        elif int(before.state) != _APPLIED and int(row.state) == _APPLIED:
            self.replayed.append(Entry(key[:3], key[3], self._mended(key, row.body), applied=True))

    def _mended(self, key: tuple[int, int, int, int], body: bytes) -> words.Fact:
        fact = words.fact_of(body)
        for _number, mend in self.world.mends.group(key):
            if not mend.withdrawn and mend.approved:
                return fact._replace(payload=words.said_in(mend.record.payload))
        return fact


def _fact(body: bytes) -> words.Fact | None:
    try:
        return words.fact_of(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, IndexError, TypeError):
        return None


def _moves(fact: words.Fact | None) -> bool:
    """Whether it can be read what a fact moves."""
    try:
        return fact is not None and bool(words.moved_by(fact))
    except (IndexError, TypeError, ValueError):
        return False


def _three(move: Any) -> tuple[int, int, int]:
    return move.person, move.bucket, move.amount

"""Facts in the order they happened: stamped, chained, durable before anybody is told (rules 17 to 23)."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

import msgspec

from edge.core.clock import SiteTime, Stamp
from edge.journal.identity import Identity
from edge.store.connection import Reader
from edge.store.errors import StoreBroken
from edge.store.transaction import Transaction
from edge.store.writer import Writer
from protocols.journal import chain
from protocols.journal.codec import MAX_ENTRY_BYTES, decode_entry, encode_entry
from protocols.journal.kinds import Kind
from protocols.journal.messages import FORMAT, Entry
from protocols.payments.facts import Incarnation, Refund, Settlement
from protocols.values.errors import Malformed, RuleViolation

_encode_payload = msgspec.msgpack.Encoder().encode
_CHECKED_AT_START: Final = 256
_PRUNE_STEP: Final = 2_000
_INSERT: Final = "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)"
_PRUNED: Final = """
UPDATE journal_state SET pruned_seq = e.seq, pruned_hash = e.hash, pruned_sum_fen = e.sum_fen
FROM (SELECT seq, hash, sum_fen FROM entries WHERE seq = ?) AS e
"""


NeededFrom = Callable[[Transaction, int, int], int]
"""Of entries `first` to `last`, which are about to be pruned: the oldest one still needed, or any number above."""


class Appended(NamedTuple):
    """Where a fact stands in the chain; `head` is the hash after it."""

    seq: int
    head: bytes
    business_ms: int


class _Head(NamedTuple):
    seq: int
    hash: bytes
    business_ms: int
    sum_fen: int


@dataclass(frozen=True)
class Committed:
    """The stream as a reader of the disk sees it; `sum_fen` is settlements less refunds of the whole stream."""

    seq: int
    head: bytes
    sum_fen: int
    applied_through: int
    applied_sum_fen: int
    safe_through: int

    @property
    def waiting(self) -> int:
        """Entries the cloud has not acknowledged."""
        return self.seq - self.applied_through

    @property
    def waiting_fen(self) -> int:
        """Their part of `sum_fen`."""
        return self.sum_fen - self.applied_sum_fen


class Journal:
    """One stream `(device, epoch)`. `append` runs in a unit; reading is for any thread.

    Memory holds the head, owned by the writer's thread; what is told to the cloud is read from the disk.
    """

    def __init__(self, writer: Writer, reader: Reader, identity: Identity, time: SiteTime, *, software: str) -> None:
        """Check the end of the chain and append this boot's incarnation (rule 21). Raises StoreBroken."""
        self.identity = identity
        self.prices_version = 0
        self.rules_version = 0
        self._writer = writer
        self._reader = reader
        self._time = time
        self._needed: list[NeededFrom] = []
        self._head = self._load_head()
        state = reader.row("SELECT boot, applied_through, safe_through, generation FROM journal_state")
        if state is None:
            raise StoreBroken("the journal's state is missing")
        boot, self.applied_through, self.safe_through, self.generation = state
        self.boot: int = boot + 1
        writer.run(partial(self._incarnate, Incarnation(secrets.token_bytes(16), software)))

    @property
    def head_seq(self) -> int:
        """Number of the newest entry; it may be in a commit under way."""
        return self._head.seq

    @property
    def head(self) -> bytes:
        """Hash after the newest entry."""
        return self._head.hash

    @property
    def sum_fen(self) -> int:
        """Settlements less refunds of the whole stream."""
        return self._head.sum_fen

    @property
    def business_ms(self) -> int:
        """The high-water mark of business time."""
        return self._head.business_ms

    def now(self) -> Stamp:
        """The time to decide by: best known UTC, never below the high-water mark, with its uncertainty (rule 19)."""
        stamp = self._time.stamp()
        if stamp.now_ms >= self._head.business_ms:
            return stamp
        behind = self._head.business_ms - stamp.now_ms
        return Stamp(self._head.business_ms, stamp.monotonic_ms, stamp.offset_ms, stamp.uncertainty_ms + behind)

    def append(
        self,
        tx: Transaction,
        kind: int,
        payload: msgspec.Struct | bytes,
        *,
        subject: str = "",
        depends_on: int = 0,
        business_ms: int | None = None,
    ) -> Appended:
        """Add a fact inside a unit. `business_ms` is when it happened (default now); it never steps below the mark."""
        before = self._head
        stamp = self._time.stamp()
        happened_ms = max(stamp.now_ms if business_ms is None else business_ms, before.business_ms)
        seq = before.seq + 1
        body = encode_entry(
            Entry(
                FORMAT,
                int(kind),
                1,
                self.identity.device,
                self.identity.epoch,
                seq,
                subject,
                depends_on,
                happened_ms,
                self.boot,
                stamp.monotonic_ms,
                stamp.offset_ms,
                stamp.uncertainty_ms,
                self.prices_version,
                self.rules_version,
                payload if isinstance(payload, bytes) else _encode_payload(payload),
            )
        )
        if len(body) > MAX_ENTRY_BYTES:
            raise RuleViolation(f"an entry of {len(body)} bytes would never be taken; the most is {MAX_ENTRY_BYTES}")
        head = chain.link(before.hash, body)
        sum_fen = before.sum_fen + _counts_fen(payload)
        tx.execute(_INSERT, (seq, int(kind), happened_ms, sum_fen, head, body))
        self._head = _Head(seq, head, happened_ms, sum_fen)
        tx.on_rollback(partial(self._restore, before))
        return Appended(seq, head, happened_ms)

    def entry(self, seq: int) -> Entry:
        """A committed entry; raises KeyError where it is not (or no more) here, Malformed where it cannot be read."""
        row = self._reader.row("SELECT body FROM entries WHERE seq = ?", (seq,))
        if row is None:
            raise KeyError(seq)
        return decode_entry(row[0])

    def entries_between(self, from_ms: int, until_ms: int) -> list[Entry]:
        """Committed entries whose business time is in [from_ms, until_ms), in order."""
        first, beyond = self._first_from(from_ms), self._first_from(until_ms)
        rows = self._reader.rows("SELECT body FROM entries WHERE seq >= ? AND seq < ? ORDER BY seq", (first, beyond))
        return [decode_entry(body) for (body,) in rows]

    def read(
        self, after_seq: int, *, max_entries: int, max_bytes: int, reader: Reader | None = None
    ) -> tuple[bytes, list[bytes]]:
        """The chain hash at `after_seq` and the committed bodies after it, at least one if there is one.

        Raises KeyError where entries after `after_seq` were pruned. `reader` keeps a long read off the lanes' own.
        """
        source = reader or self._reader
        bodies: list[bytes] = []
        size = 0
        sql = "SELECT seq, body FROM entries WHERE seq > ? ORDER BY seq LIMIT ?"
        for seq, body in source.rows(sql, (after_seq, max_entries)):
            size += len(body)
            if bodies and size > max_bytes:
                break
            if seq != after_seq + len(bodies) + 1:
                raise KeyError(after_seq)
            bodies.append(body)
        return self.hash_at(after_seq, reader=source), bodies

    def hash_at(self, seq: int, *, reader: Reader | None = None) -> bytes:
        """The chain hash after entry `seq`; raises KeyError where it is not here."""
        if seq == 0:
            return chain.genesis(self.identity.device, self.identity.epoch)
        row = (reader or self._reader).row("SELECT hash FROM entries WHERE seq = ?", (seq,))
        if row is None:
            raise KeyError(seq)
        return bytes(row[0])

    def committed(self) -> Committed:
        """How the stream stands on the disk, and how far the cloud is."""
        return read_committed(self._reader, applied_through=self.applied_through)

    def acknowledge(self, *, applied_through: int, safe_through: int, generation: int) -> None:
        """Take the cloud's word on how far it is; a restored cloud may stand lower than before (rule 25).

        It holds at once and is kept by `keep_acknowledged`; lost to a crash, it only means sending some entries again.
        """
        if not 0 <= applied_through <= self._head.seq:
            raise RuleViolation(f"entry {applied_through} is acknowledged, the newest is {self._head.seq}")
        self.applied_through, self.safe_through, self.generation = applied_through, safe_through, generation

    def keep_acknowledged(self, tx: Transaction) -> None:
        """A unit that writes down what was acknowledged; for `submit_lazily`."""
        tx.execute(
            "UPDATE journal_state SET applied_through = ?, safe_through = ?, generation = ?",
            (self.applied_through, self.safe_through, self.generation),
        )

    def keep(self, needed_from: NeededFrom) -> None:
        """Ask before entries are pruned: from the oldest that any part still needs on, all stay."""
        self._needed.append(needed_from)

    def prune(self, tx: Transaction, *, before_ms: int) -> int:
        """Forget old entries the cloud has in a verified backup, a few thousand at a time; how many went (rule 24).

        The newest safe entry stays: the chain goes on from it. So does what was asked for by `keep`.
        """
        low = tx.execute("SELECT seq FROM entries ORDER BY seq LIMIT 1").fetchone()
        if low is None:
            return 0
        through = min(self.safe_through, self.applied_through, self._head.seq) - 1
        through = min(through, self._first_from(before_ms) - 1, low[0] + _PRUNE_STEP - 1)
        for needed_from in self._needed:
            if through >= low[0]:
                through = min(through, needed_from(tx, low[0], through) - 1)
        if through < low[0]:
            return 0
        tx.execute(_PRUNED, (through,))
        tx.execute("DELETE FROM entries WHERE seq <= ?", (through,))
        tx.execute("DELETE FROM checkpoints WHERE seq <= ?", (through,))
        return int(through) - int(low[0]) + 1

    def _first_from(self, at_ms: int) -> int:
        """The first seq whose business time is at or past `at_ms`, by halving."""
        ends = self._reader.row("SELECT min(seq), max(seq) FROM entries")
        if ends is None or ends[0] is None:
            return 1
        low, high = int(ends[0]), int(ends[1]) + 1
        while low < high:
            middle = (low + high) // 2
            row = self._reader.row("SELECT business_ms FROM entries WHERE seq = ?", (middle,))
            if row is not None and row[0] < at_ms:
                low = middle + 1
            else:
                high = middle
        return low

    def _incarnate(self, payload: Incarnation, tx: Transaction) -> Appended:
        tx.execute("UPDATE journal_state SET boot = ?", (self.boot,))
        return self.append(tx, Kind.INCARNATION, payload)

    def _load_head(self) -> _Head:
        sql = "SELECT seq, hash, business_ms, sum_fen, body FROM entries ORDER BY seq DESC LIMIT ?"
        rows = self._reader.rows(sql, (_CHECKED_AT_START + 1,))
        genesis = chain.genesis(self.identity.device, self.identity.epoch)
        if not rows:
            return _Head(0, genesis, 0, 0)
        rows.reverse()
        previous = rows[0]
        before = genesis if previous[0] == 1 else self._pruned_before(previous[0])
        if before and chain.link(before, previous[4]) != previous[1]:
            raise StoreBroken(f"the oldest entry here, {previous[0]}, does not follow from what was before it")
        for row in rows[1:]:
            if row[0] != previous[0] + 1 or chain.link(previous[1], row[4]) != row[1]:
                raise StoreBroken(f"the journal's chain is broken at entry {row[0]}")
            previous = row
        self._check_owner(previous[4])
        return _Head(*previous[:4])

    def _pruned_before(self, seq: int) -> bytes:
        """The hash after the entry before `seq` where pruning stands there; else none."""
        row = self._reader.row("SELECT pruned_hash FROM journal_state WHERE pruned_seq = ?", (seq - 1,))
        return bytes(row[0]) if row else b""

    def _check_owner(self, body: bytes) -> None:
        try:
            entry = decode_entry(body)
        except Malformed as error:
            raise StoreBroken(f"the newest entry cannot be read: {error}") from error
        if (entry.device, entry.epoch) != (self.identity.device, self.identity.epoch):
            raise StoreBroken(f"the journal belongs to device {entry.device}, epoch {entry.epoch}")

    def _restore(self, head: _Head) -> None:
        self._head = head


def _counts_fen(payload: object) -> int:
    if type(payload) is Settlement:
        return payload.amount_fen
    if type(payload) is Refund:
        return -payload.amount_fen
    return 0


def read_committed(reader: Reader, *, applied_through: int | None = None) -> Committed:
    """How a store's stream stands, read without opening the journal. Raises StoreBroken for an empty one."""
    state = reader.row("SELECT applied_through, safe_through FROM journal_state")
    newest = reader.row("SELECT seq, hash, sum_fen FROM entries ORDER BY seq DESC LIMIT 1")
    if state is None or newest is None:
        raise StoreBroken("the journal is empty")
    applied = state[0] if applied_through is None else applied_through
    at_applied = reader.row("SELECT sum_fen FROM entries WHERE seq = ?", (applied,))
    seq, head, sum_fen = newest
    return Committed(seq, head, sum_fen, applied, at_applied[0] if at_applied else 0, state[1])

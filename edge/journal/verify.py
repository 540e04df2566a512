"""Whether a journal is whole, from what lies on the disk and the device's public keys alone (rules 17 to 22).

Reading only, page by page, so it works beside a gateway that runs. It proves what a hash chain and signatures can:
docs/reliability.md says which edits need the cloud, a receipt or hardware to be seen.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple, Protocol

import apsw
import msgspec

from edge.journal.pace import Pace
from protocols.crypto import sm2
from protocols.journal import chain
from protocols.journal.codec import decode_entry
from protocols.journal.kinds import Kind
from protocols.journal.messages import Entry
from protocols.payments.facts import KeyRotated, Refund, Settlement
from protocols.values.errors import Malformed

_PAGE: Final = 2_000
_TOLD_MOST: Final = 100

_STATE_COLUMNS: Final = 8  # fewer in a store that no version with the later columns has opened yet
_ENTRY_TYPES: Final = (int, int, int, int, bytes, bytes)

_settlement = msgspec.msgpack.Decoder(Settlement)
_refund = msgspec.msgpack.Decoder(Refund)
_rotated = msgspec.msgpack.Decoder(KeyRotated)

PublicKeys = Sequence[tuple[int, bytes]]  # id and X || Y, the device's first key first


class Rows(Protocol):
    """What is asked of a reader of the store."""

    def rows(self, sql: str, bindings: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""

    def row(self, sql: str, bindings: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        """The first row of a query, or None."""


class Part(StrEnum):
    """What a fault lies in."""

    FILE = "file"
    ENTRY = "entry"
    CHECKPOINT = "checkpoint"
    PACE = "pace"  # entries that should have been signed by then: a checkpoint was lost to a failing disk, or removed
    KEY = "key"
    STATE = "state"
    LEASES = "leases"


class Fault(NamedTuple):
    """One thing that is wrong; `seq` is the entry at which it shows, 0 where it shows at none."""

    part: Part
    seq: int
    words: str


@dataclass(frozen=True)
class Verdict:
    """What was found. `signed_through` is the last entry under a good checkpoint; what follows is not signed yet.

    A pruned journal goes on from the hash that pruning kept.
    """

    device: int
    epoch: int
    first_seq: int
    last_seq: int
    sum_fen: int
    checkpoints: int
    signed_through: int
    faults: tuple[Fault, ...]
    untold: int = 0  # faults beyond those listed

    @property
    def whole(self) -> bool:
        """Nothing is wrong."""
        return not self.faults

    @property
    def broken(self) -> tuple[Fault, ...]:
        """The faults that no failing disk explains: all but a checkpoint that came late."""
        return tuple(fault for fault in self.faults if fault.part is not Part.PACE)

    @property
    def first_broken(self) -> int:
        """The first entry at which something shows, 0 where nothing does or no entry can be named."""
        return min((fault.seq for fault in self.faults if fault.seq), default=0)


class _Checkpoint(NamedTuple):
    seq: int
    head: bytes
    key_id: int
    signature: bytes


def verify(
    rows: Rows,
    keys: PublicKeys,
    *,
    device: int,
    epoch: int,
    audit: Callable[[], list[str]] | None = None,
    every_signature: bool = True,
) -> Verdict:
    """Go through the journal that `rows` reads, which should be one snapshot; never raises for what is wrong in it.

    `audit` tells in words where balances are not explained by messages and entries. Without `every_signature` only the
    newest checkpoint of each key has its signature reckoned (it covers all before it); heads are compared for all.
    """
    walk = _Walk(rows, keys, device, epoch, every_signature=every_signature)
    try:
        walk.go()
        walk.check_state()
        if audit is not None and walk.readable:
            for words in audit():
                walk.fault(Part.LEASES, 0, words)
    except (apsw.Error, Malformed) as error:
        walk.fault(Part.FILE, 0, f"the store cannot be read through: {error}")
    except (TypeError, ValueError, OverflowError) as error:
        walk.fault(Part.FILE, 0, f"the store holds values of another type than it should: {error}")
    return walk.verdict()


def file_faults(rows: Rows) -> list[Fault]:
    """What SQLite itself finds wrong with the file."""
    try:
        said = [str(row[0]) for row in rows.rows("PRAGMA quick_check(5)")]
    except apsw.Error as error:
        said = [str(error)]
    return [] if said == ["ok"] else [Fault(Part.FILE, 0, f"the file is damaged: {words}") for words in said]


def receipt_fault(rows: Rows, seq: int, mark: str) -> Fault | None:
    """Whether the 8 hex digits on a receipt are those of its entry here (rule 20)."""
    row = rows.row("SELECT hash FROM entries WHERE seq = ?", (seq,))
    if row is None:
        return Fault(Part.ENTRY, seq, f"entry {seq}, which a receipt names, is not here")
    if chain.receipt_mark(row[0]) != mark.lower():
        return Fault(Part.ENTRY, seq, f"the receipt says {mark}, the chain here {chain.receipt_mark(row[0])}")
    return None


class _Walk:
    """The state of one pass over entries and checkpoints side by side."""

    def __init__(self, rows: Rows, keys: PublicKeys, device: int, epoch: int, *, every_signature: bool) -> None:
        self._rows, self._keys, self._every = rows, dict(keys), every_signature
        self._device, self._epoch = device, epoch
        self._first_key = keys[0] if keys else (0, b"")
        self._key = self._first_key
        self._rotations: dict[int, int] = {}  # key -> first entry it signs, as the entries here say
        self._pace = Pace()
        self._faults: list[Fault] = []
        self._many_faults = 0
        self._hash: bytes = chain.genesis(device, epoch)
        self._first = self._seq = self._sum_fen = self._business_ms = self._boot = 0
        self._checkpoints = self._signed_through = self._newest_checkpoint = 0
        self._left: _Checkpoint | None = None  # whose signature is still to be reckoned
        self.readable = True

    def fault(self, part: Part, seq: int, words: str) -> None:
        """Note something wrong."""
        self._many_faults += 1
        if len(self._faults) < _TOLD_MOST:
            self._faults.append(Fault(part, seq, words))

    def verdict(self) -> Verdict:
        """What was found."""
        return Verdict(
            self._device,
            self._epoch,
            self._first,
            self._seq,
            self._sum_fen,
            self._checkpoints,
            self._signed_through,
            tuple(self._faults),
            self._many_faults - len(self._faults),
        )

    def go(self) -> None:
        """Every entry in turn, and after each its checkpoint."""
        points = _checkpoints(self._rows)
        point = next(points, None)
        for row in _paged(self._rows, "SELECT seq, kind, business_ms, sum_fen, hash, body FROM entries"):
            entry = self._entry(*row) if tuple(map(type, row)) == _ENTRY_TYPES else self._odd(row[0])
            while point is not None and point.seq <= self._seq:
                self._checkpoint(point)
                point = next(points, None)
            if entry is not None and entry.kind == Kind.KEY_ROTATED:
                self._rotate(entry)
        self._reckon_left()
        while point is not None:
            self.fault(
                Part.CHECKPOINT, point.seq, f"a checkpoint signs entry {point.seq}, the newest here is {self._seq}"
            )
            point = next(points, None)

    def check_state(self) -> None:
        """What the store says of the journal beside it."""
        state = self._rows.row("SELECT boot, applied_through, safe_through, generation FROM journal_state")
        if state is None or not self._seq:
            self.fault(Part.STATE, 0, "the journal is empty" if state else "the journal's state is missing")
            return
        boot, applied, safe, generation = state
        if boot != self._boot and self.readable:
            self.fault(Part.STATE, self._seq, f"the newest entry is of boot {self._boot}, the store is at boot {boot}")
        if not 0 <= applied <= self._seq:
            self.fault(Part.STATE, self._seq, f"entry {applied} is acknowledged, the newest here is {self._seq}")
        elif applied > self._newest_checkpoint:
            self.fault(Part.CHECKPOINT, applied, f"the checkpoint under which entry {applied} was sent is missing")
        gone = self._first - 1
        if gone > applied or (0 < safe < gone and generation <= 1):  # a restored cloud vouches for less than before
            self.fault(Part.STATE, self._first, f"entries 1 to {gone} are not here, those safe end with {safe}")
        self._check_keys()

    def _entry(self, seq: Any, kind: Any, business_ms: Any, sum_fen: Any, stored: Any, body: Any) -> Entry | None:
        if not self._first:
            self._begin(seq)
        if seq != self._seq + 1:
            gone = f"entry {self._seq + 1} is" if seq == self._seq + 2 else f"entries {self._seq + 1} to {seq - 1} are"
            self.fault(Part.ENTRY, self._seq + 1, f"{gone} not here")
        elif self._hash and chain.link(self._hash, body) != stored:
            self.fault(Part.ENTRY, seq, "its hash is not the one of the entry before and its own bytes")
        if len(stored) != chain.HASH_BYTES:
            self.fault(Part.ENTRY, seq, "its hash is cut")
        follows = seq == self._seq + 1 and self._hash != b""
        self._seq, self._hash = seq, stored
        try:
            entry = decode_entry(body)
            by_fen = _counts_fen(entry)
        except (Malformed, msgspec.MsgspecError) as error:
            self.readable = False
            self.fault(Part.ENTRY, seq, f"it cannot be read: {error}")
            self._sum_fen, self._business_ms = sum_fen, business_ms
            return None
        self._numbers(entry, seq, kind, business_ms)
        if follows and sum_fen != self._sum_fen + by_fen:
            self.fault(Part.ENTRY, seq, f"the running sum is {sum_fen} fen, {self._sum_fen + by_fen} by the entries")
        self._sum_fen = sum_fen
        self._boots(entry, follows=follows)
        if self._pace.late(entry.monotonic_ms):
            self.fault(
                Part.PACE, seq, f"no checkpoint was kept between entry {self._pace.last_signed} and this one in time"
            )
        return entry

    def _odd(self, seq: int) -> Entry | None:
        self.fault(Part.ENTRY, seq, "the store holds values of another type than it should")
        self.readable = False
        self._first, self._seq, self._hash = self._first or seq, seq, b""
        return None

    def _begin(self, seq: int) -> None:
        """The oldest entry: the first of the stream, or where pruning left off."""
        self._first, self._seq = seq, seq - 1
        self._pace.signed(seq - 1)
        self._after_pruning(seq)
        row = self._rows.row(
            "SELECT key_id FROM stream_keys WHERE first_seq <= ? ORDER BY first_seq DESC LIMIT 1", (seq,)
        )
        if row is not None:
            self._key = (row[0], self._keys.get(row[0], b""))

    def _after_pruning(self, seq: int) -> None:
        """Go on from where pruning says it stands. Its hash is empty where a version that did not keep it pruned."""
        state = self._rows.row("SELECT * FROM journal_state")
        if state is None or len(state) < _STATE_COLUMNS:
            self._hash = self._hash if seq == 1 else b""
            return
        pruned_seq, pruned_hash, pruned_sum_fen = state[_STATE_COLUMNS - 3 : _STATE_COLUMNS]
        if pruned_seq < seq:
            self._seq = pruned_seq
        else:
            self.fault(Part.STATE, seq, f"entry {seq} is here, those to {pruned_seq} are said to be pruned")
        if len(pruned_hash) not in {0, chain.HASH_BYTES} or (not pruned_seq and pruned_hash):
            self.fault(Part.STATE, seq, "the hash at which pruning stands is cut")
        if pruned_seq:
            self._hash, self._sum_fen = pruned_hash, pruned_sum_fen

    def _numbers(self, entry: Entry, seq: int, kind: Any, business_ms: Any) -> None:
        if (entry.device, entry.epoch, entry.seq) != (self._device, self._epoch, seq):
            self.fault(
                Part.ENTRY, seq, f"it says of itself device {entry.device}, epoch {entry.epoch}, number {entry.seq}"
            )
        if (entry.kind, entry.business_ms) != (kind, business_ms):
            self.fault(Part.ENTRY, seq, "kind or business time beside it are not those in its bytes")
        if business_ms < self._business_ms:
            self.fault(Part.ENTRY, seq, f"its business time steps back by {self._business_ms - business_ms} ms")
        self._business_ms = business_ms

    def _boots(self, entry: Entry, *, follows: bool) -> None:
        begins = entry.kind == Kind.INCARNATION
        if begins:
            self._pace.restart()
        known = follows and (self._boot or entry.seq == 1)
        if known and entry.boot != self._boot + begins:
            self.fault(Part.ENTRY, entry.seq, f"it is of boot {entry.boot} after one of boot {self._boot}")
        self._boot = entry.boot

    def _checkpoint(self, point: _Checkpoint) -> None:
        self._checkpoints += 1
        self._newest_checkpoint = point.seq
        if point.seq != self._seq:
            self.fault(Part.CHECKPOINT, point.seq, f"a checkpoint signs entry {point.seq}, which is not here")
            return
        if point.head != self._hash or not self._hash:
            self.fault(
                Part.CHECKPOINT, point.seq, f"the checkpoint at entry {point.seq} signed another chain: "
                f"one of the entries {self._signed_through + 1} to {point.seq} was altered",
            )  # fmt: skip
            return
        if point.key_id != self._key[0]:
            self.fault(
                Part.CHECKPOINT, point.seq, f"the checkpoint at entry {point.seq} is by key {point.key_id}, "
                f"the entries there are key {self._key[0]}'s to sign",
            )  # fmt: skip
            return
        self._pace.signed(point.seq)
        self._left = point
        if self._every:
            self._reckon_left()

    def _reckon_left(self) -> None:
        point, self._left = self._left, None
        if point is None:
            return
        message = chain.signed_bytes(self._device, self._epoch, point.seq, point.head)
        if sm2.verify(public=self._key[1], message=message, signature=point.signature):
            self._signed_through = point.seq
        else:
            self.fault(
                Part.CHECKPOINT, point.seq, f"the signature at entry {point.seq} is not by the device's key "
                f"{self._key[0]}",
            )  # fmt: skip

    def _rotate(self, entry: Entry) -> None:
        """The entry is the last that the old key signs; the old key vouches for the new one (rule 22)."""
        self._reckon_left()
        try:
            said = _rotated.decode(entry.payload)
        except msgspec.MsgspecError as error:
            self.fault(Part.KEY, entry.seq, f"the new key cannot be read: {error}")
            return
        if not sm2.verify(public=self._key[1], message=said.public_key, signature=said.signature):
            self.fault(Part.KEY, entry.seq, f"key {said.key_id} is not vouched for by key {self._key[0]} before it")
        if self._keys.get(said.key_id, said.public_key) != said.public_key:
            self.fault(Part.KEY, entry.seq, f"key {said.key_id} of the device is another than the entry names")
        self._rotations[said.key_id] = entry.seq + 1
        self._key = (said.key_id, said.public_key)

    def _check_keys(self) -> None:
        stored = dict(self._rows.rows("SELECT key_id, first_seq FROM stream_keys"))
        here = {key_id: first for key_id, first in stored.items() if first > self._first}
        if here != self._rotations and self.readable:
            self.fault(Part.KEY, 0, "the list of keys is not the one that the entries tell")
        if self._first == 1 and len(here) != len(stored):
            self.fault(Part.KEY, 0, "the list of keys names one that no entry tells of")


def _counts_fen(entry: Entry) -> int:
    if entry.kind == Kind.SETTLEMENT:
        return _settlement.decode(entry.payload).amount_fen
    if entry.kind == Kind.REFUND:
        return -_refund.decode(entry.payload).amount_fen
    return 0


def _checkpoints(rows: Rows) -> Iterator[_Checkpoint]:
    return (_Checkpoint(*row) for row in _paged(rows, "SELECT seq, head, key_id, signature FROM checkpoints"))


def _paged(rows: Rows, select: str) -> Iterator[tuple[Any, ...]]:
    """Rows by seq, a page at a time, so that a large journal does not have to fit into memory."""
    page = rows.rows(f"{select} ORDER BY seq LIMIT {_PAGE}")
    while page:
        yield from page
        page = rows.rows(f"{select} WHERE seq > ? ORDER BY seq LIMIT {_PAGE}", (page[-1][0],))

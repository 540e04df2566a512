"""Ways to alter the rows of a journal at or before its last checkpoint, as somebody at the disk could."""

import bisect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import apsw
import msgspec

from edge.store.connection import Reader
from protocols.journal import chain
from protocols.journal.codec import decode_entry, encode_entry
from protocols.journal.kinds import Kind
from protocols.journal.messages import Entry
from protocols.payments.facts import Settlement, decode
from tests.support.edge import DEVICE, EPOCH

_SOON_MS: Final = 75_000
_FEW: Final = 256
_SHIFT: Final = 10_000_000


class Redraw(Exception):
    """The draw altered nothing: another one."""


@dataclass(frozen=True)
class Journalled:
    """The rows as they were written. `last` is the last checkpoint."""

    entries: list[tuple[int, int, int, int, bytes, bytes]]
    checkpoints: list[tuple[int, bytes, int, bytes]]
    keys: list[tuple[int, int]]
    before: tuple[int, bytes, int]  # number, hash and sum where pruning stands
    last: int
    privates: Mapping[int, bytes]

    @classmethod
    def read(cls, reader: Reader, last: int, privates: Mapping[int, bytes]) -> "Journalled":
        """What lies there."""
        rows: Callable[[str], list[Any]] = reader.rows
        return cls(
            rows("SELECT seq, kind, business_ms, sum_fen, hash, body FROM entries ORDER BY seq"),
            rows("SELECT seq, head, key_id, signature FROM checkpoints ORDER BY seq"),
            rows("SELECT key_id, first_seq FROM stream_keys ORDER BY key_id"),
            rows("SELECT pruned_seq, pruned_hash, pruned_sum_fen FROM journal_state")[0],
            last,
            privates,
        )

    def same_as(self, other: "Journalled") -> bool:
        """Whether every row is the same."""
        mine = (self.entries, self.checkpoints, self.keys, self.before)
        return mine == (other.entries, other.checkpoints, other.keys, other.before)

    @property
    def first(self) -> int:
        """The oldest entry."""
        return self.entries[0][0]

    def seq(self, chance: Random) -> int:
        """An entry at or before the last checkpoint."""
        return chance.randint(self.first, self.last)

    def row(self, seq: int) -> tuple[int, int, int, int, bytes, bytes]:
        """The row of an entry."""
        return self.entries[seq - self.first]

    def point(self, chance: Random) -> tuple[int, bytes, int, bytes]:
        """A checkpoint."""
        return chance.choice(self.checkpoints)


Edit = Callable[[apsw.Connection, Journalled, Random], None]


def flip_body(connection: apsw.Connection, rows: Journalled, chance: Random) -> None:
    """One bit of an entry's bytes."""
    seq = rows.seq(chance)
    connection.execute("UPDATE entries SET body = ? WHERE seq = ?", (_flipped(rows.row(seq)[5], chance), seq))


def flip_hash(connection: apsw.Connection, rows: Journalled, chance: Random) -> None:
    """One bit of a stored hash."""
    seq = rows.seq(chance)
    connection.execute("UPDATE entries SET hash = ? WHERE seq = ?", (_flipped(rows.row(seq)[4], chance), seq))


def flip_number(connection: apsw.Connection, rows: Journalled, chance: Random) -> None:
    """One bit of kind, business time, running sum or number as they stand beside the bytes."""
    seq = rows.seq(chance)
    column = chance.choice(("seq", "kind", "business_ms", "sum_fen"))
    low = 14 if column == "seq" else 0  # a number that is taken cannot be given twice
    connection.execute(
        f"UPDATE entries SET {column} = (({column} | ?) - ({column} & ?)) WHERE seq = ?",
        (bit := 1 << chance.randint(low, 40), bit, seq),
    )


def flip_checkpoint(connection: apsw.Connection, rows: Journalled, chance: Random) -> None:
    """One bit of a checkpoint: head, signature, key or number."""
    seq, head, key_id, signature = rows.point(chance)
    column = chance.choice(("head", "signature", "signature", "key_id", "seq"))
    value: object = {
        "head": _flipped(head, chance),
        "signature": _flipped(signature, chance),
        "key_id": key_id ^ 1 << chance.randrange(8),
        "seq": seq ^ 1 << chance.randrange(20),
    }[column]
    if column == "seq" and any(point[0] == value for point in rows.checkpoints):
        raise Redraw
    connection.execute(f"UPDATE checkpoints SET {column} = ? WHERE seq = ?", (value, seq))


def flip_key(connection: apsw.Connection, rows: Journalled, chance: Random) -> None:
    """One bit of the list of keys."""
    key_id, first = chance.choice(rows.keys)
    column, value = chance.choice((("key_id", key_id), ("first_seq", first)))
    connection.execute(
        f"UPDATE stream_keys SET {column} = ? WHERE key_id = ?", (value ^ 1 << chance.randrange(12), key_id)
    )


def delete_entry(connection: apsw.Connection, rows: Journalled, chance: Random) -> None:
    """One entry."""
    connection.execute("DELETE FROM entries WHERE seq = ?", (rows.seq(chance),))


def delete_range(connection: apsw.Connection, rows: Journalled, chance: Random) -> None:
    """Some entries in a row."""
    first = rows.seq(chance)
    last = min(rows.last, first + chance.randint(1, 400))
    connection.execute("DELETE FROM entries WHERE seq BETWEEN ? AND ?", (first, last))


def delete_oldest(connection: apsw.Connection, rows: Journalled, chance: Random) -> None:
    """The oldest entries with their checkpoints, which a verified backup has: as pruning would, but not by it."""
    through = chance.randint(rows.first, rows.first + 300)
    connection.execute("DELETE FROM entries WHERE seq <= ?1; DELETE FROM checkpoints WHERE seq <= ?1", (through,) * 2)
    if chance.random() < 0.5:
        connection.execute("DELETE FROM lease_log WHERE after_seq < ?", (through,))


def flip_pruned(connection: apsw.Connection, rows: Journalled, chance: Random) -> None:
    """One bit of where pruning stands."""
    column = chance.choice(("seq", "hash", "sum_fen"))
    number, head, sum_fen = rows.before
    if not number and column != "seq":
        raise Redraw
    value: object = {
        "seq": number ^ 1 << chance.randrange(20),
        "hash": _flipped(head, chance) if head else head,
        "sum_fen": sum_fen ^ 1 << chance.randrange(40),
    }[column]
    connection.execute(f"UPDATE journal_state SET pruned_{column} = ?", (value,))


def delete_newest(connection: apsw.Connection, rows: Journalled, chance: Random) -> None:
    """The newest entries, back past the last checkpoint."""
    connection.execute("DELETE FROM entries WHERE seq >= ?", (rows.last - chance.randint(0, 300),))


def truncate(connection: apsw.Connection, rows: Journalled, chance: Random) -> None:
    """Everything after an entry, and all that the journal's tables say of it, tidied up; not the balances."""
    end = chance.randint(rows.first, rows.last - 1)
    boot = decode_entry(rows.row(end)[5]).boot
    connection.execute("DELETE FROM entries WHERE seq > ?1; DELETE FROM checkpoints WHERE seq > ?1", (end, end))
    connection.execute("DELETE FROM stream_keys WHERE first_seq > ?", (end + 1,))
    _tidy(connection, boot)


def delete_checkpoint(connection: apsw.Connection, rows: Journalled, chance: Random) -> None:
    """A checkpoint that rule 20's pace asks for. Without another one, nothing is signed less than it demands."""
    at = chance.randrange(len(rows.checkpoints) - 1)
    before = rows.checkpoints[at - 1][0] if at else rows.first - 1
    after = rows.checkpoints[at + 1][0]
    first, last = decode_entry(rows.row(before + 1)[5]), decode_entry(rows.row(after)[5])
    if first.boot != last.boot or last.monotonic_ms - first.monotonic_ms <= _SOON_MS:
        raise Redraw
    connection.execute("DELETE FROM checkpoints WHERE seq = ?", (rows.checkpoints[at][0],))


def delete_newest_checkpoints(connection: apsw.Connection, rows: Journalled, chance: Random) -> None:
    """Every checkpoint from one on."""
    connection.execute("DELETE FROM checkpoints WHERE seq >= ?", (rows.point(chance)[0],))


def swap(connection: apsw.Connection, rows: Journalled, chance: Random) -> None:
    """Two entries change places: bytes alone, or with everything beside them."""
    one, other = rows.row(rows.seq(chance)), rows.row(rows.seq(chance))
    if one[5] == other[5]:
        raise Redraw
    columns = chance.choice((("body",), ("kind", "business_ms", "sum_fen", "hash", "body")))
    names = ("seq", "kind", "business_ms", "sum_fen", "hash", "body")
    put = f"UPDATE entries SET {', '.join(f'{column} = ?' for column in columns)} WHERE seq = ?"
    for here, there in ((one, other), (other, one)):
        connection.execute(put, (*(there[names.index(column)] for column in columns), here[0]))


def forge(connection: apsw.Connection, rows: Journalled, chance: Random) -> None:
    """A meal made cheaper and everything after it reckoned anew, without the key; heads in checkpoints or not."""
    seq = _some_sale(rows, chance)
    heads = reckon_from(connection, rows, seq, [cheaper(rows.row(seq)[5]), *_bodies(rows, seq + 1)])
    if chance.random() < 0.6:
        _put_heads(connection, rows, seq, heads, chance)


def insert(connection: apsw.Connection, rows: Journalled, chance: Random) -> None:
    """An entry that never was, those after it numbered anew and the chain reckoned anew, without the key."""
    seq = _some_sale(rows, chance)
    later = [_renumbered(body, at + 1) for at, body in enumerate(_bodies(rows, seq), seq)]
    forged = cheaper(rows.row(seq)[5])
    heads = reckon_from(connection, rows, seq, [forged, *later])
    if chance.random() < 0.5:
        _put_heads(connection, rows, seq, heads, chance)


def forge_unsigned(connection: apsw.Connection, rows: Journalled, chance: Random) -> None:
    """A meal made cheaper, the chain reckoned anew, and every trace removed of what had been signed and sent since."""
    seq = _some_sale(rows, chance)
    reckon_from(connection, rows, seq, [cheaper(rows.row(seq)[5]), *_bodies(rows, seq + 1)])
    connection.execute("DELETE FROM checkpoints WHERE seq >= ?", (seq,))
    before = bisect.bisect_left(rows.checkpoints, (seq,))
    kept = rows.checkpoints[before - 1][0] if before else 0
    connection.execute("UPDATE journal_state SET applied_through = min(applied_through, ?)", (kept,))
    connection.execute("UPDATE journal_state SET safe_through = min(safe_through, applied_through)")


EDITS: Final[dict[str, tuple[int, Edit]]] = {
    "bit of an entry": (20, flip_body),
    "bit of a hash": (8, flip_hash),
    "bit of a number or sum": (10, flip_number),
    "bit of a checkpoint": (10, flip_checkpoint),
    "bit of the list of keys": (2, flip_key),
    "entry deleted": (6, delete_entry),
    "range deleted": (5, delete_range),
    "oldest deleted": (3, delete_oldest),
    "bit of where pruning stands": (2, flip_pruned),
    "newest deleted": (5, delete_newest),
    "truncated and tidied": (4, truncate),
    "checkpoint deleted": (3, delete_checkpoint),
    "newest checkpoints deleted": (3, delete_newest_checkpoints),
    "two swapped": (7, swap),
    "forged, chain anew": (5, forge),
    "inserted, chain anew": (4, insert),
    "forged, signatures removed": (4, forge_unsigned),
}


def _flipped(data: bytes, chance: Random) -> bytes:
    made = bytearray(data)
    made[chance.randrange(len(made))] ^= 1 << chance.randrange(8)
    return bytes(made)


def _some_sale(rows: Journalled, chance: Random) -> int:
    seq = rows.seq(chance)
    if rows.row(seq)[1] != Kind.SETTLEMENT:
        raise Redraw
    return seq


def _bodies(rows: Journalled, first: int) -> list[bytes]:
    return [row[5] for row in rows.entries[first - rows.first :]]


def cheaper(body: bytes) -> bytes:
    """The same meal, one fen less."""
    entry = decode_entry(body)
    sale = msgspec.to_builtins(decode(Settlement, entry.payload))
    sale[8] = sale[11] = sale[11] - 1
    sale[12] = [[bucket, amount - 1] for bucket, amount in sale[12]]
    return encode_entry(msgspec.structs.replace(entry, payload=msgspec.msgpack.encode(sale)))


def _renumbered(body: bytes, seq: int) -> bytes:
    return encode_entry(msgspec.structs.replace(decode_entry(body), seq=seq))


def reckon_from(connection: apsw.Connection, rows: Journalled, seq: int, bodies: list[bytes]) -> dict[int, bytes]:
    """Write bodies from `seq` on with hashes, sums and columns as the journal itself would."""
    head = chain.genesis(DEVICE, EPOCH) if seq == 1 else (rows.row(seq - 1)[4] if seq > rows.first else rows.before[1])
    sum_fen = rows.row(seq - 1)[3] if seq > rows.first else rows.before[2]
    made, heads = [], {}
    for at, body in enumerate(bodies, seq):
        entry = decode_entry(body)
        head = chain.link(head, body)
        sum_fen += _fen(entry)
        heads[at] = head
        made.append((at, entry.kind, entry.business_ms, sum_fen, head, body))
    connection.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?)", made)
    return heads


def _fen(entry: Entry) -> int:
    if entry.kind not in {Kind.SETTLEMENT, Kind.REFUND}:
        return 0
    said = msgspec.msgpack.decode(entry.payload)
    return int(said[11]) if entry.kind == Kind.SETTLEMENT else -int(said[13])


def _put_heads(
    connection: apsw.Connection, rows: Journalled, seq: int, heads: Mapping[int, bytes], chance: Random
) -> None:
    """The new heads into the checkpoints, with the signatures that were there, or those of another entry."""
    for at, _head, _key, signature in rows.checkpoints:
        if at >= seq:
            put = signature if chance.random() < 0.9 else rows.point(chance)[3]
            connection.execute("UPDATE checkpoints SET head = ?, signature = ? WHERE seq = ?", (heads[at], put, at))


def _tidy(connection: apsw.Connection, boot: int) -> None:
    connection.execute("UPDATE journal_state SET boot = ?", (boot,))
    for column in ("applied_through", "safe_through"):
        connection.execute(
            f"UPDATE journal_state SET {column} = min({column}, (SELECT coalesce(max(seq), 0) FROM checkpoints))"
        )

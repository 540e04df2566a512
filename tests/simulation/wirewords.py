"""The product's bytes read without the product's code: positions in msgpack arrays, as the documents name them."""

import hashlib
from typing import Any, Final, NamedTuple

import msgspec

_raw: Final = msgspec.msgpack.Decoder()

KEY_ROTATED, DECLARATION, SETTLEMENT, REFUND, CASH_TAKEN, CASH_VOIDED, REFUSED = 2, 4, 10, 11, 12, 13, 14
LEASE_RETURNED, SHRINK_ANSWERED, CUTOFF_PASSED, STANDING_RETURNED, DAY_CLOSED = 20, 21, 22, 23, 30
GRANT, RECALL, SHRINK, CUTOFF, STANDING, STANDING_RECALL, PASS = 1, 2, 3, 4, 5, 6, 7


class Fact(NamedTuple):
    """An entry: its place, when it happened, and its payload as a plain list."""

    kind: int
    device: int
    epoch: int
    seq: int
    business_ms: int
    payload: list[Any]
    body: bytes


class Moved(NamedTuple):
    """What an entry does to what a site may spend: person, bucket, by how much."""

    person: int
    bucket: int
    by: int


def fact_of(body: bytes) -> Fact:
    """An entry's bytes as a fact."""
    said = _raw.decode(body)
    return Fact(said[1], said[3], said[4], said[5], said[8], _raw.decode(said[15]), body)


def chained(previous: bytes, body: bytes) -> bytes:
    """The hash after an entry (rule 17)."""
    return hashlib.new("sm3", previous + body).digest()


def first_hash(device: int, epoch: int) -> bytes:
    """The hash before the first entry."""
    return hashlib.new("sm3", f"quartermaster journal {device} {epoch}".encode()).digest()


def shares_of(fact: Fact) -> list[tuple[int, int]]:
    """(bucket, amount) of a settlement or refund."""
    return [(bucket, amount) for bucket, amount in fact.payload[12 if fact.kind == SETTLEMENT else 14]]


def person_of(fact: Fact) -> int:
    """Whom a money fact concerns; 0 where it names several."""
    where = {SETTLEMENT: 4, REFUND: 4, CASH_TAKEN: 2, CASH_VOIDED: 2, SHRINK_ANSWERED: 1}.get(fact.kind)
    return 0 if where is None else int(fact.payload[where])


def day_of(fact: Fact) -> int:
    """The business day that a fact names; 0 where it names none."""
    where = {SETTLEMENT: 6, REFUND: 12, CASH_TAKEN: 6, CASH_VOIDED: 7, DAY_CLOSED: 2}.get(fact.kind)
    return 0 if where is None else int(fact.payload[where])


def lane_of(fact: Fact) -> int:
    """The lane that a fact names; 0 where it names none."""
    where = {DAY_CLOSED: 0, SETTLEMENT: 1, REFUND: 1, CASH_TAKEN: 1, CASH_VOIDED: 1, REFUSED: 1}.get(fact.kind)
    return 0 if where is None else int(fact.payload[where])


def subject_of(body: bytes) -> tuple[str, int]:
    """What later entries wait behind when this one is set aside, and the entry that this one needs."""
    said = _raw.decode(body)
    return said[6], said[7]


def running_of(body: bytes) -> tuple[int, int]:
    """The boot an entry was written in, and the steady clock's ms then."""
    said = _raw.decode(body)
    return said[9], said[10]


def said_in(message: bytes) -> list[Any]:
    """A message as it went over the wire, or a payload."""
    found: list[Any] = _raw.decode(message)
    return found


def moved_by(fact: Fact) -> list[Moved]:
    """What the fact takes from or puts to the site's leases."""
    said, kind = fact.payload, fact.kind
    if kind == SETTLEMENT:
        return [Moved(said[4], bucket, -amount) for bucket, amount in said[12]]
    if kind == REFUND:
        return [Moved(said[4], bucket, amount) for bucket, amount in said[14]]
    if kind == CASH_TAKEN:
        return [Moved(said[2], said[3], said[4])]
    if kind == CASH_VOIDED:
        return [Moved(said[2], said[3], -said[4])]
    if kind == LEASE_RETURNED:
        return [Moved(person, bucket, -amount) for person, bucket, amount in said[1]]
    if kind == SHRINK_ANSWERED:
        return [Moved(said[1], said[2], -said[3])]
    if kind == CUTOFF_PASSED:
        return [Moved(person, bucket, -amount) for person, bucket, amount in said[2]]
    return []


def lease_page(body: bytes) -> tuple[int, int, list[list[int]]]:
    """Epoch, newest number and messages [n, kind, person, bucket, amount, from_day] of a page."""
    said = _raw.decode(body)
    return said[1], said[2], said[3]

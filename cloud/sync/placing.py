"""Where a batch belongs: it goes on, repeats, leaves a gap, or is a second successor of one hash (rules 21, 24)."""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from cloud.sync.state import StreamState


class Place(Enum):
    """What a batch is to the stream."""

    APPEND = "append"  # `skip` entries are known, the others go on from the head
    REPEAT = "repeat"  # all known
    GAP = "gap"  # entries before it are missing: answer the present prefix
    FORK = "fork"  # goes on from `after`, where the stream went another way
    UNKNOWN = "unknown"  # differs somewhere before it: send from the safe prefix


class Placement(NamedTuple):
    """Place, the branch it belongs to, how many of its entries are known, and (FORK) the last common seq."""

    place: Place
    branch: int
    skip: int
    after: int = 0
    base: bytes = b""


def place_at_head(
    stream: StreamState, first_seq: int, previous: bytes, many: int, hash_at: Callable[[int], bytes]
) -> Placement | None:
    """The usual cases, known from the stream's head alone; None where stored hashes must be compared."""
    applied = stream.applied_through
    last = first_seq + many - 1
    if first_seq > applied + 1:
        return Placement(Place.GAP, stream.branch, 0)
    if first_seq == applied + 1:
        return Placement(Place.APPEND, stream.branch, 0) if previous == stream.head else None
    if last < applied or hash_at(applied - first_seq) != stream.head:
        return None
    known = applied - first_seq + 1
    place = Place.REPEAT if last == applied else Place.APPEND
    return Placement(place, stream.branch, known)


def place_by_hashes(
    stream: StreamState, first_seq: int, previous: bytes, hashes: Sequence[bytes], stored: Mapping[int, bytes]
) -> Placement:
    """Compare with the stored hashes of `first_seq - 1` and on (the genesis counts as seq 0)."""
    last = first_seq + len(hashes) - 1
    if last <= stream.applied_through and stored.get(last) == hashes[-1]:
        return Placement(Place.REPEAT, stream.branch, len(hashes))
    if stored.get(first_seq - 1) != previous:
        if first_seq - 1 > stream.safe_through:
            return Placement(Place.UNKNOWN, stream.branch, 0)
        return Placement(Place.FORK, stream.branch, 0, first_seq - 1, previous)
    common = 0
    while common < len(hashes) and stored.get(first_seq + common) == hashes[common]:
        common += 1
    base = hashes[common - 1] if common else previous
    return Placement(Place.FORK, stream.branch, common, first_seq + common - 1, base)

"""What a power loss may leave of writes that were never synced."""

from dataclasses import dataclass, field
from enum import Enum
from random import Random
from typing import Final, NamedTuple

SECTOR: Final = 512


class Op(NamedTuple):
    """A write of `new` over `old`, or a truncate (`new` empty), with the file's size before and after."""

    offset: int
    old: bytes
    new: bytes
    size_before: int
    size_after: int


@dataclass
class File:
    """What is remembered of a file: its size as the process sees it, and what was done since its last sync."""

    size: int
    ops: list[Op] = field(default_factory=list)


@dataclass(frozen=True)
class Entry:
    """A change of the folder since it was synced: "create", "delete" (with what was lost) or "rename"."""

    kind: str
    path: str
    to: str = ""
    data: bytes | None = None
    file: File | None = None


class Fate(Enum):
    """How a disk treats unsynced writes."""

    DROP = "none of them is there"
    KEEP = "all of them are there"
    PREFIX = "those up to some point are there, the last torn"
    MIX = "each sector is as it was at some moment"


def survivors(data: bytes, ops: list[Op], random: Random, fate: Fate | None = None) -> bytes:
    """The file after a power loss; `data` is what the process saw and `ops` what it did since the last sync."""
    if not ops:
        return data
    fate = fate or random.choice(list(Fate))
    if fate is Fate.KEEP:
        return data
    durable = undone(data, ops)
    if fate is Fate.DROP:
        return durable
    return _torn(durable, ops, random, prefix=random.randint(0, len(ops)) if fate is Fate.PREFIX else None)


def undone(data: bytes, ops: list[Op]) -> bytes:
    """The file as it was at its last sync."""
    image = bytearray(data)
    for op in reversed(ops):
        if op.new:
            image[op.offset : op.offset + len(op.old)] = op.old
            del image[op.size_before :]
        else:
            image.extend(bytes(max(0, op.offset - len(image))))
            image[op.offset :] = op.old
            image.extend(bytes(max(0, op.size_before - len(image))))
    return bytes(image)


def _torn(durable: bytes, ops: list[Op], random: Random, *, prefix: int | None) -> bytes:
    """Each sector as it was after one of the operations that touched it, or never touched.

    With a prefix: after all of those before it, and the next one torn.
    """
    touches: dict[int, int] = {}
    for op in ops:
        for sector in _sectors(op):
            touches[sector] = touches.get(sector, 0) + 1
    chosen = {sector: random.randint(0, count) for sector, count in touches.items()} if prefix is None else {}
    image, kept, seen = bytearray(durable), bytearray(durable), dict.fromkeys(touches, 0)
    for number, op in enumerate(ops):
        _apply(image, op)
        for sector in _sectors(op):
            seen[sector] += 1
            if prefix is None:
                takes = seen[sector] == chosen[sector]
            else:
                takes = number < prefix or (number == prefix and random.random() < 0.5)
            if takes:
                _copy(image, kept, sector)
    sizes = [len(durable), *(op.size_after for op in ops)]
    size = random.choice(sizes) if prefix is None else sizes[min(prefix + random.randint(0, 1), len(ops))]
    kept.extend(bytes(max(0, size - len(kept))))
    return bytes(kept[:size])


def _apply(image: bytearray, op: Op) -> None:
    if op.new:
        image.extend(bytes(max(0, op.offset - len(image))))
        image[op.offset : op.offset + len(op.new)] = op.new
    else:
        del image[op.offset :]
        image.extend(bytes(max(0, op.size_after - len(image))))


def _copy(image: bytearray, kept: bytearray, sector: int) -> None:
    at = sector * SECTOR
    piece = image[at : at + SECTOR]
    kept.extend(bytes(max(0, at + len(piece) - len(kept))))
    kept[at : at + len(piece)] = piece


def _sectors(op: Op) -> range:
    if not op.new:
        return range(0)
    return range(op.offset // SECTOR, (op.offset + len(op.new) - 1) // SECTOR + 1)

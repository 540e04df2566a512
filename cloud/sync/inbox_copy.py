"""Entries as the bytes of a binary COPY into `inbox`."""

import struct
from typing import Final

from cloud.ledger.line_copy import COPY_HEAD, COPY_TAIL, microseconds
from cloud.sync.registry import EntryContext
from cloud.sync.state import EntryState, Reading
from protocols.journal.chain import HASH_BYTES

INBOX_COLUMNS: Final = (
    "organisation_id", "device", "epoch", "branch", "seq", "kind", "state", "received_at", "hash", "body",
)  # fmt: skip

_ENTRY: Final = struct.Struct(">iqih")
_SIZE: Final = struct.Struct(">i")
_KINDS: Final = 2**15


def pack_entries(context: EntryContext, reading: Reading) -> bytes:
    """The whole COPY, every entry as applied; a kind that no column holds is stored as 0."""
    before = struct.pack(
        ">hiqiqiiih",
        len(INBOX_COLUMNS),
        8,
        context.organisation,
        8,
        context.device,
        4,
        context.epoch,
        2,
        context.branch,
    )
    between = struct.pack(">ihiqi", 2, EntryState.APPLIED, 8, microseconds(context.received_at), HASH_BYTES)
    parts = [COPY_HEAD]
    add, pack, size = parts.append, _ENTRY.pack, _SIZE.pack
    seq = reading.first_seq
    for entry, digest, body in zip(reading.entries, reading.hashes, reading.bodies, strict=True):
        kind = entry.kind if entry is not None and 0 <= entry.kind < _KINDS else 0
        parts += (before, pack(8, seq, 2, kind), between, digest, size(len(body)), body)
        seq += 1
    add(COPY_TAIL)
    return b"".join(parts)

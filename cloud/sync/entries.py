"""Entries as they came in: read from their own bytes, never copied."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, get_args, get_origin

import msgspec

from cloud.core.database import Transaction
from cloud.core.errors import NotFound
from cloud.ledger.effects import PAYLOADS
from cloud.sync.state import EntryState, StreamState
from protocols.journal.codec import decode_entry
from protocols.journal.kinds import Kind
from protocols.journal.messages import Entry
from protocols.payments.facts import Settlement
from protocols.payments.facts import decode as decode_payload
from protocols.values.errors import Malformed
from protocols.values.ids import EntryId

_READ: Final = """
SELECT i.seq, i.state, i.received_at, i.hash, i.body, c.payload, s.checkpoint_seq, s.checkpoint
FROM inbox AS i JOIN streams AS s ON s.device = i.device AND s.epoch = i.epoch AND s.branch = i.branch
LEFT JOIN corrections AS c ON c.device = i.device AND c.epoch = i.epoch AND c.branch = i.branch AND c.seq = i.seq
    AND NOT c.withdrawn AND i.state = 1 AND c.people_needed <= (
        SELECT count(*) FROM correction_approvals AS a WHERE a.correction_id = c.id)
WHERE i.device = $1 AND i.epoch = $2 AND i.branch = $3 AND i.seq = $4
"""
_SALES: Final = """
SELECT i.seq, i.body, c.payload FROM inbox AS i
JOIN unnest($3::smallint[], $4::bigint[]) AS k (branch, seq) ON k.branch = i.branch AND k.seq = i.seq
LEFT JOIN corrections AS c ON c.device = i.device AND c.epoch = i.epoch AND c.branch = i.branch AND c.seq = i.seq
    AND NOT c.withdrawn AND c.people_needed <= (
        SELECT count(*) FROM correction_approvals AS a WHERE a.correction_id = c.id)
WHERE i.device = $1 AND i.epoch = $2 AND i.state = 1 AND i.kind = 10
"""


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry and what the cloud knows of it. `payload` is the mended one where there is one; None if unreadable."""

    id: EntryId
    state: EntryState
    received_at: datetime
    hash: bytes
    body: bytes
    entry: Entry | None
    payload: Any
    mended: bool
    checkpoint_seq: int  # newest signed seq of the stream
    signed: bool


async def read(tx: Transaction, entry_id: EntryId, *, branch: int = 0) -> StoredEntry:
    """One entry. Raises NotFound."""
    row = await tx.fetchrow(_READ, entry_id.device, entry_id.epoch, branch, entry_id.seq)
    if row is None:
        raise NotFound("no such entry has come in")
    entry, payload = decoded(bytes(row["body"]), row["payload"])
    return StoredEntry(
        entry_id, EntryState(row["state"]), row["received_at"], bytes(row["hash"]), bytes(row["body"]), entry, payload,
        row["payload"] is not None, row["checkpoint_seq"], row["checkpoint_seq"] >= entry_id.seq,
    )  # fmt: skip


async def settlement_amounts(tx: Transaction, stream: StreamState, seqs: Sequence[int]) -> dict[int, int]:
    """Amounts of applied settlements of a stream, as mended."""
    kept = [stream.kept_under(seq) for seq in seqs]
    rows = await tx.fetch(_SALES, stream.device, stream.epoch, kept, list(seqs))
    amounts = {}
    for seq, body, mended in rows:
        payload = decode_payload(Settlement, mended or decode_entry(bytes(body)).payload)
        amounts[seq] = payload.amount_fen
    return amounts


def decoded(body: bytes, mended: bytes | None) -> tuple[Entry | None, Any]:
    """Entry and payload of a body; None for what cannot be read."""
    try:
        entry = decode_entry(body)
    except Malformed:
        return None, None
    struct = PAYLOADS.get(entry.kind)
    if struct is None:
        return entry, None
    try:
        return entry, decode_payload(struct, mended if mended is not None else entry.payload)
    except Malformed:
        return entry, None


def kind_name(kind: int) -> str:
    """'settlement' for 10; 'kind_77' for what is not known here."""
    try:
        return Kind(kind).name.lower()
    except ValueError:
        return f"kind_{kind}"


def to_fields(value: Any) -> Any:
    """Structs as mappings of their fields, all the way down."""
    if isinstance(value, msgspec.Struct):
        return {name: to_fields(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, list | tuple):
        return [to_fields(each) for each in value]
    return value.hex() if isinstance(value, bytes) else value


def from_fields(kind: int, fields: Any) -> bytes:
    """The bytes of a payload given by field names, as `to_fields` shows it. Raises Malformed."""
    struct = PAYLOADS.get(kind)
    if struct is None:
        raise Malformed("entries of this kind cannot be mended here")
    try:
        return msgspec.msgpack.encode(msgspec.convert(_listed(struct, fields), type=struct))
    except (msgspec.ValidationError, TypeError, KeyError, ValueError) as error:
        raise Malformed(f"not a {struct.__name__}: {error}") from error


def _listed(kind: Any, value: Any) -> Any:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(value, dict):
        fields = msgspec.structs.fields(kind)
        known = {field.name for field in fields}
        if set(value) - known:
            raise Malformed(f"{kind.__name__} has no field {min(set(value) - known)!r}")
        return [_listed(f.type, value[f.name] if f.required or f.name in value else f.default) for f in fields]
    if kind is bytes and isinstance(value, str):
        return bytes.fromhex(value)
    if get_origin(kind) is tuple and isinstance(value, list):
        parts = get_args(kind)
        if parts[-1] is ...:
            return [_listed(parts[0], each) for each in value]
        return [_listed(part, each) for part, each in zip(parts, value, strict=True)]
    return value

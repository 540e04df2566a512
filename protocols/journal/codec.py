"""Entries to bytes and back. The bytes made here are hashed, stored, sent and kept as they are."""

import msgspec

from protocols.journal.messages import FORMAT, Checkpoint, Entry
from protocols.values.errors import Malformed

MAX_ENTRY_BYTES = 64 * 1024

_encoder = msgspec.msgpack.Encoder()
_entry_decoder = msgspec.msgpack.Decoder(Entry)
_checkpoint_decoder = msgspec.msgpack.Decoder(Checkpoint)

encode_entry = _encoder.encode


def decode_entry(body: bytes) -> Entry:
    """Read an entry's bytes; raises Malformed."""
    if len(body) > MAX_ENTRY_BYTES:
        raise Malformed(f"an entry is at most {MAX_ENTRY_BYTES} bytes, this one is {len(body)}")
    try:
        entry = _entry_decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise Malformed(f"not a journal entry: {error}") from error
    if entry.format != FORMAT:
        raise Malformed(f"journal format {entry.format} is not known here; upgrade before reading it")
    return entry


def decode_checkpoint(body: bytes) -> Checkpoint:
    """Read a checkpoint's bytes; raises Malformed."""
    try:
        return _checkpoint_decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise Malformed(f"not a checkpoint: {error}") from error

"""Sync messages to bytes and back, and the bytes that signatures and digests cover."""

import hashlib
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from protocols.values.errors import Malformed

MEDIA_TYPE = "application/msgpack"

T = TypeVar("T")

encode = msgspec.msgpack.Encoder().encode


def decode(body: bytes, kind: type[T]) -> T:
    """Read a message; raises Malformed."""
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise Malformed(f"not a {kind.__name__}: {error}") from error


def session_bytes(device: int, key_id: int, at_ms: int, nonce: bytes) -> bytes:
    """What `OpenSession.signature` covers."""
    return b"quartermaster session %d %d %d " % (device, key_id, at_ms) + nonce


def provision_bytes(code: str, public_key: bytes) -> bytes:
    """What `Provision.signature` covers."""
    return b"quartermaster provision " + code.encode() + b" " + public_key


def collection_digest(rows: Iterable[tuple[str, int, bytes]]) -> bytes:
    """SM3 over (key, effective_from_ms, body) of every live row, in order of key and instant (rule 30)."""
    digest = hashlib.new("sm3")
    for key, effective_from_ms, body in sorted(rows):
        digest.update(b"%s %d %d " % (key.encode(), effective_from_ms, len(body)))
        digest.update(body)
    return digest.digest()

"""Bytes of telemetry messages and back."""

from typing import Final, TypeVar

import msgspec

from protocols.values.errors import Malformed

MAX_MESSAGE_BYTES: Final = 256 * 1024

T = TypeVar("T")

encode = msgspec.msgpack.Encoder().encode


def decode(body: bytes, kind: type[T]) -> T:
    """Read a message; raises Malformed."""
    if len(body) > MAX_MESSAGE_BYTES:
        raise Malformed(f"a message is at most {MAX_MESSAGE_BYTES} bytes, this one is {len(body)}")
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise Malformed(f"not a {kind.__name__}: {error}") from error

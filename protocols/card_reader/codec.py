"""`02 <hex digits> <XOR as two hex digits> [0D] [0A] 03`, and the bare line `<hex digits>`."""

import binascii
from functools import reduce

from protocols.card_reader.messages import CardNumber
from protocols.values.errors import Malformed

LONGEST_FRAME = 26
"""STX, ten bytes and a checksum in hex, CR, LF, ETX."""
UID_BYTES = frozenset({4, 5, 7, 10})
"""MIFARE single size, EM low frequency, double and triple size (ISO/IEC 14443-3)."""
_STX = 0x02
_ETX = 0x03


def decode_frame(frame: bytes) -> CardNumber:
    """The number in one frame from STX to ETX; Malformed otherwise."""
    if len(frame) > LONGEST_FRAME or frame[:1] != bytes((_STX,)) or frame[-1:] != bytes((_ETX,)):
        raise Malformed("does not run from STX to ETX")
    raw = _unhex(frame[1:-1].removesuffix(b"\n").removesuffix(b"\r"))
    uid, check = raw[:-1], raw[-1:]
    if len(uid) not in UID_BYTES:
        raise Malformed(f"card number of {len(uid)} bytes")
    if bytes((_xor(uid),)) != check:
        raise Malformed("checksum does not match")
    return CardNumber(uid=uid.hex().upper(), checked=True)


def encode_frame(uid: str) -> bytes:
    """Bytes of a frame with CR LF; ValueError when `uid` is not the hex of 4, 5, 7 or 10 bytes."""
    raw = bytes.fromhex(uid)
    if len(raw) not in UID_BYTES:
        raise ValueError(f"card number of {len(raw)} bytes")
    text = (raw + bytes((_xor(raw),))).hex().upper().encode()
    return bytes((_STX,)) + text + b"\r\n" + bytes((_ETX,))


def decode_line(line: bytes) -> CardNumber:
    """The number in a bare line without its end, from readers set to send no frame; Malformed otherwise."""
    raw = _unhex(line.strip(b" "))
    if len(raw) not in UID_BYTES:
        raise Malformed(f"card number of {len(raw)} bytes")
    return CardNumber(uid=raw.hex().upper(), checked=False)


def _unhex(text: bytes) -> bytes:
    try:
        return binascii.unhexlify(text)
    except binascii.Error:
        raise Malformed("not hex digits in pairs") from None


def _xor(data: bytes) -> int:
    return reduce(lambda check, byte: check ^ byte, data, 0)

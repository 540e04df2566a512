"""A9 frame `02 sign d6 decimals xorH xorL 03` and A12 line `ww0003.17kg`."""

import re
from functools import reduce

from protocols.scale.messages import ScaleReading
from protocols.scale.units import milligrams, parse_decimal, step_mg
from protocols.scale_xk3190.messages import WeightFrame, WeightLine
from protocols.values.errors import Malformed

FRAME_BYTES = 12
_STX = 0x02
_ETX = 0x03
_MOST_DECIMALS = 4
_MOST_DIGITS = 999_999
_LINE = re.compile(rb"w([wn])([+-]? *[0-9.]{1,10}) *(kg|g|t)")


def decode_frame(frame: bytes) -> WeightFrame:
    """The weight in one 12-byte frame; Malformed otherwise.

    The two check characters are hex digits, or 0x30 + nibble as some units send.
    """
    if len(frame) != FRAME_BYTES or frame[0] != _STX or frame[-1] != _ETX:
        raise Malformed("not 12 bytes from STX to ETX")
    sign, digits, decimals = frame[1:2], frame[2:8], frame[8:9]
    if sign not in (b"+", b"-") or not digits.isdigit() or not decimals.isdigit():
        raise Malformed("sign or digits out of place")
    if int(decimals) > _MOST_DECIMALS:
        raise Malformed("more than four decimals")
    check = _xor(frame[1:9])
    if (_nibble(frame[9]), _nibble(frame[10])) != (check >> 4, check & 0x0F):
        raise Malformed("check characters do not match")
    value = int(digits)
    return WeightFrame(digits=-value if sign == b"-" else value, decimals=int(decimals))


def encode_frame(message: WeightFrame) -> bytes:
    """Bytes of a frame; ValueError when the number has more than six digits or four decimals."""
    if abs(message.digits) > _MOST_DIGITS or not 0 <= message.decimals <= _MOST_DECIMALS:
        raise ValueError(f"{message.digits} with {message.decimals} decimals does not fit the frame")
    sign = "-" if message.digits < 0 else "+"
    body = f"{sign}{abs(message.digits):06d}{message.decimals}".encode()
    return bytes((_STX,)) + body + f"{_xor(body):02X}".encode() + bytes((_ETX,))


def decode_line(line: bytes) -> WeightLine:
    """The weight in one text line without its end; Malformed otherwise."""
    match = _LINE.fullmatch(line.strip(b" "))
    if match is None:
        raise Malformed("not a line of the form ww0003.17kg")
    digits, decimals = parse_decimal(match[2].decode())
    return WeightLine(digits=digits, decimals=decimals, unit=match[3].decode(), net=match[1] == b"n")


def frame_reading(message: WeightFrame, *, unit: str) -> ScaleReading:
    """The reading of a frame in the unit the indicator is set to; it tells neither stability nor overload."""
    return ScaleReading(
        weight_mg=milligrams(message.digits, decimals=message.decimals, unit=unit),
        zero=message.digits == 0,
        division_mg=step_mg(decimals=message.decimals, unit=unit),
    )


def line_reading(message: WeightLine) -> ScaleReading:
    """The reading of a text line; it tells neither stability nor overload."""
    return ScaleReading(
        weight_mg=milligrams(message.digits, decimals=message.decimals, unit=message.unit),
        zero=message.digits == 0,
        net=message.net,
        division_mg=step_mg(decimals=message.decimals, unit=message.unit),
    )


def _xor(data: bytes) -> int:
    return reduce(lambda check, byte: check ^ byte, data, 0)


def _nibble(character: int) -> int:
    if 0x41 <= character <= 0x46:
        return character - 0x41 + 10
    return character - 0x30

"""Continuous frame `02 SWA SWB SWC weight6 tare6 0D [CHK]`; parity bits are ignored."""

from protocols.scale.messages import ScaleReading
from protocols.scale.units import milligrams, step_mg
from protocols.scale_toledo.messages import ContinuousFrame
from protocols.values.errors import Malformed

FRAME_BYTES = 17
_STX = 0x02
_CR = 0x0D
_SEVEN_BITS = 0x7F
_ALWAYS = 0x20
_POINT = 0x07
_MOST_DIGITS = 999_999
_STEPS = {0b01: 1, 0b10: 2, 0b11: 5}
_UNITS = {0b001: "g", 0b010: "t"}
_NET, _NEGATIVE, _OUT_OF_RANGE, _MOTION, _KILOGRAMS = 0x01, 0x02, 0x04, 0x08, 0x10
_EXPANDED = 0x10


def checksum(data: bytes) -> int:
    """Two's complement of the sum of the low seven bits of STX to CR, in seven bits."""
    return -sum(byte & _SEVEN_BITS for byte in data) & _SEVEN_BITS


def decode_frame(frame: bytes, *, checked: bool) -> ContinuousFrame:
    """The weight in one frame of 17 bytes (18 when `checked`); Malformed otherwise."""
    if len(frame) != FRAME_BYTES + checked:
        raise Malformed(f"not {FRAME_BYTES + checked} bytes")
    if checked and checksum(frame[:FRAME_BYTES]) != frame[FRAME_BYTES] & _SEVEN_BITS:
        raise Malformed("checksum does not match")
    body = bytes(byte & _SEVEN_BITS for byte in frame[:FRAME_BYTES])
    if body[0] != _STX or body[16] != _CR:
        raise Malformed("does not run from STX to CR")
    status_a, status_b, status_c = body[1:4]
    if not status_a & _ALWAYS or not status_c & _ALWAYS:
        raise Malformed("a status byte lacks its constant bit")
    out_of_range = bool(status_b & _OUT_OF_RANGE)
    digits = _digits(body[4:10])
    if digits is None and not out_of_range:
        raise Malformed("weight is not a number")
    return ContinuousFrame(
        digits=digits,
        tare_digits=_digits(body[10:16]),
        decimals=(status_a & _POINT) - 2 + bool(status_c & _EXPANDED),
        unit=_unit(status_b, status_c),
        step=_STEPS.get(status_a >> 3 & 0b11, 0),
        net=bool(status_b & _NET),
        negative=bool(status_b & _NEGATIVE),
        out_of_range=out_of_range,
        motion=bool(status_b & _MOTION),
    )


def encode_frame(message: ContinuousFrame, *, checked: bool) -> bytes:
    """Bytes of a frame; ValueError when a number or the place of the point does not fit."""
    point = message.decimals + 2
    largest = max(message.digits or 0, message.tare_digits or 0)
    if not 0 <= point <= _POINT or not 0 <= largest <= _MOST_DIGITS:
        raise ValueError(f"{largest} with {message.decimals} decimals does not fit the frame")
    step = next((bits for bits, value in _STEPS.items() if value == message.step), 0)
    status_b = _ALWAYS | (_NET if message.net else 0) | (_NEGATIVE if message.negative else 0)
    status_b |= (_OUT_OF_RANGE if message.out_of_range else 0) | (_MOTION if message.motion else 0)
    unit_bits = next((bits for bits, unit in _UNITS.items() if unit == message.unit), 0)
    if message.unit == "kg":
        status_b |= _KILOGRAMS
    elif not unit_bits:
        raise ValueError(f"unit {message.unit!r} is not one of g, kg, t")
    head = bytes((_STX, _ALWAYS | step << 3 | point, status_b, _ALWAYS | unit_bits))
    frame = head + _field(message.digits) + _field(message.tare_digits) + bytes((_CR,))
    return frame + bytes((checksum(frame),)) if checked else frame


def to_reading(message: ContinuousFrame) -> ScaleReading:
    """The reading of a frame in milligrams; zero is a resting weight of nothing. Malformed when not metric."""
    digits = message.digits or 0
    negative = message.negative
    return ScaleReading(
        weight_mg=milligrams(-digits if negative else digits, decimals=message.decimals, unit=message.unit),
        stable=not message.motion,
        overload=message.out_of_range and not negative,
        underload=message.out_of_range and negative,
        zero=digits == 0 and not message.out_of_range,
        net=message.net,
        tare_mg=milligrams(message.tare_digits or 0, decimals=message.decimals, unit=message.unit),
        division_mg=step_mg(decimals=message.decimals, unit=message.unit, step=message.step or 1),
    )


def _unit(status_b: int, status_c: int) -> str:
    code = status_c & 0b111
    if code == 0:
        return "kg" if status_b & _KILOGRAMS else "lb"
    return _UNITS.get(code, "?")


def _digits(field: bytes) -> int | None:
    text = field.lstrip(b" ")
    return int(text) if text.isdigit() else None


def _field(digits: int | None) -> bytes:
    return b"------" if digits is None else f"{digits:06d}".encode()

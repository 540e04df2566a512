r"""`ST,GS,<id><lamps>,<8 characters> kg\r\n`, 22 bytes."""

from protocols.scale.messages import ScaleReading
from protocols.scale.units import milligrams, parse_decimal, step_mg
from protocols.scale_cas.messages import CasFrame
from protocols.values.errors import Malformed

FRAME_BYTES = 22
LAMP_ZERO = 0x01
LAMP_TARE = 0x02
LAMP_GROSS = 0x04
LAMP_HOLD = 0x10
LAMP_STABLE = 0x40
_LAMP_ALWAYS = 0xA0
_HEADERS = frozenset({b"ST", b"US", b"OL"})
_MODES = frozenset({b"GS", b"NT"})
_END = b"\r\n"


def decode_frame(frame: bytes) -> CasFrame:
    """The weight in one 22-byte frame; Malformed otherwise."""
    if len(frame) != FRAME_BYTES or frame[20:] != _END:
        raise Malformed("not 22 bytes ended by CR LF")
    header, mode = frame[0:2], frame[3:5]
    if (frame[2:3], frame[5:6], frame[8:9]) != (b",", b",", b","):
        raise Malformed("commas out of place")
    if header not in _HEADERS or mode not in _MODES:
        raise Malformed("neither ST, US, OL nor GS, NT")
    digits, decimals = _number(frame[9:17], overload=header == b"OL")
    return CasFrame(
        header=header.decode(),
        net=mode == b"NT",
        device_id=frame[6],
        lamps=frame[7],
        digits=digits,
        decimals=decimals,
        unit=_text(frame[17:20]).strip().lower(),
    )


def encode_frame(message: CasFrame) -> bytes:
    """Bytes of a frame; ValueError when a field does not fit its place."""
    field = "        " if message.digits is None else _shown(message.digits, message.decimals)
    head = f"{message.header},{'NT' if message.net else 'GS'},".encode()
    frame = head + bytes((message.device_id, message.lamps)) + f",{field}{message.unit:>3}".encode() + _END
    if len(frame) != FRAME_BYTES:
        raise ValueError(f"{message.digits} with {message.decimals} decimals does not fit the frame")
    return frame


def lamp_byte(*, stable: bool, net: bool, zero: bool) -> int:
    """The lamp byte of a scale in that state."""
    lamps = _LAMP_ALWAYS | (LAMP_STABLE if stable else 0) | (LAMP_ZERO if zero else 0)
    return lamps | (LAMP_TARE if net else LAMP_GROSS)


def to_reading(message: CasFrame) -> ScaleReading:
    """The reading of a frame in milligrams; Malformed when not metric."""
    digits = message.digits or 0
    return ScaleReading(
        weight_mg=milligrams(digits, decimals=message.decimals, unit=message.unit),
        stable=message.header == "ST",
        overload=message.header == "OL" and digits >= 0,
        underload=message.header == "OL" and digits < 0,
        zero=bool(message.lamps & LAMP_ZERO),
        net=message.net,
        division_mg=step_mg(decimals=message.decimals, unit=message.unit),
    )


def _number(field: bytes, *, overload: bool) -> tuple[int | None, int]:
    try:
        return parse_decimal(_text(field))
    except Malformed:
        if overload:
            return None, 0
        raise


def _text(field: bytes) -> str:
    try:
        return field.decode("ascii")
    except UnicodeDecodeError:
        raise Malformed("not ASCII where text belongs") from None


def _shown(digits: int, decimals: int) -> str:
    magnitude = f"{abs(digits):0{decimals + 1}d}"
    number = f"{magnitude[:-decimals]}.{magnitude[-decimals:]}" if decimals else magnitude
    return f"-{number:0>7}" if digits < 0 else f"{number:0>8}"

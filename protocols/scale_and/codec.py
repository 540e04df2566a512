r"""`ST,GS,+0012450kg\r\n` and its relatives."""

import re

from protocols.scale.messages import ScaleReading
from protocols.scale.units import milligrams, parse_decimal, step_mg
from protocols.scale_and.messages import AndLine
from protocols.values.errors import Malformed

_LINE = re.compile(rb"(ST|US|OL),(?:(GS|NT),)?([-+ 0-9.E]{1,12}) *,? *([a-z]{1,2})?", re.IGNORECASE)
_DATA_CHARACTERS = 8


def decode_line(line: bytes) -> AndLine:
    """The weight in one line without its end; Malformed otherwise (counting and percent modes too)."""
    match = _LINE.fullmatch(line.strip(b" "))
    if match is None:
        raise Malformed("not a line of the form ST,GS,+00123.4  g")
    header, mode, data, unit = match[1].decode().upper(), match[2], match[3].decode(), match[4]
    negative = data.lstrip().startswith("-")
    net = None if mode is None else mode.upper() == b"NT"
    if header == "OL":
        return AndLine(header=header, net=net, digits=None, decimals=0, unit="", negative=negative)
    digits, decimals = parse_decimal(data)
    if unit is None:
        raise Malformed("weight without a unit")
    return AndLine(
        header=header, net=net, digits=digits, decimals=decimals, unit=unit.decode().lower(), negative=negative
    )


def encode_line(message: AndLine) -> bytes:
    """Bytes of a line of 18 bytes; ValueError when the number does not fit its eight characters."""
    sign = "-" if message.negative or (message.digits or 0) < 0 else "+"
    mode = {None: "", True: "NT,", False: "GS,"}[message.net]
    number = "9999999" if message.digits is None else _shown(abs(message.digits), message.decimals)
    field = f"{sign}{number:0>7}"
    if len(field) != _DATA_CHARACTERS:
        raise ValueError(f"{message.digits} with {message.decimals} decimals does not fit the line")
    return f"{message.header},{mode}{field}{message.unit:>2}\r\n".encode()


def to_reading(message: AndLine) -> ScaleReading:
    """The reading of a line in milligrams; zero is a resting weight of nothing. Malformed when not metric."""
    if message.digits is None:
        return ScaleReading(
            weight_mg=0, stable=False, overload=not message.negative, underload=message.negative, net=message.net
        )
    return ScaleReading(
        weight_mg=milligrams(message.digits, decimals=message.decimals, unit=message.unit),
        stable=message.header == "ST",
        zero=message.digits == 0,
        net=message.net,
        division_mg=step_mg(decimals=message.decimals, unit=message.unit),
    )


def _shown(magnitude: int, decimals: int) -> str:
    text = f"{magnitude:0{decimals + 1}d}"
    return f"{text[:-decimals]}.{text[-decimals:]}" if decimals else text

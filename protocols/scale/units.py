"""Exact conversion of a decimal number with a metric unit into integer milligrams."""

from protocols.values.errors import Malformed

MILLIGRAMS = {"mg": 1, "g": 1_000, "kg": 1_000_000, "t": 1_000_000_000}
_MOST_DIGITS = 12


def milligrams(digits: int, *, decimals: int, unit: str) -> int:
    """`digits` shifted right by `decimals` (left when negative) in `unit`; Malformed unless metric and exact."""
    factor = MILLIGRAMS.get(unit)
    if factor is None:
        raise Malformed(f"unit {unit!r} is not metric")
    shift: int = 10 ** abs(decimals)
    if decimals < 0:
        return digits * factor * shift
    whole, rest = divmod(abs(digits) * factor, shift)
    if rest:
        raise Malformed("weight finer than a milligram")
    return -whole if digits < 0 else whole


def parse_decimal(text: str) -> tuple[int, int]:
    """(digits, decimals) of ASCII text such as ` +00123.4`; blanks may pad and follow the sign. Malformed otherwise."""
    body = text.strip(" ")
    negative = body.startswith("-")
    body = body.removeprefix("-" if negative else "+").lstrip(" ")
    whole, _, fraction = body.partition(".")
    joined = whole + fraction
    if not (joined.isascii() and joined.isdigit()) or len(joined) > _MOST_DIGITS:
        raise Malformed(f"not a decimal number: {text[:20]!r}")
    value = int(joined)
    return (-value if negative else value), len(fraction)


def step_mg(*, decimals: int, unit: str, step: int = 1) -> int | None:
    """Weight of `step` in the last place shown, None when it is finer than a milligram."""
    try:
        return milligrams(step, decimals=decimals, unit=unit)
    except Malformed:
        return None

"""What one text line says."""

import msgspec


class AndLine(msgspec.Struct, frozen=True):
    """A line as sent. `net` is None when the line does not tell; `digits` is None when overloaded without a number."""

    header: str
    net: bool | None
    digits: int | None
    decimals: int
    unit: str
    negative: bool = False

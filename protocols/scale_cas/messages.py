"""What one 22-byte output says."""

import msgspec


class CasFrame(msgspec.Struct, frozen=True):
    """A frame as sent. `digits` is None when overloaded without a number; `lamps` is the byte as sent."""

    header: str
    net: bool
    device_id: int
    lamps: int
    digits: int | None
    decimals: int
    unit: str

"""What the indicator sends: a signed number; the frame names no unit, the line does."""

import msgspec


class WeightFrame(msgspec.Struct, frozen=True):
    """A9 continuous frame: `digits` (signed, six places) with `decimals` (0 to 4) places behind the point."""

    digits: int
    decimals: int


class WeightLine(msgspec.Struct, frozen=True):
    """A12 text line: gross (`ww`) or net (`wn`) weight with its unit."""

    digits: int
    decimals: int
    unit: str
    net: bool

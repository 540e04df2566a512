"""What one continuous frame says."""

import msgspec


class ContinuousFrame(msgspec.Struct, frozen=True):
    """A frame as sent. `digits` and `tare_digits` are magnitudes; `digits` is None when the field holds no number.

    `decimals` may be -2 or -1 (hundreds, tens). `step` is 1, 2 or 5 in the last place, 0 when not told.
    """

    digits: int | None
    tare_digits: int | None
    decimals: int
    unit: str
    step: int
    net: bool
    negative: bool
    out_of_range: bool
    motion: bool

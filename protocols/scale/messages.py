"""One weight, whatever indicator sent it."""

import msgspec


class ScaleReading(msgspec.Struct, frozen=True):
    """A weight in integer milligrams; None where the protocol does not tell.

    `weight_mg` means nothing when `overload` or `underload`.
    """

    weight_mg: int
    stable: bool | None = None
    overload: bool = False
    underload: bool = False
    zero: bool | None = None
    net: bool | None = None
    tare_mg: int | None = None
    division_mg: int | None = None

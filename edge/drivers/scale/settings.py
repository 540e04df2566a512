"""Settings of a scale."""

from typing import Annotated, Literal

import msgspec


class ScaleSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`url` as tcp:// or serial://, `protocol` as the indicator is set."""

    url: str
    protocol: Literal["xk3190", "xk3190_a12", "toledo", "cas", "and"]
    unit: Literal["g", "kg", "t"] = "kg"
    """Unit of the indicator; only the xk3190 frame does not tell it."""
    checked: bool = True
    """Whether a toledo indicator sends checksums."""
    stable_readings: Annotated[int, msgspec.Meta(ge=1, le=50)] = 3
    """Equal readings running (which the scale must call stable if it tells) before a weight is stable."""
    silence_s: Annotated[float, msgspec.Meta(gt=0, le=60)] = 2.0
    """Time without a sound reading after which the scale counts as gone."""
    capacity_g: Annotated[int, msgspec.Meta(gt=0)] | None = None
    """Max on the name plate: above it plus 9 divisions is overload, also where the protocol does not tell."""
    division_mg: Annotated[int, msgspec.Meta(gt=0)] | None = None
    """Step of the scale (d); taken from the protocol when absent."""

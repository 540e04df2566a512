"""Settings of a code scanner."""

from typing import Annotated

import msgspec


class CodeScannerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`url` as tcp:// or serial:// (9600 or 115200 baud usual)."""

    url: str
    hold_off_s: Annotated[float, msgspec.Meta(ge=0, le=30)] = 1.5
    """The same code seen again within this time since it was last seen is still the same scan."""
    pause_s: Annotated[float, msgspec.Meta(gt=0, le=10)] = 1.0
    """A code whose end does not come within this time is dropped."""

"""Settings of a card reader."""

from typing import Annotated, Literal

import msgspec


class CardReaderSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`url` as tcp:// or serial:// (9600 baud usual)."""

    url: str
    framing: Literal["frame", "line"] = "frame"
    """`frame`: STX, number, checksum, ETX. `line`: the bare number and CR LF, which nothing checks."""
    hold_off_s: Annotated[float, msgspec.Meta(ge=0, le=30)] = 1.5
    """A card seen again within this time since it was last seen is still the same tap."""

"""Settings of a tray reader."""

from typing import Annotated

import msgspec


class TrayReaderSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`url` as tcp:// or serial:// (57600 baud by default of the reader)."""

    url: str
    address: Annotated[int, msgspec.Meta(ge=0, le=255)] = 0
    with_signal: bool = False
    """Later readers of the family tell antenna and signal strength of each tag."""
    scan_time_100ms: Annotated[int, msgspec.Meta(ge=3, le=255)] = 3
    """Longest time of a round inside the reader, in steps of 100 ms."""
    power_dbm: Annotated[int, msgspec.Meta(ge=0, le=33)] | None = None
    """Transmit power; left as it is in the reader when absent."""
    answer_timeout_s: Annotated[float, msgspec.Meta(gt=0, le=10)] = 0.5
    """Longest wait for an answer, beyond the scan time."""
    silent_rounds: Annotated[int, msgspec.Meta(ge=1, le=10)] = 2
    """Rounds running without an answer after which the reader counts as gone."""
    pause_s: Annotated[float, msgspec.Meta(ge=0, le=5)] = 0.0
    """Pause between rounds."""

"""Readings out of the text output."""

from protocols.framing.lines import LineCutter
from protocols.scale.messages import ScaleReading
from protocols.scale_and.codec import decode_line, to_reading
from protocols.values.errors import Malformed

_MOST_LINE_BYTES = 32


class AndStream:
    """Bytes in, readings out; other lines are skipped and counted."""

    def __init__(self) -> None:
        self._cutter = LineCutter(most_bytes=_MOST_LINE_BYTES)
        self._refused_bytes = 0

    def feed(self, data: bytes) -> list[ScaleReading]:
        """Return the readings completed by these bytes."""
        readings: list[ScaleReading] = []
        for line in self._cutter.feed(data):
            try:
                readings.append(to_reading(decode_line(line)))
            except Malformed:
                self._refused_bytes += len(line)
        return readings

    @property
    def dropped_bytes(self) -> int:
        """How many bytes were noise."""
        return self._cutter.dropped_bytes + self._refused_bytes

"""Readings out of the indicator's continuous output."""

from protocols.framing.frames import MORE, NOISE, FrameCutter
from protocols.framing.lines import LineCutter
from protocols.scale.messages import ScaleReading
from protocols.scale.units import MILLIGRAMS
from protocols.scale_xk3190.codec import FRAME_BYTES, decode_frame, decode_line, frame_reading, line_reading
from protocols.values.errors import Malformed

_STX = 0x02
_MOST_LINE_BYTES = 32


class FrameStream:
    """Bytes of the A9 continuous output in, readings out; damaged frames are skipped and counted.

    `unit` is the unit the indicator is set to (g, kg, t), which the frame does not tell; ValueError when another.
    """

    def __init__(self, *, unit: str) -> None:
        if unit not in MILLIGRAMS:
            raise ValueError(f"unit {unit!r} is not metric")
        self._unit = unit
        self._cutter = FrameCutter(_judge, most_bytes=FRAME_BYTES)
        self._refused_bytes = 0

    def feed(self, data: bytes) -> list[ScaleReading]:
        """Return the readings completed by these bytes."""
        readings: list[ScaleReading] = []
        for frame in self._cutter.feed(data):
            try:
                readings.append(frame_reading(decode_frame(frame), unit=self._unit))
            except Malformed:
                self._refused_bytes += len(frame)
        return readings

    @property
    def dropped_bytes(self) -> int:
        """How many bytes were noise."""
        return self._cutter.dropped_bytes + self._refused_bytes


class LineStream:
    """Bytes of the A12 text output in, readings out; other lines are skipped and counted."""

    def __init__(self) -> None:
        self._cutter = LineCutter(most_bytes=_MOST_LINE_BYTES)
        self._refused_bytes = 0

    def feed(self, data: bytes) -> list[ScaleReading]:
        """Return the readings completed by these bytes."""
        readings: list[ScaleReading] = []
        for line in self._cutter.feed(data):
            try:
                readings.append(line_reading(decode_line(line)))
            except Malformed:
                self._refused_bytes += len(line)
        return readings

    @property
    def dropped_bytes(self) -> int:
        """How many bytes were noise."""
        return self._cutter.dropped_bytes + self._refused_bytes


def _judge(buffer: bytes) -> int | None:
    if buffer[0] != _STX:
        return NOISE
    if len(buffer) < FRAME_BYTES:
        return MORE
    try:
        decode_frame(buffer[:FRAME_BYTES])
    except Malformed:
        return NOISE
    return FRAME_BYTES

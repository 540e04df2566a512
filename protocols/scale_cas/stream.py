"""Readings out of the continuous output."""

from protocols.framing.frames import MORE, NOISE, FrameCutter
from protocols.scale.messages import ScaleReading
from protocols.scale_cas.codec import FRAME_BYTES, decode_frame, to_reading
from protocols.values.errors import Malformed

_FIRST_BYTES = frozenset(b"SUO")


class CasStream:
    """Bytes in, readings out; damaged frames are skipped and counted."""

    def __init__(self) -> None:
        self._cutter = FrameCutter(_judge, most_bytes=FRAME_BYTES)
        self._refused_bytes = 0

    def feed(self, data: bytes) -> list[ScaleReading]:
        """Return the readings completed by these bytes."""
        readings: list[ScaleReading] = []
        for frame in self._cutter.feed(data):
            try:
                readings.append(to_reading(decode_frame(frame)))
            except Malformed:
                self._refused_bytes += len(frame)
        return readings

    @property
    def dropped_bytes(self) -> int:
        """How many bytes were noise, or frames in a unit that is not metric."""
        return self._cutter.dropped_bytes + self._refused_bytes


def _judge(buffer: bytes) -> int | None:
    if buffer[0] not in _FIRST_BYTES:
        return NOISE
    if len(buffer) < FRAME_BYTES:
        return MORE
    try:
        decode_frame(buffer[:FRAME_BYTES])
    except Malformed:
        return NOISE
    return FRAME_BYTES

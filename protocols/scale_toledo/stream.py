"""Readings out of the continuous output."""

from protocols.framing.frames import MORE, NOISE, FrameCutter
from protocols.scale.messages import ScaleReading
from protocols.scale_toledo.codec import FRAME_BYTES, decode_frame, to_reading
from protocols.values.errors import Malformed

_STX = 0x02
_SEVEN_BITS = 0x7F


class ContinuousStream:
    """Bytes in, readings out; damaged frames are skipped and counted.

    `checked` as the indicator is set. An indicator that sends checksums is also understood with `checked` off,
    then the checksum is skipped; the other way round nothing is understood.
    """

    def __init__(self, *, checked: bool) -> None:
        self._checked = checked
        self._cutter = FrameCutter(self._judge, most_bytes=FRAME_BYTES + checked)
        self._refused_bytes = 0

    def feed(self, data: bytes) -> list[ScaleReading]:
        """Return the readings completed by these bytes."""
        readings: list[ScaleReading] = []
        for frame in self._cutter.feed(data):
            try:
                readings.append(to_reading(decode_frame(frame, checked=self._checked)))
            except Malformed:
                self._refused_bytes += len(frame)
        return readings

    @property
    def dropped_bytes(self) -> int:
        """How many bytes were noise, or frames in a unit that is not metric."""
        return self._cutter.dropped_bytes + self._refused_bytes

    def _judge(self, buffer: bytes) -> int | None:
        if buffer[0] & _SEVEN_BITS != _STX:
            return NOISE
        length = FRAME_BYTES + self._checked
        if len(buffer) < length:
            return MORE
        try:
            decode_frame(buffer[:length], checked=self._checked)
        except Malformed:
            return NOISE
        return length

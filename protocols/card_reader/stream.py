"""Card numbers out of a byte stream."""

from protocols.card_reader.codec import LONGEST_FRAME, decode_frame, decode_line
from protocols.card_reader.messages import CardNumber
from protocols.framing.frames import MORE, NOISE, FrameCutter
from protocols.framing.lines import LineCutter
from protocols.values.errors import Malformed

_STX = 0x02
_ETX = 0x03
_INSIDE = frozenset(b"0123456789abcdefABCDEF\r\n")
_MOST_LINE_BYTES = 24


class FrameStream:
    """Bytes in, card numbers out; damaged frames are skipped and counted."""

    def __init__(self) -> None:
        self._cutter = FrameCutter(_judge, most_bytes=LONGEST_FRAME)

    def feed(self, data: bytes) -> list[CardNumber]:
        """Return the numbers completed by these bytes."""
        return [decode_frame(frame) for frame in self._cutter.feed(data)]

    @property
    def dropped_bytes(self) -> int:
        """How many bytes were noise."""
        return self._cutter.dropped_bytes


class LineStream:
    """Bare lines in, unchecked card numbers out; other lines are skipped and counted."""

    def __init__(self) -> None:
        self._cutter = LineCutter(most_bytes=_MOST_LINE_BYTES)
        self._refused_bytes = 0

    def feed(self, data: bytes) -> list[CardNumber]:
        """Return the numbers completed by these bytes."""
        numbers: list[CardNumber] = []
        for line in self._cutter.feed(data):
            try:
                numbers.append(decode_line(line))
            except Malformed:
                self._refused_bytes += len(line)
        return numbers

    @property
    def dropped_bytes(self) -> int:
        """How many bytes were noise."""
        return self._cutter.dropped_bytes + self._refused_bytes


def _judge(buffer: bytes) -> int | None:
    if buffer[0] != _STX:
        return NOISE
    for position, byte in enumerate(buffer[1:], start=1):
        if byte == _ETX:
            return _sound(buffer[: position + 1])
        if byte not in _INSIDE:
            return NOISE
    return MORE


def _sound(frame: bytes) -> int:
    try:
        decode_frame(frame)
    except Malformed:
        return NOISE
    return len(frame)

"""Codes out of a byte stream."""

from protocols.code_scanner.codec import MOST_LINE_BYTES, decode_line
from protocols.code_scanner.messages import ScannedCode
from protocols.framing.lines import LineCutter
from protocols.values.errors import Malformed


class CodeStream:
    """Bytes in, codes out; a code is complete at its CR or LF. Lines that are no text are skipped and counted."""

    def __init__(self) -> None:
        self._cutter = LineCutter(most_bytes=MOST_LINE_BYTES)
        self._refused_bytes = 0

    def feed(self, data: bytes) -> list[ScannedCode]:
        """Return the codes completed by these bytes."""
        codes: list[ScannedCode] = []
        for line in self._cutter.feed(data):
            try:
                codes.append(decode_line(line))
            except Malformed:
                self._refused_bytes += len(line)
        return codes

    def reset(self) -> None:
        """Forget an unfinished code (after a pause: its end will not come any more)."""
        self._cutter.reset()

    @property
    def dropped_bytes(self) -> int:
        """How many bytes were noise."""
        return self._cutter.dropped_bytes + self._refused_bytes

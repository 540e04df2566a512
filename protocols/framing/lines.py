"""Lines out of a byte stream: ended by CR, LF or both, never longer than a limit."""

_CR = 0x0D
_LF = 0x0A


class LineCutter:
    """Cuts lines at CR or LF; empty lines vanish, an overlong line is dropped up to its end and counted.

    `dropped_bytes` counts bytes of overlong lines. Holds at most `most_bytes` bytes.
    """

    def __init__(self, *, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._line = bytearray()
        self._overlong = False
        self.dropped_bytes = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines completed by these bytes, without their ends."""
        lines: list[bytes] = []
        for byte in data:
            if byte in (_CR, _LF):
                if self._line and not self._overlong:
                    lines.append(bytes(self._line))
                self.reset()
            elif self._overlong:
                self.dropped_bytes += 1
            elif len(self._line) == self._most_bytes:
                self.dropped_bytes += len(self._line) + 1
                self._line.clear()
                self._overlong = True
            else:
                self._line.append(byte)
        return lines

    def reset(self) -> None:
        """Forget an unfinished line."""
        self._line.clear()
        self._overlong = False

    @property
    def waiting(self) -> bytes:
        """The unfinished line."""
        return bytes(self._line)

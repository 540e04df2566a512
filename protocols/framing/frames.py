"""Binary frames out of a byte stream: a judge says how long the frame at the front is, or that there is none."""

from collections.abc import Callable

NOISE = 0
"""The judge's answer when no frame can start at the first byte."""
MORE = None
"""The judge's answer when it needs more bytes to tell."""

Judge = Callable[[bytes], int | None]


class FrameCutter:
    """Cuts frames by a judge of the buffer's front; a byte that starts no frame is dropped and counted.

    The judge gets the buffer and answers NOISE, MORE, or the length of the sound frame at its front. It must decide
    by a prefix: once it answers NOISE or a length, more bytes may not change the answer. Holds `most_bytes` at most.
    """

    def __init__(self, judge: Judge, *, most_bytes: int) -> None:
        self._judge = judge
        self._most_bytes = most_bytes
        self._buffer = bytearray()
        self.dropped_bytes = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Return the frames completed by these bytes."""
        frames: list[bytes] = []
        for start in range(0, len(data), self._most_bytes):
            self._buffer += data[start : start + self._most_bytes]
            self._cut(frames)
        return frames

    def reset(self) -> None:
        """Forget an unfinished frame."""
        self._buffer.clear()

    @property
    def waiting(self) -> bytes:
        """The bytes of an unfinished frame."""
        return bytes(self._buffer)

    def _cut(self, frames: list[bytes]) -> None:
        start = 0
        while start < len(self._buffer):
            verdict = self._judge(bytes(self._buffer[start : start + self._most_bytes]))
            if verdict is MORE:
                if len(self._buffer) - start < self._most_bytes:
                    break
                verdict = NOISE
            if verdict == NOISE:
                start += 1
                self.dropped_bytes += 1
            else:
                frames.append(bytes(self._buffer[start : start + verdict]))
                start += verdict
        del self._buffer[:start]

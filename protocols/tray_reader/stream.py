"""Answers (and, for a simulator, commands) out of a byte stream with noise in it."""

from protocols.framing.frames import MORE, NOISE, FrameCutter
from protocols.tray_reader.codec import crc16, decode_command, decode_response
from protocols.tray_reader.messages import Command, CommandCode, Response

_LONGEST_FRAME = 256
_CODE_AT = 2
_KNOWN = frozenset(CommandCode)


class ResponseStream:
    """Bytes in, answers out. Noise is skipped; only answers to the commands known here are seen."""

    def __init__(self) -> None:
        self._cutter = FrameCutter(_judge_response, most_bytes=_LONGEST_FRAME)

    def feed(self, data: bytes) -> list[Response]:
        """Return the answers completed by these bytes."""
        return [decode_response(frame) for frame in self._cutter.feed(data)]

    def reset(self) -> None:
        """Forget an unfinished answer (call before each command)."""
        self._cutter.reset()

    @property
    def dropped_bytes(self) -> int:
        """How many bytes were noise."""
        return self._cutter.dropped_bytes


class CommandStream:
    """Bytes in, commands out; the reader's side."""

    def __init__(self) -> None:
        self._cutter = FrameCutter(_judge_command, most_bytes=_LONGEST_FRAME)

    def feed(self, data: bytes) -> list[Command]:
        """Return the commands completed by these bytes."""
        return [decode_command(frame) for frame in self._cutter.feed(data)]


def _judge_response(buffer: bytes) -> int | None:
    if len(buffer) > _CODE_AT and buffer[_CODE_AT] not in _KNOWN:
        return NOISE
    return _judge(buffer, shortest=5)


def _judge_command(buffer: bytes) -> int | None:
    return _judge(buffer, shortest=4)


def _judge(buffer: bytes, *, shortest: int) -> int | None:
    if buffer[0] < shortest:
        return NOISE
    length = buffer[0] + 1
    if len(buffer) < length:
        return MORE
    frame = buffer[:length]
    return length if crc16(frame[:-2]) == int.from_bytes(frame[-2:], "little") else NOISE

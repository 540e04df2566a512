"""What a printer understands of ESC/POS: commands and text out of a byte stream, whatever its chunks."""

from dataclasses import dataclass

_DLE, _ESC, _FS, _GS, _LF = 0x10, 0x1B, 0x1C, 0x1D, 0x0A
_LONGEST_COMMAND = 8
# Bytes that follow two-byte command heads; heads not listed here are taken to have one.
_ARGUMENTS = {
    (_ESC, ord("@")): 0,
    (_FS, ord("&")): 0,
    (_FS, ord(".")): 0,
    (_DLE, 0x04): 1,
    (_ESC, ord("D")): 1,
}
_MOST_WAITING_BYTES = 65_536 + _LONGEST_COMMAND


@dataclass(frozen=True, slots=True)
class Text:
    """Printed bytes in the printer's encoding."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Feed:
    """End of a line."""


@dataclass(frozen=True, slots=True)
class AskStatus:
    """`DLE EOT n`: a real-time question."""

    number: int


@dataclass(frozen=True, slots=True)
class AskWhenThrough:
    """`GS r n`: a question answered after all before it has been printed."""

    number: int


@dataclass(frozen=True, slots=True)
class Qr:
    """A QR code stored for printing."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Cut:
    """The paper is cut."""


@dataclass(frozen=True, slots=True)
class Initialise:
    """`ESC @`: settings back to their start."""


Command = Text | Feed | AskStatus | AskWhenThrough | Qr | Cut | Initialise


class CommandStream:
    """Bytes in, commands out; commands that leave no trace on paper are passed over."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Command]:
        """Return what these bytes completed."""
        self._buffer += data
        found: list[Command] = []
        position = 0
        while position < len(self._buffer):
            taken, command = self._next(position)
            if taken == 0:
                break
            position += taken
            if command is not None:
                found.append(command)
        del self._buffer[:position]
        if len(self._buffer) > _MOST_WAITING_BYTES:
            self._buffer.clear()
        return found

    def _next(self, start: int) -> tuple[int, Command | None]:
        """(bytes taken, what they are); nothing taken while more are needed."""
        first = self._buffer[start]
        if first == _LF:
            return 1, Feed()
        if first in (_DLE, _ESC, _FS, _GS):
            return self._command(start)
        if first < 0x20:  # noqa: PLR2004 - other control characters
            return 1, None
        return self._text(start)

    def _text(self, start: int) -> tuple[int, Command | None]:
        end = start
        while end < len(self._buffer) and self._buffer[end] >= 0x20:  # noqa: PLR2004 - text
            end += 1
        return end - start, Text(bytes(self._buffer[start:end]))

    def _command(self, start: int) -> tuple[int, Command | None]:
        head = self._buffer[start : start + 3]
        if len(head) < 2:  # noqa: PLR2004 - a head is two bytes
            return 0, None
        if head[:2] == b"\x1d(":
            return self._function(start)
        length = 2 + _ARGUMENTS.get((head[0], head[1]), 1)
        if head[:2] == b"\x1dV" and len(head) == 3 and head[2] in (65, 66):  # noqa: PLR2004 - cut after feeding n
            length = 4
        if len(self._buffer) - start < length:
            return 0, None
        return length, _meaning(bytes(head))

    def _function(self, start: int) -> tuple[int, Command | None]:
        """`GS ( k pL pH cn fn ...`: two-dimensional codes."""
        if len(self._buffer) - start < 5:  # noqa: PLR2004 - up to pH
            return 0, None
        length = 5 + int.from_bytes(self._buffer[start + 3 : start + 5], "little")
        if len(self._buffer) - start < length:
            return 0, None
        body = bytes(self._buffer[start + 5 : start + length])
        if self._buffer[start + 2] == ord("k") and body[:2] == b"1P":
            return length, Qr(body[3:])
        return length, None


def _meaning(head: bytes) -> Command | None:
    match head[:2]:
        case b"\x10\x04":
            return AskStatus(head[2])
        case b"\x1dr":
            return AskWhenThrough(head[2])
        case b"\x1dV":
            return Cut()
        case b"\x1b@":
            return Initialise()
        case b"\x1bd" | b"\x1bJ":
            return Feed()
    return None

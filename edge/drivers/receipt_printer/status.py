"""Real-time status of an ESC/POS printer: `DLE EOT n` asks, one byte answers (Epson ESC/POS command reference)."""

from edge.drivers.base import PrinterStatus, ProtocolError

ASK_PRINTER = b"\x10\x04\x01"
ASK_OFFLINE = b"\x10\x04\x02"
ASK_PAPER = b"\x10\x04\x04"
ASK_WHEN_THROUGH = b"\x1dr\x01"
"""GS r 1: answered only when all before it has been printed."""

_FIXED_MASK, _FIXED = 0b1001_0011, 0b0001_0010
_THROUGH_MASK = 0b1001_0000
_OFFLINE = 0b1000
_COVER_OPEN, _PAPER_STOP, _ERROR = 0b100, 0b10_0000, 0b100_0000
_PAPER_LOW, _PAPER_OUT = 0b1100, 0b110_0000


def check_fixed_bits(answer: int) -> int:
    """The byte when bits 0, 1, 4 and 7 are as in every real-time status; ProtocolError otherwise."""
    if answer & _FIXED_MASK != _FIXED:
        raise ProtocolError("not a status byte", bytes((answer,)))
    return answer


def tells_through(answer: int) -> bool:
    """Whether a byte answers GS r 1 (bits 4 and 7 are 0), not an earlier real-time question (bit 4 is 1)."""
    return not answer & _THROUGH_MASK


def parse(*, printer: int, offline: int, paper: int) -> PrinterStatus:
    """The three status bytes in words."""
    return PrinterStatus(
        online=not printer & _OFFLINE,
        paper=not paper & _PAPER_OUT and not offline & _PAPER_STOP,
        paper_low=bool(paper & _PAPER_LOW),
        cover_closed=not offline & _COVER_OPEN,
        error=bool(offline & _ERROR),
    )


def why_not_ready(status: PrinterStatus) -> str:
    """Stable code of what hinders printing, most telling first; empty when nothing does."""
    if not status.cover_closed:
        return "cover_open"
    if not status.paper:
        return "paper_out"
    return "" if status.ready else "printer_error"

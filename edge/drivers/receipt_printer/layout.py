"""From a receipt to ESC/POS bytes."""

from escpos.printer import Dummy

from edge.drivers.base import ReceiptDocument, ReceiptLine

_CHINESE_MODE = b"\x1c&"  # FS &
_FULL_WIDTH_YUAN = str.maketrans("¥", "￥")  # the half-width sign is another character on Chinese printers
_QR_SIZE = 6


def render(document: ReceiptDocument, *, columns: int) -> bytes:
    """The bytes of a receipt on paper of that many half-width columns; never raises for any text."""
    printer = Dummy()
    printer.hw("INIT")
    out = bytearray(printer.output + _CHINESE_MODE)
    for line in document.lines:
        out += _line(line, columns=columns)
    if document.qr:
        printer.clear()
        printer.set(align="center")
        printer.qr(document.qr, native=True, size=_QR_SIZE)
        out += printer.output
    printer.clear()
    if document.cut:
        printer.cut()
    return bytes(out + printer.output)


def width(text: str) -> int:
    """Half-width columns a text takes: two for each character outside ASCII."""
    return sum(1 if character.isascii() else 2 for character in text)


def wrap(text: str, columns: int) -> list[str]:
    """The text cut into lines of at most that many columns, at least one line."""
    lines = [""]
    taken = 0
    for character in text:
        taken += width(character)
        if taken > columns:
            lines.append("")
            taken = width(character)
        lines[-1] += character
    return lines


def _line(line: ReceiptLine, *, columns: int) -> bytes:
    room = columns // line.scale
    left, right = _clean(line.text), _clean(line.right)
    lines = wrap(left, room)
    if right:
        gap = room - width(lines[-1]) - width(right)
        if gap < 1:
            lines.append("")
            gap = max(room - width(right), 0)
        lines[-1] += " " * gap + right
    style = Dummy()
    double = line.scale == 2  # noqa: PLR2004 - the only other size
    style.set(align=line.align, bold=line.bold, normal_textsize=not double, double_width=double, double_height=double)
    return bytes(style.output) + "".join(part + "\n" for part in lines).encode("gb18030", errors="replace")


def _clean(text: str) -> str:
    shown = text.translate(_FULL_WIDTH_YUAN)
    return "".join(character if character.isprintable() else " " for character in shown)

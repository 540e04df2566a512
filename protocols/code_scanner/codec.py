"""One line of a scanner: text in UTF-8, or in GB18030 as many scanners sold in China are set."""

from protocols.code_scanner.messages import ScannedCode
from protocols.values.errors import Malformed

MOST_LINE_BYTES = 1024
_WRAPPING = b"\x00\x02\x03 \t"


def decode_line(line: bytes) -> ScannedCode:
    """The code in one line without its end; STX, ETX and blanks around it are shed. Malformed when not text."""
    body = line.strip(_WRAPPING)
    if not body or len(body) > MOST_LINE_BYTES:
        raise Malformed("an empty or overlong code")
    text = _decode(body)
    if any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for character in text):
        raise Malformed("control characters in a code")
    return ScannedCode(text=text)


def encode_line(message: ScannedCode, *, encoding: str = "utf-8") -> bytes:
    """Bytes of a line ended by CR LF; ValueError when the text holds a line end or is too long."""
    body = message.text.encode(encoding)
    if not body or len(body) > MOST_LINE_BYTES or any(end in body for end in (b"\r", b"\n")):
        raise ValueError("a code is one line of 1 to 1,024 bytes")
    return body + b"\r\n"


def _decode(body: bytes) -> str:
    for encoding in ("utf-8", "gb18030"):
        try:
            return body.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Malformed("neither UTF-8 nor GB18030")

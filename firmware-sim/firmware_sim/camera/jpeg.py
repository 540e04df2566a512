"""JPEG pictures as RTP packets, by RFC 2435 (payload type 26), with the quantisation tables in the stream (Q = 255).

Fits baseline pictures of 4:2:0 with the standard Huffman tables, sides multiples of 8 up to 2040, which is what
OpenCV writes. RFC 2435: 3.1 the main header, 3.1.8 the quantisation table header; RFC 3550, 5.1: the RTP header.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

CLOCK_HZ: Final = 90_000
PAYLOAD_TYPE: Final = 26
MOST_PAYLOAD_BYTES: Final = 1_400
MOST_SIDE_PX: Final = 2_040
_TYPE_420: Final = 1
_TABLES_IN_BAND: Final = 255
_SOF0, _DQT, _SOS, _EOI = 0xC0, 0xDB, 0xDA, b"\xff\xd9"


class NotSuchJpeg(ValueError):
    """The picture is of a form that RFC 2435 does not carry."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Of a JPEG file what travels: size, the two quantisation tables, and the coded scan."""

    width: int
    height: int
    tables: bytes
    scan: bytes


def parts_of(jpeg: bytes) -> Parts:
    """Take a file apart. Raises NotSuchJpeg."""
    tables: dict[int, bytes] = {}
    size, at = (0, 0), 2
    while at + 4 <= len(jpeg):
        marker, length = jpeg[at + 1], int.from_bytes(jpeg[at + 2 : at + 4])
        body = jpeg[at + 4 : at + 2 + length]
        at += 2 + length
        if marker == _DQT:
            for begin in range(0, len(body), 65):
                tables[body[begin]] = body[begin + 1 : begin + 65]
        elif marker == _SOF0:
            size = int.from_bytes(body[3:5]), int.from_bytes(body[1:3])
            if body[5] != 3 or body[7] != 0x22:  # noqa: PLR2004  three components, the first sampled twice as finely
                raise NotSuchJpeg("only colour pictures of 4:2:0 are sent")
        elif marker == _SOS:
            break
    width, height = size
    if not 0 < max(size) <= MOST_SIDE_PX or width % 8 or height % 8:
        raise NotSuchJpeg(f"a picture of {width} x {height} is not sent")
    end = jpeg.rfind(_EOI)
    return Parts(width, height, tables[0] + tables[1], jpeg[at : end if end > 0 else len(jpeg)])


class Packetiser:
    """Numbers the packets of one stream."""

    def __init__(self, *, ssrc: int, sequence: int = 0) -> None:
        self._ssrc = ssrc
        self._sequence = sequence

    def packets(self, jpeg: bytes, at_s: float) -> Iterator[bytes]:
        """The packets of one picture; the last carries the marker."""
        parts = parts_of(jpeg)
        timestamp = int(at_s * CLOCK_HZ) & 0xFFFFFFFF
        offset = 0
        while offset < len(parts.scan):
            header = struct.pack(
                ">BBHBBBB",
                0,
                offset >> 16,
                offset & 0xFFFF,
                _TYPE_420,
                _TABLES_IN_BAND,
                parts.width // 8,
                parts.height // 8,
            )
            if offset == 0:
                header += struct.pack(">BBH", 0, 0, len(parts.tables)) + parts.tables
            piece = parts.scan[offset : offset + MOST_PAYLOAD_BYTES - len(header)]
            offset += len(piece)
            marker = 0x80 if offset == len(parts.scan) else 0
            self._sequence = (self._sequence + 1) & 0xFFFF
            yield (
                struct.pack(">BBHII", 0x80, marker | PAYLOAD_TYPE, self._sequence, timestamp, self._ssrc)
                + header
                + piece
            )

"""Reads an uploaded JPEG or PNG in memory; the size is read from its head, so that none unpacks beyond bounds."""

import struct
from typing import Final

import cv2
import numpy as np

from models.face.picture import LEAST_SIDE_PX, Picture

BYTES_MOST: Final = 4 * 1024 * 1024
_PIXELS_MOST: Final = 24_000_000
_SIDE_MOST: Final = 1600
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8"
_NO_SIZE: Final = {0xC4, 0xC8, 0xCC}  # tables that share the range of the frame headers


def read_picture(content: bytes) -> Picture | str:
    """The picture as BGR, turned upright, at most 1600 px a side; or the word for why it is none."""
    size = _size_of(content)
    if size is None or min(size) < LEAST_SIDE_PX:
        return "unreadable"
    if len(content) > BYTES_MOST or size[0] * size[1] > _PIXELS_MOST:
        return "picture_too_large"
    try:
        found = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return "unreadable"
    if found is None:
        return "unreadable"
    ratio = _SIDE_MOST / max(found.shape[:2])
    if ratio < 1:
        found = cv2.resize(found, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA)
    return np.asarray(found, dtype=np.uint8)


def _size_of(content: bytes) -> tuple[int, int] | None:
    """Width and height as the head of a PNG or JPEG says them."""
    if content.startswith(_PNG) and content[12:16] == b"IHDR" and len(content) >= 24:  # noqa: PLR2004 - PNG, 11.2.2
        width, height = struct.unpack_from(">II", content, 16)
        return int(width), int(height)
    return _jpeg_size(content) if content.startswith(_JPEG) else None


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(content) and content[at] == 0xFF:  # noqa: PLR2004 - ITU-T T.81, B.1.1.2
        marker = content[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in _NO_SIZE:  # noqa: PLR2004 - ITU-T T.81, table B.1
            height, width = struct.unpack_from(">HH", content, at + 5)
            return int(width), int(height)
        at += 1 if marker == 0xFF else 2 + struct.unpack_from(">H", content, at + 2)[0]  # noqa: PLR2004 - a fill byte
    return None

"""Whether a camera's frame can be judged at all: a picture, of something, and another one than before."""

import zlib
from typing import Final

from models.dish.errors import PictureUnusable
from models.dish.picture import Picture, usable

FROZEN: Final = "frozen"
FROZEN_AFTER_MS: Final = 10_000
_EVERY: Final = 8  # pixels compared, across and down


class FrameCheck:
    """One for each camera: it remembers the last picture's digest and since when it has stood still."""

    def __init__(self, *, frozen_after_ms: int = FROZEN_AFTER_MS) -> None:
        self._frozen_after_ms = frozen_after_ms
        self._same = 0
        self._since_ms = 0

    def reason(self, picture: Picture, at_ms: int) -> str:
        """Why nothing can be told of it: no picture, too small, empty, noise, frozen; empty text where something can.

        A sensor's noise changes every frame: the very same pixels for long are a stream that stands still.
        """
        try:
            usable(picture)
        except PictureUnusable as error:
            return str(error)
        now = zlib.crc32(picture[::_EVERY, ::_EVERY].tobytes())
        if now != self._same or at_ms < self._since_ms:
            self._same, self._since_ms = now, at_ms
        return FROZEN if at_ms - self._since_ms >= self._frozen_after_ms else ""

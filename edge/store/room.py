"""Room on the disk: business is refused while facts in hand can still be kept."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from edge.store.files import Files

_MB: Final = 1024 * 1024
_LOOK_EVERY_S: Final = 1.0


def disk_free_bytes(folder: Path) -> int:
    """Bytes that an ordinary user may still write."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


class Room:
    """Whether new business may be written, and a reserve file to give up when even facts in hand find no room."""

    def __init__(
        self,
        reserve: Path,
        *,
        minimum_free_mb: int,
        reserve_mb: int,
        free_bytes: Callable[[Path], int],
        monotonic_s: Callable[[], float],
        files: Files,
    ) -> None:
        self._monotonic_s = monotonic_s
        self._files = files
        self._folder = reserve.parent
        self._reserve = reserve
        self._minimum = minimum_free_mb * _MB
        self._reserve_bytes = reserve_mb * _MB
        self._free_bytes = free_bytes
        self._looked_s = float("-inf")
        self._low = False

    def low(self) -> bool:
        """Whether the disk is below the minimum; looks at it at most once a second."""
        now_s = self._monotonic_s()
        if now_s - self._looked_s >= _LOOK_EVERY_S:
            self.look()
        return self._low

    def look(self) -> int:
        """Free MB now; fills the reserve file again where there is room."""
        free = self._free_bytes(self._folder)
        self._looked_s = self._monotonic_s()
        self._low = free < self._minimum
        wanted = bool(self._reserve_bytes) and not self._files.exists(self._reserve)
        if wanted and free > self._minimum + 2 * self._reserve_bytes:
            self._fill()
        return free // _MB

    def give_up_reserve(self) -> bool:
        """Free the reserve for facts in hand; True where there was one. Business stays refused."""
        self._low = True
        self._looked_s = self._monotonic_s()
        return self._files.remove(self._reserve)

    def _fill(self) -> None:
        """Make the file whole under another name first, so that a reserve is never half there."""
        partial = self._reserve.with_suffix(".reserve-partial")
        try:
            self._files.allocate(partial, self._reserve_bytes)
            self._files.rename(partial, self._reserve)
        except OSError:
            with contextlib.suppress(OSError):
                self._files.remove(partial)
            self._low = True

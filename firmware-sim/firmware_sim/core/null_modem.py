"""Two ptys joined crosswise: a serial server on one end, the host on the other, and a cable to pull between."""

import asyncio
import contextlib
import os
import tty
from pathlib import Path

_MOST_READ_BYTES = 4096


class NullModem:
    """`near` is the path for the server in this process; the host's end is reached by the link."""

    def __init__(self, link: Path) -> None:
        self._link = link
        self._fds: list[int] = []
        self._masters: tuple[int, int] | None = None
        self.near = ""

    @property
    def address(self) -> str:
        """The URL for the host's settings."""
        return f"serial://{self._link}?baud=9600"

    def plug(self) -> None:
        """Make both ptys and join them."""
        near_master, near = os.openpty()
        far_master, far = os.openpty()
        self._fds = [near_master, near, far_master, far]
        for fd in (near, far):
            tty.setraw(fd)
        self.near = os.ttyname(near)
        self._masters = (near_master, far_master)
        loop = asyncio.get_running_loop()
        loop.add_reader(near_master, self._carry, near_master, far_master)
        loop.add_reader(far_master, self._carry, far_master, near_master)
        self._link.unlink(missing_ok=True)
        self._link.symlink_to(os.ttyname(far))

    def unplug(self) -> None:
        """Hang up both ends and take the link away; harmless when unplugged."""
        self._link.unlink(missing_ok=True)
        masters, self._masters = self._masters, None
        for master in masters or ():
            asyncio.get_running_loop().remove_reader(master)
        fds, self._fds = self._fds, []
        for fd in fds:
            os.close(fd)

    def _carry(self, source: int, target: int) -> None:
        try:
            data = os.read(source, _MOST_READ_BYTES)
        except OSError:
            asyncio.get_running_loop().remove_reader(source)
            return
        with contextlib.suppress(OSError):
            os.write(target, data)

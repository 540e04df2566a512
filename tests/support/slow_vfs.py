"""A VFS whose every sync takes as long as on an SD card, so that benches and tests mean the same on any disk."""

import time
from pathlib import Path

import apsw

NAME = "slow"


class _SlowFile(apsw.VFSFile):
    """Any file, but each sync ends no sooner than the time set."""

    def __init__(self, vfs: "SlowVfs", name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._vfs = vfs

    def xSync(self, flags: int) -> None:  # noqa: N802  SQLite's name
        began_s = time.perf_counter()
        super().xSync(flags)
        self._vfs.syncs += 1
        left_s = self._vfs.sync_s - (time.perf_counter() - began_s)
        if left_s > 0:
            time.sleep(left_s)


class SlowVfs(apsw.VFS):
    """Registered under `NAME` for as long as it is referred to; `syncs` counts."""

    def __init__(self, sync_s: float = 0.005, name: str = NAME) -> None:
        super().__init__(name, "")
        self.name = name
        self.sync_s = sync_s
        self.syncs = 0

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return _SlowFile(self, name, flags)


def bare_store(path: Path, vfs: str = "") -> apsw.Connection:
    """SQLite as bare as a durable commit allows: what ours is compared with."""
    connection = apsw.Connection(str(path), vfs=vfs or None)
    connection.pragma("journal_mode", "wal")
    connection.execute("PRAGMA synchronous = FULL; CREATE TABLE IF NOT EXISTS bare (a INTEGER PRIMARY KEY, b BLOB)")
    connection.wal_autocheckpoint(0)
    return connection

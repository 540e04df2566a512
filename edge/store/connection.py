"""Opening SQLite as the edge needs it, and a reader that never stands in the writer's way."""

import fcntl
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import apsw

from edge.store.errors import StoreBroken, StoreLocked

_BUSY_MS: Final = 10_000


def open_connection(path: Path, *, vfs: str = "") -> apsw.Connection:
    """A connection in WAL mode that syncs at each commit and checkpoints only when told to (rule 18)."""
    connection = apsw.Connection(str(path), vfs=vfs or None)
    try:
        connection.set_busy_timeout(_BUSY_MS)
        _write_ahead(connection, path)
        connection.execute("PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8000")
        connection.wal_autocheckpoint(0)
    except BaseException:
        connection.close()
        raise
    return connection


def _write_ahead(connection: apsw.Connection, path: Path) -> None:
    mode = connection.pragma("journal_mode", "wal")
    if mode != "wal":
        raise StoreBroken(f"{path} cannot be put into WAL mode, it stays in {mode}")


def check(connection: apsw.Connection) -> None:
    """Raise StoreBroken unless the file holds together."""
    try:
        found = [row[0] for row in connection.execute("PRAGMA quick_check(5)")]
    except apsw.CorruptError as error:
        raise StoreBroken(f"the store is damaged: {error}") from error
    if found != ["ok"]:
        raise StoreBroken("the store is damaged: " + "; ".join(found))


class StoreLock:
    """One process a store: an advisory lock that the system drops when the process dies, however it dies."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise StoreLocked(f"another process has {path.parent} open") from error

    def release(self) -> None:
        """Let another process in."""
        os.close(self._file)


class Reader:
    """A connection for reading committed rows. Safe from any thread, one query at a time, each its own snapshot."""

    def __init__(self, path: Path, *, vfs: str = "") -> None:
        self._connection = open_connection(path, vfs=vfs)
        self._connection.execute("PRAGMA query_only = 1")
        self._lock = threading.Lock()

    def rows(self, sql: str, bindings: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self._lock:
            return self._connection.execute(sql, bindings).fetchall()

    def row(self, sql: str, bindings: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        """The first row of a query, or None."""
        found = self.rows(sql, bindings)
        return found[0] if found else None

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            self._connection.close()

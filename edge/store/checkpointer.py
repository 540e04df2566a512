"""Moves the write-ahead log back into the database from a thread of its own, off the lanes' path."""

import threading
from pathlib import Path
from typing import Final

import apsw

from edge.core.log import logger
from edge.store.connection import open_connection

_LOOK_EVERY_S: Final = 1.0

_log = logger("store.checkpointer")


class WalCheckpointer:
    """Passive checkpoints each time the log grew by `soft_pages`, and in a quiet moment from half of it.

    A passive checkpoint waits for nobody. One that catches up wholly lets the next writer start the log over, which
    costs that writer a second sync: so it is done seldom.
    """

    def __init__(self, path: Path, *, vfs: str, soft_pages: int) -> None:
        self._connection = open_connection(path, vfs=vfs)
        self._soft_pages = soft_pages
        self._pages = 0  # length of the log after the last commit
        self._done = 0  # how much of it was moved
        self._asked = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="wal-checkpointer", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def grown(self, pages: int) -> None:
        """Called by the writer after a commit with the length of the log."""
        if pages < self._pages:
            self._done = 0  # the log began again
        self._pages = pages
        if pages - self._done >= self._soft_pages and not self._asked.is_set():
            self._asked.set()

    def stop(self) -> None:
        """End the thread; a checkpoint under way is finished first."""
        self._stopping = True
        self._asked.set()
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        seen = 0
        while not self._stopping:
            asked = self._asked.wait(_LOOK_EVERY_S)
            if self._stopping:
                return
            quiet = self._pages == seen
            seen = self._pages
            if asked or (quiet and seen - self._done >= self._soft_pages // 2):
                self._checkpoint()
                self._asked.clear()

    def _checkpoint(self) -> None:
        try:
            _in_log, self._done = self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.BusyError:
            return
        except apsw.Error as error:
            _log.warning("checkpoint failed: %s", error)

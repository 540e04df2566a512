"""Moves the write-ahead log back into the database from a thread of its own, off the lanes' path."""

import threading
from pathlib import Path
from typing import Final

import apsw

from edge.core.log import logger
from edge.store.connection import open_connection

LOOK_EVERY_S: Final = 1.0

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
        self._seen = 0  # its length at the last look
        self._asked = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="wal-checkpointer", daemon=True)

    def start(self) -> None:
        """Begin, in the thread."""
        self._thread.start()

    def grown(self, pages: int) -> None:
        """Called by the writer after a commit with the length of the log."""
        if pages < self._pages:
            self._done = 0  # the log began again
        self._pages = pages
        if pages - self._done >= self._soft_pages and not self._asked.is_set():
            self._asked.set()

    def stop(self) -> None:
        """End the thread, if it was started; a checkpoint under way is finished first."""
        self._stopping = True
        self._asked.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._connection.close()

    @property
    def asked(self) -> bool:
        """Whether the log has grown enough to be moved at once."""
        return self._asked.is_set()

    def look(self) -> bool:
        """Move the log where it is asked for, or in a quiet moment; whether one should look again by and by."""
        quiet = self._pages == self._seen
        self._seen = self._pages
        if self._asked.is_set() or (quiet and self._seen - self._done >= self._soft_pages // 2):
            self._checkpoint()
            self._asked.clear()
        return not quiet

    def _run(self) -> None:
        while not self._stopping:
            self._asked.wait(LOOK_EVERY_S)
            if not self._stopping:
                self.look()

    def _checkpoint(self) -> None:
        try:
            _in_log, self._done = self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.BusyError:
            return
        except apsw.Error as error:
            _log.warning("checkpoint failed: %s", error)

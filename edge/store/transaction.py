"""What a unit holds while it runs inside the shared transaction."""

from collections.abc import Callable
from typing import Any

import apsw

from edge.core.log import logger

_log = logger("store")

Undo = Callable[[], object]


class Transaction:
    """One unit's view: SQL, and what to undo in memory should the unit or the whole group fail.

    `execute(sql, bindings)` runs on the writer's connection and gives apsw's cursor. A unit never begins, commits or
    awaits; what it keeps of a cursor is fetched before it returns.
    """

    __slots__ = ("_committed", "_undo", "execute")

    def __init__(self, connection: apsw.Connection) -> None:
        self.execute: Callable[..., Any] = connection.execute
        self._undo: list[Undo] = []
        self._committed: list[Undo] = []

    def on_rollback(self, undo: Undo) -> None:
        """Run `undo` if this unit's writes do not stand; the latest registered runs first."""
        self._undo.append(undo)

    def on_commit(self, act: Undo) -> None:
        """Run `act` in the writer's thread once the commit is durable, before anyone is told. It must not raise."""
        self._committed.append(act)

    def mark(self) -> tuple[int, int]:
        """Where the undo list stands, for `undo_to`."""
        return len(self._undo), len(self._committed)

    def undo_to(self, mark: tuple[int, int]) -> None:
        """Undo in memory what was registered since `mark`."""
        undo, committed = mark
        while len(self._undo) > undo:
            self._undo.pop()()
        del self._committed[committed:]

    def finish(self) -> None:
        """Tell those who asked that the commit stands."""
        committed, self._committed = self._committed, []
        self._undo.clear()
        for act in committed:
            try:
                act()
            except Exception:  # noqa: BLE001  the commit stands whatever a listener does; its owner finds the trace
                _log.exception("a listener failed after a commit")

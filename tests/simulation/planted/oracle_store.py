"""A store in memory under the models of what a gateway keeps."""

from collections.abc import Callable, Sequence
from typing import Any

import apsw

from edge.store.transaction import Transaction
from protocols.values.errors import RuleViolation


class Undone(Exception):
    """A unit that does not stand."""


class Store:
    """A store in memory with the reader and the units of the real one."""

    def __init__(self, *schemas: Any) -> None:
        self.connection = apsw.Connection(":memory:")
        for schema in schemas:
            for step in schema.steps:
                self.connection.execute(step)

    def row(self, sql: str, bindings: Sequence[Any] = ()) -> Any:
        """As a reader."""
        return self.connection.execute(sql, bindings).fetchone()

    def rows(self, sql: str, bindings: Sequence[Any] = ()) -> list[Any]:
        """As a reader."""
        return self.connection.execute(sql, bindings).fetchall()

    def run(self, unit: Callable[[Transaction], Any], *, stands: bool = True) -> Any:
        """One unit, which is taken back whole where it fails or shall not stand."""
        tx = Transaction(self.connection)
        self.connection.execute("BEGIN")
        try:
            answer = unit(tx)
            _check(stands)
        except BaseException:
            tx.undo_to((0, 0))
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")
        tx.finish()
        return answer


def done(store: Store, unit: Callable[[Transaction], Any], *, stands: bool = True) -> tuple[bool, Any]:
    """Whether the unit stood, and its answer."""
    try:
        return True, store.run(unit, stands=stands)
    except (RuleViolation, Undone):
        return False, None


def _check(stands: bool) -> None:
    if not stands:
        raise Undone

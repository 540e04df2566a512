"""Tables in memory that can be taken back: every change notes how to undo it, so that a transaction costs what it does.

Rows are values that nobody changes in place. Iteration follows insertion, hence the same seed gives the same order.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")
_ABSENT: Final = object()


class Undo:
    """The way back, step by step: table, key and the row that was there."""

    def __init__(self) -> None:
        self.steps: list[tuple[Table[Any, Any], Any, Any]] = []

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """What happens inside is taken back if it ends in an error."""
        mark = len(self.steps)
        try:
            yield
        except BaseException:
            while len(self.steps) > mark:
                table, key, row = self.steps.pop()
                table.put_back(key, row)
            raise

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A savepoint that nothing outside takes back."""
        with self.savepoint():
            yield
        self.steps.clear()


class Table(Generic[K, V]):
    """Rows by key; an optional index groups keys, and never forgets one that was there."""

    def __init__(self, undo: Undo, *, group: Callable[[K, V], Iterable[Any]] | None = None) -> None:
        self._undo, self._group = undo, group
        self._rows: dict[K, V] = {}
        self._groups: dict[Any, dict[K, None]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: K) -> bool:
        return key in self._rows

    def __getitem__(self, key: K) -> V:
        return self._rows[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._rows)

    def get(self, key: K, default: Any = None) -> Any:
        """The row, or `default`."""
        return self._rows.get(key, default)

    def items(self) -> Iterable[tuple[K, V]]:
        """All rows, in the order they were made."""
        return self._rows.items()

    def values(self) -> Iterable[V]:
        """All rows, in the order they were made."""
        return self._rows.values()

    def group(self, name: Any) -> list[tuple[K, V]]:
        """Rows of a group."""
        rows = self._rows
        return [(key, rows[key]) for key in self._groups.get(name, ()) if key in rows]

    def __setitem__(self, key: K, row: V) -> None:
        self._undo.steps.append((self, key, self._rows.get(key, _ABSENT)))
        self._rows[key] = row
        if self._group is not None:
            for name in self._group(key, row):
                self._groups.setdefault(name, {})[key] = None

    def __delitem__(self, key: K) -> None:
        self._undo.steps.append((self, key, self._rows[key]))
        del self._rows[key]

    def image(self) -> dict[K, V]:
        """A copy of all rows, without what the transaction in progress did."""
        rows = dict(self._rows)
        for table, key, row in reversed(self._undo.steps):
            if table is self:
                _put_back(rows, key, row)
        return rows

    def become(self, image: dict[K, V]) -> None:
        """Hold these rows and no others. Not to be taken back."""
        self._rows = dict(image)
        self._groups = {}
        if self._group is not None:
            for key, row in image.items():
                for name in self._group(key, row):
                    self._groups.setdefault(name, {})[key] = None

    def put_back(self, key: K, row: Any) -> None:
        """Take a change back."""
        _put_back(self._rows, key, row)


def _put_back(rows: dict[Any, Any], key: Any, row: Any) -> None:
    if row is _ABSENT:
        del rows[key]
    else:
        rows[key] = row

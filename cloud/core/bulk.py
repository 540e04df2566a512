"""Many rows in one statement. PostgreSQL refuses COPY FROM under row-level security, `unnest` passes it row by row."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cloud.core.database import Transaction


async def insert_rows(
    tx: Transaction,
    table: str,
    columns: Mapping[str, str],
    rows: Iterable[Sequence[Any]],
    *,
    on_conflict: str = "",
) -> int:
    """Insert `rows` and answer how many went in. `columns` maps each column to its SQL type, in the rows' order.

    `on_conflict` is the clause after the words ("(cause) DO NOTHING"). Table, columns and clause come from code, never
    from a request. Columns of array type do not fit: `unnest` would flatten them.
    """
    by_column = list(zip(*rows, strict=True))
    if not by_column:
        return 0
    names = ", ".join(columns)
    arrays = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(columns.values(), start=1))
    clause = f" ON CONFLICT {on_conflict}" if on_conflict else ""
    query = f"INSERT INTO {table} ({names}) SELECT * FROM unnest({arrays}){clause}"  # noqa: S608 - names from code
    done = await tx.connection.execute(query, *[list(column) for column in by_column])
    return int(done.rsplit(" ", 1)[1])

"""Migrations: each part brings numbered steps; what ran is written beside them in the same transaction."""

from collections.abc import Iterable
from dataclasses import dataclass

import apsw

from edge.store.errors import StoreBroken

STORE_FORMAT = 1


@dataclass(frozen=True)
class Schema:
    """A part's tables: `steps[n]` takes them from version n to n + 1. Steps are only ever appended."""

    part: str
    steps: tuple[str, ...]


def migrate(connection: apsw.Connection, schemas: Iterable[Schema]) -> None:
    """Bring every part up to date, or raise StoreBroken for a store written by a newer version."""
    with connection:
        found = connection.pragma("user_version")
        if found > STORE_FORMAT:
            raise StoreBroken(f"the store has format {found}; this version reads up to {STORE_FORMAT}: upgrade first")
        connection.execute(f"PRAGMA user_version = {STORE_FORMAT}")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS parts (part TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID"
        )
        for schema in schemas:
            _migrate_part(connection, schema)


def _migrate_part(connection: apsw.Connection, schema: Schema) -> None:
    row = connection.execute("SELECT version FROM parts WHERE part = ?", (schema.part,)).fetchone()
    version = row[0] if row else 0
    if version > len(schema.steps):
        raise StoreBroken(
            f"{schema.part} is at version {version}; this version knows {len(schema.steps)}: upgrade first"
        )
    for step in schema.steps[version:]:
        connection.execute(step)
    connection.execute("INSERT OR REPLACE INTO parts VALUES (?, ?)", (schema.part, len(schema.steps)))

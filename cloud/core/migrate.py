"""Apply the SQL files of `cloud/migrations`, each once, in order, under a lock; a changed file is refused."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg

from cloud.core.errors import Conflict
from protocols.crypto.sm3 import sm3

_NAME: Final = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")
_INCLUDE: Final = re.compile(r"^-- include: procrastinate schema$", re.MULTILINE)
_LOCK: Final = 0x514D_0001
_DIRECTORY: Final = Path(__file__).parent.parent / "migrations"
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS core_migrations (
    number integer PRIMARY KEY,
    name text NOT NULL,
    sm3 bytea NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


class ChangedMigration(Conflict):
    """A file that was applied is no longer what it was."""

    code = "changed_migration"


@dataclass(frozen=True)
class Migration:
    """One numbered file."""

    number: int
    name: str
    sql: str

    @property
    def digest(self) -> bytes:
        """The SM3 of the text."""
        return sm3(self.sql.encode())


def read_migrations(directory: Path = _DIRECTORY) -> list[Migration]:
    """All migrations by number. Raises Conflict for two of one number or a name that does not fit."""
    found: dict[int, Migration] = {}
    for path in sorted(directory.glob("*.sql")):
        match = _NAME.match(path.name)
        if match is None:
            raise Conflict(f"{path.name} is not named NNNN_lower_case.sql")
        number = int(match[1])
        if number in found:
            raise Conflict(f"{path.name} and {found[number].name} have one number")
        found[number] = Migration(number, path.name, path.read_text(encoding="utf-8"))
    return [found[number] for number in sorted(found)]


async def migrate(owner_dsn: str, migrations: Iterable[Migration] | None = None) -> list[str]:
    """Bring the database up to date and answer the names applied now. Several processes may call it at once."""
    todo = read_migrations() if migrations is None else list(migrations)
    connection = await asyncpg.connect(owner_dsn, timeout=10)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await connection.execute(_TABLE)
        return await _apply_missing(connection, todo)
    finally:
        await connection.close()


async def _apply_missing(connection: "asyncpg.Connection[Any]", todo: list[Migration]) -> list[str]:
    rows = await connection.fetch("SELECT number, sm3 FROM core_migrations")
    present = {row["number"]: bytes(row["sm3"]) for row in rows}
    applied: list[str] = []
    for migration in todo:
        digest = present.get(migration.number)
        if digest is None:
            await _apply(connection, migration)
            applied.append(migration.name)
        elif digest != migration.digest:
            raise ChangedMigration(f"{migration.name} was changed after it was applied")
    return applied


async def _apply(connection: "asyncpg.Connection[Any]", migration: Migration) -> None:
    async with connection.transaction():
        await connection.execute(_expanded(migration.sql), timeout=600)
        await connection.execute(
            "INSERT INTO core_migrations (number, name, sm3) VALUES ($1, $2, $3)",
            migration.number,
            migration.name,
            migration.digest,
        )


def _expanded(sql: str) -> str:
    if not _INCLUDE.search(sql):
        return sql
    from procrastinate.schema import SchemaManager  # noqa: PLC0415 - only the one file needs it

    schema = str(SchemaManager.get_schema())
    return _INCLUDE.sub(lambda _: schema, sql)

"""Migrations run once each, in order, under a lock; a changed or doubled file is refused."""

import asyncio
from pathlib import Path

import pytest

from cloud.core.errors import Conflict
from cloud.core.migrate import ChangedMigration, Migration, migrate, read_migrations
from cloud.core.postgres import PostgresAddress
from tests.support.cloud import owner_connection

MORE = Migration(9001, "9001_more.sql", "CREATE TABLE more (id bigint);")


async def test_a_second_run_applies_nothing(module_address: PostgresAddress) -> None:
    assert await migrate(module_address.owner_dsn) == []


async def test_processes_that_start_together_apply_each_file_once(module_address: PostgresAddress) -> None:
    known = read_migrations()
    runs = [migrate(module_address.owner_dsn, [*known, MORE]) for _ in range(4)]
    applied = await asyncio.gather(*runs)
    assert sorted(applied) == [[], [], [], ["9001_more.sql"]]


async def test_a_file_changed_after_it_was_applied_is_refused(module_address: PostgresAddress) -> None:
    first = read_migrations()[0]
    changed = Migration(first.number, first.name, first.sql + "\n-- a word more")
    with pytest.raises(ChangedMigration):
        await migrate(module_address.owner_dsn, [changed])


async def test_a_file_that_fails_leaves_nothing_behind(module_address: PostgresAddress) -> None:
    broken = Migration(9002, "9002_broken.sql", "CREATE TABLE half (id bigint); SELECT 1 / 0;")
    with pytest.raises(Exception, match="division by zero"):
        await migrate(module_address.owner_dsn, [broken])
    connection = await owner_connection(module_address)
    try:
        assert await connection.fetchval("SELECT to_regclass('half')") is None
        assert not await connection.fetchval("SELECT 1 FROM core_migrations WHERE number = 9002")
    finally:
        await connection.close()


async def test_the_applied_files_are_recorded_with_their_digests(module_address: PostgresAddress) -> None:
    connection = await owner_connection(module_address)
    try:
        rows = await connection.fetch("SELECT number, name, sm3 FROM core_migrations WHERE number < 9000 ORDER BY 1")
    finally:
        await connection.close()
    assert [(row["number"], row["name"], bytes(row["sm3"])) for row in rows] == [
        (one.number, one.name, one.digest) for one in read_migrations()
    ]


@pytest.mark.parametrize("names", [["0001_a.sql", "0001_b.sql"], ["1_a.sql"], ["0001_A.sql"]])
def test_names_that_do_not_fit_are_refused(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text("SELECT 1;")
    with pytest.raises(Conflict):
        read_migrations(tmp_path)


async def test_ids_fit_into_a_javascript_number_and_are_given_by_the_database(
    module_address: PostgresAddress,
) -> None:
    connection = await owner_connection(module_address)
    try:
        rows = await connection.fetch(
            "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'id' "
            "AND table_name LIKE 'core_%' AND (data_type <> 'bigint' OR is_identity <> 'YES')"
        )
    finally:
        await connection.close()
    assert rows == []

"""No query can see or write another organisation's rows, whatever it asks."""

import asyncpg
import pytest

from cloud.core.database import Database
from cloud.core.postgres import PostgresAddress
from tests.support.cloud import make_organisation, owner_connection

pytestmark = [pytest.mark.capability("PLT-10"), pytest.mark.lesson("snipe-it-6167")]


async def _role(database: Database, organisation_id: int, name: str) -> None:
    async with database.transaction(organisation_id) as tx:
        await tx.execute(
            "INSERT INTO core_roles (organisation_id, name, rights) VALUES ($1, $2, '{}')", organisation_id, name
        )


async def _roles_seen(database: Database, organisation_id: int) -> set[str]:
    async with database.transaction(organisation_id) as tx:
        return {row["name"] for row in await tx.fetch("SELECT name FROM core_roles")}


async def test_a_group_sees_down_its_tree_and_siblings_see_nothing(database: Database) -> None:
    group = await make_organisation(database, "集团")
    north = await make_organisation(database, "北方", parent_id=group)
    south = await make_organisation(database, "南方", parent_id=group)
    await _role(database, group, "g")
    await _role(database, north, "n")
    await _role(database, south, "s")
    assert await _roles_seen(database, group) == {"g", "n", "s"}
    assert await _roles_seen(database, north) == {"n"}
    assert await _roles_seen(database, south) == {"s"}


async def test_writing_into_another_organisation_is_refused_even_below_ones_own(database: Database) -> None:
    group = await make_organisation(database)
    below = await make_organisation(database, parent_id=group)
    async with database.transaction(group) as tx:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await tx.execute("INSERT INTO core_roles (organisation_id, name, rights) VALUES ($1, 'x', '{}')", below)


async def test_without_an_organisation_nothing_is_seen(database: Database, organisation_id: int) -> None:
    await _role(database, organisation_id, "r")
    async with database.plain_transaction() as tx:
        assert await tx.fetch("SELECT * FROM core_roles") == []


async def test_the_organisation_is_forgotten_when_the_transaction_ends(
    database: Database, organisation_id: int
) -> None:
    await _role(database, organisation_id, "r")
    for _ in range(12):
        async with database.transaction(organisation_id):
            pass
    async with database.plain_transaction() as tx:
        assert await tx.fetchval("SELECT count(*) FROM core_roles") == 0


async def test_the_application_is_neither_superuser_nor_past_row_security(database: Database) -> None:
    async with database.plain_transaction() as tx:
        row = await tx.fetchrow(
            "SELECT rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = current_user"
        )
    assert row is not None
    assert not any(row.values())


@pytest.mark.parametrize(
    "attempt",
    [
        "ALTER TABLE core_roles DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE core_roles NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY organisation ON core_roles",
        "SET ROLE quartermaster_owner",
        "SET ROLE postgres",
        "SET SESSION AUTHORIZATION postgres",
        "CREATE TABLE mine (id int)",
        "SELECT * FROM core_organisation_tree",
        "INSERT INTO core_organisation_tree VALUES (1, 1)",
    ],
)
async def test_row_security_cannot_be_switched_off(database: Database, organisation_id: int, attempt: str) -> None:
    async with database.transaction(organisation_id) as tx:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await tx.execute(attempt)


async def test_the_systems_right_is_narrow(database: Database) -> None:
    async with database.system_transaction() as tx:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await tx.fetch("SELECT * FROM ledger_balances")


async def test_every_table_of_an_organisation_forces_row_security(module_address: PostgresAddress) -> None:
    rows = await _unprotected(module_address, partitions=False)
    assert rows == [], f"call app_protect('{rows[0]}') in the migration that makes it"


async def test_a_partition_that_takes_copies_can_only_be_added_to(module_address: PostgresAddress) -> None:
    connection = await owner_connection(module_address)
    try:
        for name in await _unprotected(module_address, partitions=True):
            rights = await connection.fetchrow(
                "SELECT has_table_privilege('quartermaster', $1, 'SELECT, UPDATE, DELETE, TRUNCATE') AS others, "
                "EXISTS (SELECT 1 FROM pg_trigger WHERE tgrelid = $1::regclass AND tgname = 'rows_stay_home') AS held",
                name,
            )
            assert (rights["others"], rights["held"]) == (False, True), f"make {name} by app_copy_target()"
    finally:
        await connection.close()


async def _unprotected(address: PostgresAddress, *, partitions: bool) -> list[str]:
    connection = await owner_connection(address)
    try:
        rows = await connection.fetch(
            "SELECT c.relname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid "
            "WHERE a.attname = 'organisation_id' AND c.relkind IN ('r', 'p') AND c.relispartition = $1 "
            "AND c.relnamespace = 'public'::regnamespace "
            "AND NOT (c.relrowsecurity AND c.relforcerowsecurity AND EXISTS "
            "(SELECT 1 FROM pg_policy AS p WHERE p.polrelid = c.oid AND p.polname = 'organisation')) ORDER BY 1",
            partitions,
        )
    finally:
        await connection.close()
    return [row["relname"] for row in rows]

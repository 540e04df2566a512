"""Plain SQL and Tortoise models share one transaction, and tasks never see each other's."""

import asyncio
import sys
import types
from collections.abc import AsyncIterator

import pytest
from tortoise import fields
from tortoise.models import Model

from cloud.core.bulk import insert_rows
from cloud.core.database import Database
from cloud.core.errors import Unavailable
from cloud.core.postgres import PostgresAddress
from tests.support.cloud import make_organisation


class Role(Model):
    id = fields.BigIntField(primary_key=True)
    organisation_id = fields.BigIntField()
    name = fields.TextField()

    class Meta:
        table = "core_roles"


@pytest.fixture
async def with_models(module_address: PostgresAddress) -> AsyncIterator[Database]:
    module = types.ModuleType("trial.tables")
    module.Role = Role  # type: ignore[attr-defined]
    Role.__module__ = "trial.tables"
    sys.modules["trial.tables"] = module
    database = await Database.open(module_address.dsn, table_modules=["trial.tables"], max_size=5)
    yield database
    await database.close()
    del sys.modules["trial.tables"]


async def test_a_model_sees_what_plain_sql_wrote_in_the_same_transaction(with_models: Database) -> None:
    organisation = await make_organisation(with_models)
    async with with_models.transaction(organisation) as tx:
        await tx.execute("INSERT INTO core_roles (organisation_id, name, rights) VALUES ($1, 'a', '{}')", organisation)
        assert [role.name for role in await Role.all()] == ["a"]
        await Role.filter(name="a").update(name="b")
        assert await tx.fetchval("SELECT name FROM core_roles") == "b"


async def test_a_failure_rolls_both_back(with_models: Database) -> None:
    organisation = await make_organisation(with_models)
    async with with_models.transaction(organisation) as tx:
        await tx.execute("INSERT INTO core_roles (organisation_id, name, rights) VALUES ($1, 'a', '{}')", organisation)

    async def fail() -> None:
        async with with_models.transaction(organisation) as tx:
            await Role.filter(name="a").update(name="b")
            await tx.execute("UPDATE core_roles SET rights = '{x}'")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with with_models.transaction(organisation) as tx:
        assert tuple(await tx.fetchrow("SELECT name, rights FROM core_roles") or ()) == ("a", [])


async def test_tasks_at_the_same_time_see_their_own_organisation_only(with_models: Database) -> None:
    organisations = [await make_organisation(with_models) for _ in range(3)]

    async def work(organisation: int, turn: int) -> list[str]:
        async with with_models.transaction(organisation) as tx:
            await tx.execute(
                "INSERT INTO core_roles (organisation_id, name, rights) VALUES ($1, $2, '{}')",
                organisation,
                f"{organisation}/{turn}",
            )
            await asyncio.sleep(0.01)
            return [role.name for role in await Role.all()]

    seen = await asyncio.gather(*[work(organisation, turn) for turn in range(4) for organisation in organisations])
    for number, names in enumerate(seen):
        own = organisations[number % 3]
        assert names
        assert all(name.startswith(f"{own}/") for name in names)


async def test_a_busy_pool_is_unavailable_within_its_bound(module_address: PostgresAddress) -> None:
    database = await Database.open(module_address.dsn, max_size=1, acquire_timeout_s=0.2)
    try:
        async with database.plain_transaction():
            with pytest.raises(Unavailable):
                async with database.plain_transaction():
                    pass
    finally:
        await database.close()


async def test_a_system_transaction_can_go_on_as_an_organisation(database: Database) -> None:
    organisation = await make_organisation(database)
    async with database.system_transaction() as tx:
        assert await tx.fetchval("SELECT count(*) FROM core_organisations") >= 1
        await tx.enter(organisation)
        assert await tx.fetchval("SELECT current_user") == "quartermaster"
        assert await tx.fetchval("SELECT count(*) FROM core_organisations") == 1
    async with database.plain_transaction() as tx:
        assert await tx.fetchval("SELECT app_organisation()") is None


async def test_many_rows_go_in_at_once_and_doubles_are_skipped(database: Database, organisation_id: int) -> None:
    columns = {"organisation_id": "bigint", "scope": "text", "key": "text", "request_sm3": "bytea"}
    rows = [(organisation_id, "bulk", f"k{number}", bytes([number % 256])) for number in range(2000)]
    async with database.transaction(organisation_id) as tx:
        assert await insert_rows(tx, "core_idempotency", columns, rows) == 2000
        again = await insert_rows(tx, "core_idempotency", columns, rows, on_conflict="DO NOTHING")
        assert (again, await insert_rows(tx, "core_idempotency", columns, [])) == (0, 0)
        assert await tx.fetchval("SELECT count(*) FROM core_idempotency WHERE scope = 'bulk'") == 2000

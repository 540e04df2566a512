"""A core over a PostgreSQL that is given, and over one that must not be used."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import aiomqtt
import pytest

from cloud.core.broker import EmbeddedBroker
from cloud.core.clock import ManualClock
from cloud.core.context import BrokerAddress
from cloud.core.errors import Conflict, Unavailable
from cloud.core.postgres import PostgresAddress
from cloud.core.startup import open_backups, open_core, open_postgres
from cloud.main import BACKUP_FACTS
from cloud.settings import DatabaseSettings, Settings
from tests.support.cloud import test_settings as settings_for_tests

pytestmark = pytest.mark.capability("PLT-12")
Given = Callable[..., Settings]


@pytest.fixture
def given(module_address: PostgresAddress, tmp_path: Path) -> Given:
    def make(**database: str) -> Settings:
        plain = DatabaseSettings(dsn=module_address.dsn, owner_dsn=module_address.owner_dsn)
        return replace(settings_for_tests(tmp_path / "state"), database=replace(plain, **database))  # type: ignore[arg-type]

    return make


async def test_a_given_postgresql_is_used_and_left_running(given: Given, clock: ManualClock) -> None:
    for _ in range(2):
        async with open_core(given(), clock=clock, with_broker=False) as core:
            async with core.database.plain_transaction() as tx:
                assert await tx.fetchval("SELECT generation FROM core_generation") == 1
            assert not (core.state_directory / "postgres").exists()


async def test_a_role_past_row_security_is_refused(
    given: Given, module_address: PostgresAddress, clock: ManualClock
) -> None:
    with pytest.raises(Unavailable, match="row-level security"):
        async with open_core(given(dsn=module_address.admin_dsn), clock=clock, with_broker=False):
            pass


async def test_backups_of_a_given_postgresql_need_a_role_that_can_make_them(
    given: Given, module_address: PostgresAddress, clock: ManualClock
) -> None:
    async with open_postgres(given()) as address:
        with pytest.raises(Conflict, match="admin_dsn"):
            open_backups(given(), address, clock, BACKUP_FACTS)
    with_admin = given(admin_dsn=module_address.admin_dsn)
    async with open_postgres(with_admin) as address:
        backups = open_backups(with_admin, address, clock, BACKUP_FACTS)
        made = await backups.make()
        assert (await backups.verify(made.name)).name == made.name


async def test_keys_and_certificates_of_an_installation_outlive_a_restart(given: Given, clock: ManualClock) -> None:
    seen = []
    for _ in range(2):
        async with open_core(given(), clock=clock, with_broker=False) as core:
            seen.append((core.signer.public_key, core.signer.token_secret))
    assert seen[0] == seen[1]


async def test_a_broker_is_embedded_unless_one_is_named(given: Given, clock: ManualClock) -> None:
    async with open_core(given(), clock=clock) as core:
        assert core.broker is not None
        assert (core.broker.host, core.broker.port > 0) == ("127.0.0.1", True)
    named = replace(given(), broker=replace(given().broker, address="mqtt.example:1883"))
    async with open_core(named, clock=clock) as core:
        assert core.broker == BrokerAddress("mqtt.example", 1883)


@pytest.fixture
async def broker() -> EmbeddedBroker:
    return EmbeddedBroker()


async def test_the_embedded_broker_carries_messages_and_stops(broker: EmbeddedBroker) -> None:
    address = await broker.start()
    async with aiomqtt.Client(address.host, address.port, protocol=aiomqtt.ProtocolVersion.V311) as client:
        await client.subscribe("a/b", qos=1)
        await client.publish("a/b", b"news", qos=1)
        message = await anext(aiter(client.messages))
        assert message.payload == b"news"
    await broker.stop()
    await broker.stop()

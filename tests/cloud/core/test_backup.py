"""Backups are proven before anything relies on them; a restore begins a new generation."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest

from cloud.core.backup import BackupBroken, Backups
from cloud.core.backup_keeper import back_up_if_due
from cloud.core.clock import ManualClock
from cloud.core.errors import Conflict, NotFound
from cloud.core.postgres import PostgresAddress, make_database
from cloud.core.restore import CoreRuns, restore
from cloud.main import BACKUP_FACTS
from tests.support.cloud import (
    LUNCH,
    MASTER_KEY,
    PostgresServer,
    make_organisation,
    open_test_core,
    owner_connection,
)

pytestmark = pytest.mark.capability("PLT-12")
DAY = timedelta(days=1)


@pytest.fixture
async def address(postgres: PostgresServer) -> PostgresAddress:
    return await asyncio.to_thread(postgres.fresh_database)


@pytest.fixture
def backups(address: PostgresAddress, tmp_path: Path, clock: ManualClock) -> Backups:
    return Backups(tmp_path / "backups", address, clock, facts=BACKUP_FACTS, timeout_s=60, master_key=MASTER_KEY)


async def _organisations(address: PostgresAddress, tmp_path: Path) -> list[str]:
    async with open_test_core(address, tmp_path) as core, core.database.system_transaction() as tx:
        return [row["name"] for row in await tx.fetch("SELECT name FROM core_organisations ORDER BY id")]


async def _generation(address: PostgresAddress, tmp_path: Path) -> int:
    async with open_test_core(address, tmp_path) as core, core.database.plain_transaction() as tx:
        return int(await tx.fetchval("SELECT generation FROM core_generation"))


async def _add(address: PostgresAddress, tmp_path: Path, name: str) -> int:
    async with open_test_core(address, tmp_path) as core:
        return await make_organisation(core.database, name)


@pytest.mark.rule(25)
async def test_rule_25_a_restore_brings_back_the_rows_and_begins_a_new_generation(
    backups: Backups, address: PostgresAddress, tmp_path: Path, clock: ManualClock
) -> None:
    await _add(address, tmp_path, "昨日")
    made = await backups.make()
    await backups.verify(made.name)
    await _add(address, tmp_path, "今日")
    done = await restore(backups, address, clock)
    assert (done.backup, done.generation) == (made.name, 2)
    assert await _organisations(address, tmp_path) == ["昨日"]
    assert await _generation(address, tmp_path) == 2


@pytest.mark.rule(25)
async def test_rule_25_restoring_twice_never_gives_a_generation_again(
    backups: Backups, address: PostgresAddress, clock: ManualClock
) -> None:
    await backups.verify((await backups.make()).name)
    first = await restore(backups, address, clock)
    clock.move(timedelta(seconds=1))
    second = await restore(backups, address, clock)
    assert (first.generation, second.generation) == (2, 3)


@pytest.mark.rule(24)
async def test_rule_24_only_a_verified_backup_makes_a_stream_safe(
    backups: Backups, address: PostgresAddress, tmp_path: Path
) -> None:
    organisation = await _add(address, tmp_path, "甲")
    async with open_test_core(address, tmp_path) as core, core.database.transaction(organisation) as tx:
        await tx.execute(
            "INSERT INTO streams (device, epoch, organisation_id, site, head, applied_through) "
            "VALUES (7, 1, $1, 1, '\\x00', 41)",
            organisation,
        )
    made = await backups.make()
    assert await _safe_through(address) == 0
    async with open_test_core(address, tmp_path) as core, core.database.transaction(organisation) as tx:
        await tx.execute("UPDATE streams SET applied_through = 50")
    await backups.verify(made.name)
    assert await _safe_through(address) == 41


async def _safe_through(address: PostgresAddress) -> int:
    import asyncpg

    connection = await asyncpg.connect(address.admin_dsn)
    try:
        return int(await connection.fetchval("SELECT safe_through FROM streams WHERE device = 7"))
    finally:
        await connection.close()


async def test_a_dump_with_one_altered_byte_is_not_verified(backups: Backups, tmp_path: Path) -> None:
    made = await backups.make()
    dump = tmp_path / "backups" / made.name / "database.dump"
    content = bytearray(dump.read_bytes())
    content[len(content) // 2] ^= 1
    dump.write_bytes(content)
    with pytest.raises(BackupBroken):
        await backups.verify(made.name)
    assert not backups.is_verified(made.name)


async def test_a_manifest_changed_after_verifying_no_longer_counts(backups: Backups, tmp_path: Path) -> None:
    made = await backups.make()
    await backups.verify(made.name)
    path = tmp_path / "backups" / made.name / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "generation": 9}))
    assert not backups.is_verified(made.name)


async def test_a_backup_that_was_never_verified_is_not_restored(
    backups: Backups, address: PostgresAddress, clock: ManualClock
) -> None:
    await backups.make()
    with pytest.raises(NotFound):
        await restore(backups, address, clock)


async def test_an_older_backup_than_edges_rely_on_is_refused_unless_said(
    backups: Backups, address: PostgresAddress, clock: ManualClock
) -> None:
    older = await backups.make()
    await backups.verify(older.name)
    clock.move(DAY)
    await backups.verify((await backups.make()).name)
    with pytest.raises(Conflict):
        await restore(backups, address, clock, name=older.name)
    assert (await restore(backups, address, clock, name=older.name, even_older=True)).backup == older.name


async def test_a_restore_waits_for_the_core_to_be_stopped(
    backups: Backups, address: PostgresAddress, tmp_path: Path, clock: ManualClock
) -> None:
    await backups.verify((await backups.make()).name)
    async with open_test_core(address, tmp_path):
        with pytest.raises(CoreRuns):
            await restore(backups, address, clock)


async def test_a_backup_under_another_master_key_says_so(
    address: PostgresAddress, tmp_path: Path, backups: Backups, clock: ManualClock
) -> None:
    made = await backups.make()
    other = Backups(tmp_path / "backups", address, clock, timeout_s=60, master_key=bytes(16))
    with pytest.raises(BackupBroken, match="another master key"):
        await other.verify(made.name)


async def test_backups_are_made_when_due_and_the_oldest_go(backups: Backups, clock: ManualClock) -> None:
    made = []
    for _ in range(3):
        assert await back_up_if_due(backups, clock, every=DAY)
        assert not await back_up_if_due(backups, clock, every=DAY)
        made.append(backups.newest_verified())
        clock.move(DAY)
    assert backups.prune(2) == made[:1]
    assert backups.names() == made[1:]
    assert clock.now() == LUNCH + 3 * DAY


async def test_a_verified_backup_leaves_no_scratch_database(backups: Backups, address: PostgresAddress) -> None:
    await backups.verify((await backups.make()).name)
    connection = await owner_connection(address)
    try:
        assert await connection.fetchval("SELECT count(*) FROM pg_database WHERE datname LIKE 'qm-%'") == 0
    finally:
        await connection.close()


@pytest.mark.rule(25)
async def test_rule_25_a_machine_that_lost_everything_is_restored_from_the_copied_folder(
    backups: Backups, address: PostgresAddress, postgres: PostgresServer, tmp_path: Path, clock: ManualClock
) -> None:
    await _add(address, tmp_path, "昨日")
    await backups.verify((await backups.make()).name)
    await make_database(address.admin_dsn, "bare_machine")
    bare = postgres.embedded.address("bare_machine")
    copied = Backups(tmp_path / "backups", bare, clock, timeout_s=60, master_key=MASTER_KEY)
    assert (await restore(copied, bare, clock)).generation == 2
    assert await _organisations(bare, tmp_path) == ["昨日"]

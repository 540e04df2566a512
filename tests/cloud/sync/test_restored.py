"""A cloud restored from a backup: edges send again, no lease before every site has declared (rule 25)."""

import msgspec
import pytest

from cloud.core.postgres import PostgresAddress
from cloud.ledger import service as ledger
from cloud.ledger.errors import LeasesWait
from protocols.journal.kinds import Kind
from protocols.ledger.accounts import Owner, TransferKind
from protocols.payments.facts import Declaration, Movement
from tests.cloud.sync.rig import BUCKET, DAY, Cloud, Gateway, settlement


async def restore(owner_dsn: str) -> None:
    import asyncpg

    owner = await asyncpg.connect(owner_dsn)
    await owner.execute("UPDATE core_generation SET generation = generation + 1")
    await owner.close()


async def generation(cloud: Cloud) -> int:
    async with cloud.database.plain_transaction() as tx:
        return int(await tx.fetchval("SELECT generation FROM core_generation"))


async def size(cloud: Cloud, person: int) -> int:
    async with cloud.database.transaction(cloud.organisation) as tx:
        return await ledger.size_leases(tx, [person], now=cloud.clock.now(), business_day=DAY)


def declare(gateway: Gateway, generation: int, *moves: Movement, part: int = 1, parts: int = 1) -> None:
    gateway.write(Kind.DECLARATION, Declaration(generation, 7, part, parts, moves, ()))


@pytest.mark.capability("PLT-12")
@pytest.mark.rule(25)
async def test_rule_25_no_lease_is_given_before_every_site_has_declared_or_is_lost(
    cloud: Cloud, module_address: PostgresAddress
) -> None:
    one, two, three = [await cloud.gateway() for _ in range(3)]
    person = await cloud.person(4000, one)
    async with cloud.database.transaction(cloud.organisation) as tx:
        await cloud.top_up(tx, person, 500)
    await restore(module_address.owner_dsn)
    with pytest.raises(LeasesWait):
        await size(cloud, person)
    now = await generation(cloud)
    declare(one, now, Movement(person, BUCKET, 4500))
    declare(two, now, part=2, parts=2)
    await cloud.send(one.batch(), generation=now)
    await cloud.send(two.batch(), generation=now)
    with pytest.raises(LeasesWait):
        await size(cloud, person)
    declare(two, now, part=1, parts=2)
    await cloud.send(two.batch(2), generation=now)
    with pytest.raises(LeasesWait):
        await size(cloud, person)
    async with cloud.database.transaction(cloud.organisation) as tx:
        await ledger.declare_lost(tx, cloud.site_of(three), epoch=1, bearer=1, now=cloud.clock.now(), business_day=DAY)
        assert await ledger.leases_open(tx)
    assert await size(cloud, person) == 0


@pytest.mark.rule(25)
async def test_rule_25_leases_given_after_the_backup_come_back_into_the_books(
    cloud: Cloud, module_address: PostgresAddress
) -> None:
    """The backup knows 1000 at the site; 3000 more were leased after it, of which 2500 are spent, 1500 still held."""
    gateway = await cloud.gateway()
    person = await cloud.person(1000, gateway)
    async with cloud.database.transaction(cloud.organisation) as tx:
        await ledger.set_home(tx, person, 0, 0)
        await cloud.top_up(tx, person, 6000)  # available in the backup; leased by the cloud that was lost
    await restore(module_address.owner_dsn)
    now = await generation(cloud)
    gateway.pay(person, 2500)
    declare(gateway, now, Movement(person, BUCKET, 1500))
    answer = await cloud.send(gateway.batch(), generation=now)
    assert (answer.generation, answer.applied) == (now, 2)
    held = await cloud.held(person)
    assert (held.available, held.at) == (3000, ((cloud.site_of(gateway), 1, 1500),))
    assert [row[1] for row in await cloud.lines(kind=TransferKind.SPEND)] == [Owner.PERSON, Owner.PERSON]
    n = await cloud.fetch("SELECT newest_n, applied_n FROM lease_sites WHERE site = $1", cloud.site_of(gateway))
    assert n == [(7, 7)], "numbers that the lost cloud gave are not given again"


@pytest.mark.rule(25, 26)
async def test_rule_25_what_waits_for_a_person_is_still_to_be_taken_from_what_a_site_declares(
    cloud: Cloud, module_address: PostgresAddress
) -> None:
    """The backup knows 1000 at the site; 3000 more were leased, and 300 spent by an entry that contradicts itself."""
    gateway = await cloud.gateway()
    person = await cloud.person(1000, gateway)
    async with cloud.database.transaction(cloud.organisation) as tx:
        await ledger.set_home(tx, person, 0, 0)
        await cloud.top_up(tx, person, 6000)
    await restore(module_address.owner_dsn)
    now = await generation(cloud)
    good = settlement(person, 300)
    gateway.write(Kind.SETTLEMENT, msgspec.structs.replace(good, gross_fen=777), subject=f"p{person}")
    declare(gateway, now, Movement(person, BUCKET, 3700))
    answer = await cloud.send(gateway.batch(), generation=now)
    assert (answer.applied, answer.quarantined) == (1, 1)
    held = await cloud.held(person)
    assert (held.available, held.at) == (3000, ((cloud.site_of(gateway), 1, 4000),)), "300 go once it is mended"


@pytest.mark.rule(25)
async def test_rule_25_a_restored_cloud_takes_the_entries_it_lost_again(
    cloud: Cloud, module_address: PostgresAddress
) -> None:
    gateway = await cloud.gateway()
    person = await cloud.person(9000, gateway)
    for amount in (100, 200, 300):
        gateway.pay(person, amount)
    await cloud.send(gateway.batch(1, 1))
    await restore(module_address.owner_dsn)  # 2 and 3 had been acknowledged by the cloud that was lost
    answer = await cloud.send(gateway.batch(3), generation=await generation(cloud))
    assert (answer.applied_through, answer.applied) == (1, 0)
    answer = await cloud.send(gateway.batch(answer.applied_through + 1), generation=await generation(cloud))
    assert answer.applied_through == 3
    assert (await cloud.held(person)).total == 8400


@pytest.mark.rule(25)
async def test_rule_25_what_follows_a_declaration_is_taken_from_what_was_declared(
    cloud: Cloud, module_address: PostgresAddress
) -> None:
    """One batch brings both: the entries after the declaration wait for the next one."""
    gateway = await cloud.gateway()
    person = await cloud.person(1000, gateway)
    async with cloud.database.transaction(cloud.organisation) as tx:
        await ledger.set_home(tx, person, 0, 0)
        await cloud.top_up(tx, person, 6000)
    await restore(module_address.owner_dsn)
    now = await generation(cloud)
    gateway.pay(person, 100)
    declare(gateway, now, Movement(person, BUCKET, 1500), part=1, parts=2)
    declare(gateway, now, part=2, parts=2)
    gateway.pay(person, 400)
    answer = await cloud.send(gateway.batch(), generation=now)
    assert (answer.applied_through, answer.applied, answer.head) == (3, 3, gateway.hash_at(3))
    answer = await cloud.send(gateway.batch(4), generation=now)
    assert (answer.applied_through, answer.applied) == (4, 1)
    held = await cloud.held(person)
    assert (held.available, held.at) == (5400, ((cloud.site_of(gateway), 1, 1100),))

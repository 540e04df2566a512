"""Two successors of one hash: both kept, the first spends the lease (rule 21)."""

from dataclasses import replace

import pytest

from cloud.sync import service
from cloud.sync.devices import DeviceKey, DeviceState
from cloud.sync.ingest import BadCheckpoint
from protocols.ledger.accounts import Owner, TransferKind
from tests.cloud.sync.rig import Cloud, Gateway


@pytest.mark.rule(21)
async def test_rule_21_both_branches_of_a_fork_are_kept_and_the_first_spends_the_lease(cloud: Cloud) -> None:
    gateway = await cloud.gateway()
    person = await cloud.person(10_000, gateway)
    gateway.pay(person, 100)
    gateway.pay(person, 200)
    copied = gateway.clone()
    gateway.pay(person, 300)
    copied.pay(person, 4000)
    copied.pay(person, 5000)
    await cloud.send(gateway.batch())
    answer = await cloud.send(copied.batch(1))
    assert (answer.state, answer.applied_through, answer.duplicates, answer.applied) == ("frozen", 4, 2, 2)
    spends = [(row[1], row[5], row[6]) for row in await cloud.lines(kind=TransferKind.SPEND)]
    assert spends == [
        (Owner.PERSON, 100, 1), (Owner.PERSON, 200, 2), (Owner.PERSON, 300, 3),
        (Owner.EXCEPTIONS, 4000, 3), (Owner.EXCEPTIONS, 5000, 4),
    ]  # fmt: skip
    assert (await cloud.held(person)).total == 9400
    assert cloud.directory.records[gateway.device].state is DeviceState.FROZEN
    async with cloud.database.transaction(cloud.organisation) as tx:
        first, second = await service.stream_statuses(tx, device=gateway.device)
    assert (first.branch, first.state, first.applied_through, first.lease_state) == (0, "frozen", 3, "frozen")
    assert (second.branch, second.forked_after, second.applied_through) == (1, 2, 4)


@pytest.mark.rule(21)
async def test_rule_21_each_copy_goes_on_along_its_own_branch(cloud: Cloud) -> None:
    gateway = await cloud.gateway()
    person = await cloud.person(10_000, gateway)
    gateway.pay(person, 100)
    copied = gateway.clone()
    for amount in (10, 20, 30):
        gateway.pay(person, amount)
        copied.pay(person, amount + 1)
    await cloud.send(gateway.batch(1, 2))
    await cloud.send(copied.batch(2, 3))
    assert (await cloud.send(gateway.batch(3))).applied_through == 4
    assert (await cloud.send(copied.batch(4))).applied_through == 4
    repeat = await cloud.send(copied.batch(1))
    assert (repeat.applied, repeat.duplicates) == (0, 4)
    rows = await cloud.fetch("SELECT branch, seq FROM inbox WHERE device = $1 ORDER BY 1, 2", gateway.device)
    assert rows == [(0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (1, 3), (1, 4)]


@pytest.mark.rule(21)
async def test_rule_21_a_copy_that_parted_before_the_batch_is_asked_to_send_from_the_safe_prefix(cloud: Cloud) -> None:
    gateway = await cloud.gateway()
    person = await cloud.person(10_000, gateway)
    for amount in (10, 20):
        gateway.pay(person, amount)
    copied = gateway.clone()
    for amount in (30, 40, 50):
        gateway.pay(person, amount)
        copied.pay(person, amount + 1)
    await cloud.send(gateway.batch())
    async with cloud.database.system_transaction() as tx:
        await tx.execute("UPDATE streams SET safe_through = 2 WHERE device = $1", gateway.device)
    answer = await cloud.send(copied.batch(5))
    assert (answer.applied_through, answer.applied) == (2, 0)
    answer = await cloud.send(copied.batch(3))
    assert (answer.applied_through, answer.applied, answer.state) == (5, 3, "frozen")


def rotate(cloud: Cloud, gateway: Gateway) -> int:
    """The key changes after the newest entry; the number of that entry."""
    at, fresh = len(gateway.bodies), Gateway(gateway.device)
    old = cloud.directory.keys[gateway.device, gateway.key_id]
    cloud.directory.keys[gateway.device, old.key_id] = replace(old, until_seq=at)
    gateway.key_id, gateway.private, gateway.public = old.key_id + 1, fresh.private, fresh.public
    made = DeviceKey(gateway.key_id, gateway.public, gateway.epoch, at, 0, revoked=False)
    cloud.directory.keys[gateway.device, gateway.key_id] = made
    return at


@pytest.mark.rule(21, 22)
async def test_rule_21_a_copy_made_before_a_change_of_keys_is_kept_past_it(cloud: Cloud) -> None:
    gateway = await cloud.gateway()
    person = await cloud.person(10_000, gateway)
    gateway.pay(person, 100)
    copied = gateway.clone()
    gateway.pay(person, 200)
    await cloud.send(gateway.batch())
    rotate(cloud, gateway)
    gateway.pay(person, 300)
    await cloud.send(gateway.batch(3))
    for amount in (1, 2, 3, 4):
        copied.pay(person, amount)
    answer = await cloud.send(copied.batch(1, 4))
    assert (answer.state, answer.applied) == ("frozen", 3), "it fed people under the only key it knows"
    assert (await cloud.send(copied.batch(5))).applied_through == 5
    spends = [(row[1], row[5], row[6]) for row in await cloud.lines(kind=TransferKind.SPEND)]
    assert [row for row in spends if row[0] == Owner.EXCEPTIONS] == [
        (Owner.EXCEPTIONS, amount, amount + 1) for amount in (1, 2, 3, 4)
    ]
    again = copied.clone()
    again.pay(person, 5)
    copied.pay(person, 6)
    await cloud.send(copied.batch(6))
    assert (await cloud.send(again.batch(6))).applied == 1, "a copy of the copy left before the change as well"


@pytest.mark.rule(21, 22)
async def test_rule_22_a_key_given_up_signs_nothing_after_the_change_that_knows_of_it(cloud: Cloud) -> None:
    gateway = await cloud.gateway()
    person = await cloud.person(10_000, gateway)
    gateway.pay(person, 100)
    thief = gateway.clone()
    gateway.pay(person, 200)
    await cloud.send(gateway.batch())
    rotate(cloud, gateway)
    stolen = gateway.clone()
    stolen.key_id, stolen.private, stolen.public = thief.key_id, thief.private, thief.public
    stolen.pay(person, 7)
    with pytest.raises(BadCheckpoint):
        await cloud.send(stolen.batch(3))
    gateway.pay(person, 300)
    assert (await cloud.send(gateway.batch(3))).state == "open"
    with pytest.raises(BadCheckpoint):
        await cloud.send(stolen.batch(3))
    with pytest.raises(BadCheckpoint):
        await cloud.send(stolen.batch(1))
    assert await cloud.fetch("SELECT 1 FROM streams WHERE device = $1 AND branch > 0", gateway.device) == []
    assert cloud.directory.records[gateway.device].state is DeviceState.ACTIVE

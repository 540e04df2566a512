"""Two successors of one hash: both kept, the first spends the lease (rule 21)."""

import secrets
from dataclasses import replace

import pytest

from cloud.sync import service
from cloud.sync.devices import DeviceKey, DeviceState
from cloud.sync.ingest import BadCheckpoint
from protocols.crypto import sm2
from protocols.journal.kinds import Kind
from protocols.ledger.accounts import Owner, TransferKind
from protocols.payments.facts import KeyRotated
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


def name_key(gateway: Gateway) -> Gateway:
    """A disk names a new key of its own in an entry that the old one signs, which alone tells; answers who has it."""
    fresh = Gateway(gateway.device)
    signature = None
    while signature is None:
        signature = sm2.sign(
            private=gateway.private, public=gateway.public, nonce=secrets.token_bytes(32), message=fresh.public
        )
    gateway.write(Kind.KEY_ROTATED, KeyRotated(gateway.key_id + 1, fresh.public, signature))
    return fresh


def adopt(gateway: Gateway, fresh: Gateway) -> None:
    """Sign by the new key from now on."""
    gateway.key_id, gateway.private, gateway.public = gateway.key_id + 1, fresh.private, fresh.public


async def parted(cloud: Cloud) -> tuple[Gateway, Gateway, int]:
    """A disk with two entries, its copy, which parted after the first and has sent one of its own, and a person."""
    gateway = await cloud.gateway()
    person = await cloud.person(10_000, gateway)
    gateway.pay(person, 100)
    copied = gateway.clone()
    gateway.pay(person, 200)
    copied.pay(person, 300)
    await cloud.send(gateway.batch())
    await cloud.send(copied.batch())
    return gateway, copied, person


@pytest.mark.rule(21, 22)
@pytest.mark.parametrize("both", [False, True])
async def test_rule_21_a_copy_that_changes_its_own_key_is_kept_under_the_new_one(cloud: Cloud, both: bool) -> None:
    gateway, copied, person = await parted(cloud)
    if both:  # the command to change keys reached each of them
        rotate(cloud, gateway)
        gateway.pay(person, 5)
        await cloud.send(gateway.batch(3))
    for seq in (3, 5):
        fresh = name_key(copied)
        assert (await cloud.send(copied.batch(seq))).applied == 1, "the old key vouches for the entry that names it"
        given_up = copied.clone()
        given_up.pay(person, 7)
        with pytest.raises(BadCheckpoint):
            await cloud.send(given_up.batch(seq + 1))
        adopt(copied, fresh)
        copied.pay(person, 400 + seq)
        assert (await cloud.send(copied.batch(seq + 1))).applied_through == seq + 1
    again = copied.clone()
    again.pay(person, 6)
    copied.pay(person, 8)
    await cloud.send(copied.batch(7))
    assert (await cloud.send(again.batch(7))).applied == 1, "a copy of the copy has its key"
    early = copied.clone()
    early.bodies, early.entries, early.hashes = early.bodies[:2], early.entries[:2], early.hashes[:2]
    early.pay(person, 9)
    with pytest.raises(BadCheckpoint):
        await cloud.send(early.batch(3))


@pytest.mark.rule(21, 22)
async def test_rule_22_a_key_that_a_copy_made_signs_nothing_of_the_first_branch(cloud: Cloud) -> None:
    gateway, copied, person = await parted(cloud)
    fresh = name_key(copied)
    await cloud.send(copied.batch(3))
    gateway.pay(person, 1)
    adopt(gateway, fresh)
    with pytest.raises(BadCheckpoint):
        await cloud.send(gateway.batch(3))


@pytest.mark.rule(21, 22)
async def test_rule_22_a_key_given_up_signs_no_late_branch_because_another_left_early(cloud: Cloud) -> None:
    gateway, thief, person = await parted(cloud)
    rotate(cloud, gateway)
    gateway.pay(person, 300)
    gateway.pay(person, 400)
    await cloud.send(gateway.batch(3))
    late = gateway.clone()
    late.key_id, late.private, late.public = thief.key_id, thief.private, thief.public
    late.bodies, late.entries, late.hashes = late.bodies[:3], late.entries[:3], late.hashes[:3]
    late.pay(person, 7)
    with pytest.raises(BadCheckpoint):
        await cloud.send(late.batch(4))


@pytest.mark.rule(21, 24, 25)
async def test_rule_24_after_a_gap_each_of_two_branches_finds_what_the_cloud_has_of_it(cloud: Cloud) -> None:
    gateway, copied, person = await parted(cloud)
    for amount in (1, 2, 3, 4, 5, 6):
        gateway.pay(person, amount)
        copied.pay(person, amount)
    await cloud.send(copied.batch(3, 5))
    for sender in (gateway, copied):
        answer = await cloud.send(sender.batch(7))
        assert (answer.applied_through, answer.head, answer.applied) == (2, b"", 0), "what the cloud has of both"
    for sender, known in ((gateway, 0), (copied, 3)):
        answer = await cloud.send(sender.batch(3))
        assert (answer.applied_through, answer.duplicates, answer.applied) == (8, known, 6 - known)

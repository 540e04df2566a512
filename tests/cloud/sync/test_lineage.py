"""A copy of a copy: what it shares with the copy is kept under the copy's branch (rules 21, 29), in both stores."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from cloud.core.clock import ManualClock
from cloud.core.database import Database, Transaction
from cloud.ledger import posting
from cloud.ledger.accounts import available, issuer
from cloud.sync import streams
from cloud.sync.devices import DeviceKey, DeviceRecord, DeviceState
from cloud.sync.ingest import Ingestor, Sender
from cloud.sync.registry import Registry
from cloud.sync.world_memory import World
from protocols.journal.kinds import Kind
from protocols.ledger.accounts import Transfer, TransferKind
from protocols.sync.messages import Batch, BatchAnswer
from tests.cloud.sync.rig import BUCKET, DAY, Gateway, refund
from tests.cloud.sync.sides import Act, Side, on_memory, on_postgres, state_of_memory, state_of_postgres

PERSON, DEVICE, SITE = 7, 101, 1


class TakenBack(Exception):
    """Ends the transaction: the next test begins with empty tables."""


class Both:
    """One transaction of PostgreSQL and a world in memory, which must answer and hold the same."""

    def __init__(self, tx: Transaction, clock: ManualClock) -> None:
        self.tx, self.clock = tx, clock
        self.world = World(tx.organisation_id or 0)
        self.ingestor = Ingestor(Registry(), clock)
        self.gateway = Gateway(DEVICE)

    async def open(self) -> Gateway:
        """A site with a stream, and a person with money."""
        with self.world.undo.transaction():
            self.world.meta["generation"] = await self.tx.fetchval("SELECT generation FROM core_generation")
        source = issuer(self.world.organisation, BUCKET)
        money = Transfer(TransferKind.SUBSIDY, source, available(PERSON, BUCKET), 90_000)

        async def act(side: Side) -> None:
            await streams.open_stream(side.store, device=DEVICE, site=SITE, epoch=1)
            await posting.post(side.store.ledger, [money], cause="grant", business_day=DAY, now=self.clock.now())

        await self.done(act)
        return self.gateway

    async def send(self, batch: Batch) -> BatchAnswer:
        """What both answer to a batch."""
        device = DeviceRecord(DEVICE, self.world.organisation, SITE, 1, DeviceState.ACTIVE, "g", "Asia/Shanghai", b"")
        key = DeviceKey(1, self.gateway.public, 1, 1, 0, revoked=False)

        async def act(side: Side) -> Any:
            return await self.ingestor.take(side.store, batch, Sender(device, key, self.world.meta["generation"]))

        answer = await self.done(act)
        assert isinstance(answer, BatchAnswer), answer
        return answer

    async def done(self, act: Act) -> Any:
        """What both say to an act, which leaves both alike."""
        said = await on_postgres(self.tx, act)
        assert said == await on_memory(self.world, act)
        real, other = await state_of_postgres(self.tx), state_of_memory(self.world)
        assert real == {table: other[table] for table in real}
        return said

    def kept(self) -> dict[int, list[int]]:
        """The numbers of the entries that each branch keeps."""
        found: dict[int, list[int]] = {}
        for _device, _epoch, branch, seq in sorted(key for key, _ in self.world.inbox.items()):
            found.setdefault(branch, []).append(seq)
        return found

    def parents(self) -> list[tuple[int, int]]:
        """(branch, its parent)."""
        return [(key[2], stream.parent) for key, stream in sorted(self.world.streams.items())]

    def codes(self) -> dict[tuple[int, int], str]:
        """(branch, seq) of what is set aside -> why."""
        return {key[2:]: row.code for key, row in self.world.quarantine.items()}


@pytest.fixture
async def both(database: Database, organisation_id: int, clock: ManualClock) -> AsyncIterator[Both]:
    """Both stores, with nothing in them."""
    with contextlib.suppress(TakenBack):
        async with database.transaction(organisation_id) as tx:
            yield Both(tx, clock)
            raise TakenBack


async def generations(both: Both) -> tuple[Gateway, Gateway, Gateway]:
    """A disk, its copy after 2 (branch 1 has 3 to 6), and the copy's copy after 5, which has sent nothing yet."""
    first = await both.open()
    first.pay(PERSON, 100)
    first.pay(PERSON, 200)
    second = first.clone()
    first.pay(PERSON, 900)
    for amount in (30, 400):
        second.pay(PERSON, amount)
    second.write(Kind.REFUND, refund(second.entries[3], 100))
    third = second.clone()
    second.pay(PERSON, 60)
    await both.send(first.batch())
    await both.send(second.batch(1))
    return first, second, third


@pytest.mark.rule(21)
async def test_rule_21_a_copy_of_a_copy_is_kept_after_what_it_shares_with_the_copy(both: Both) -> None:
    _, _, third = await generations(both)
    third.pay(PERSON, 61)
    third.pay(PERSON, 71)
    answer = await both.send(third.batch(6))
    assert (answer.state, answer.applied_through, answer.applied, answer.duplicates) == ("frozen", 7, 2, 0)
    assert both.kept() == {0: [1, 2, 3], 1: [3, 4, 5, 6], 2: [6, 7]}
    assert both.parents() == [(0, 0), (1, 0), (2, 1)]


@pytest.mark.rule(21, 29)
async def test_rule_29_shared_entries_of_a_copy_of_a_copy_sent_again_are_duplicates(both: Both) -> None:
    _, _, third = await generations(both)
    third.pay(PERSON, 61)
    fourth = third.clone()
    third.pay(PERSON, 71)
    fourth.pay(PERSON, 72)
    await both.send(third.batch(4))
    for first, last in ((1, 7), (2, 6), (4, 6), (6, 6), (1, 5)):
        answer = await both.send(third.batch(first, last))
        assert (answer.applied, answer.duplicates) == (0, last - first + 1)
    answer = await both.send(fourth.batch(4))
    assert (answer.applied, answer.duplicates, answer.applied_through) == (1, 3, 7)
    assert both.kept() == {0: [1, 2, 3], 1: [3, 4, 5, 6], 2: [6, 7], 3: [7]}
    assert both.parents()[2:] == [(2, 1), (3, 2)]


@pytest.mark.rule(21)
async def test_rule_21_a_copy_of_a_copy_refunds_the_sales_that_both_made(both: Both) -> None:
    _, _, third = await generations(both)
    for sale, amount, number in ((3, 31, 1), (4, 10, 1), (4, 301, 2), (4, 300, 2), (2, 200, 1)):
        third.write(Kind.REFUND, refund(third.entries[sale - 1], amount, number=number), subject="")
    await both.send(third.batch(6, 6))
    await both.send(third.batch(7))
    aside = {seq for branch, seq in both.codes() if branch == 2}
    assert aside == {6, 7, 8}, "31 of 30, a number given before, and 401 of 400 are too much; the others are not"


@pytest.mark.rule(21)
async def test_rule_21_a_copy_that_left_a_copy_where_that_left_the_disk_is_one_of_the_disk(both: Both) -> None:
    _, _, third = await generations(both)
    late = Gateway(DEVICE, private=third.private, public=third.public)
    for body, entry in zip(third.bodies[:2], third.entries[:2], strict=True):
        late.append(body, entry)
    late.pay(PERSON, 5)
    await both.send(late.batch(3))
    assert both.kept()[2] == [3]
    assert both.parents()[2] == (2, 0)

"""What cannot be applied steps aside, is mended by people, and goes on in order (rules 26, 27)."""

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from cloud.core.errors import Invalid
from cloud.sync import service
from cloud.sync.desk import NeedsApproval, NotWaiting, QuarantineDesk, Replayed
from cloud.sync.entries import to_fields
from cloud.sync.quarantine import QuarantineItem
from cloud.sync.registry import EntryContext, Fact, Registry, Row
from protocols.journal.kinds import Kind
from protocols.journal.messages import Entry
from protocols.ledger.accounts import TransferKind
from protocols.payments.facts import CashTaken, LeaseReturned, Movement, Refused
from tests.cloud.sync.rig import BUCKET, DAY, Cloud, Gateway, at, refund, settlement

ZONE = "Asia/Shanghai"


def desk(cloud: Cloud) -> QuarantineDesk:
    return QuarantineDesk(cloud.registry, lambda message: b"signed " + message[:8])


async def items(cloud: Cloud) -> list[QuarantineItem]:
    async with cloud.database.transaction(cloud.organisation) as tx:
        return await service.quarantine(tx)


async def replay(cloud: Cloud, item: QuarantineItem) -> Replayed:
    async with cloud.database.transaction(cloud.organisation) as tx:
        return await desk(cloud).replay(tx, item.id, now=cloud.clock.now(), time_zone=ZONE)


async def mend(cloud: Cloud, item: QuarantineItem, fields: Any, *, by: int = 1) -> Any:
    async with cloud.database.transaction(cloud.organisation) as tx:
        return await desk(cloud).mend(tx, item.id, fields=fields, note="typo", by=by, now=cloud.clock.now())


@pytest.mark.rule(26)
@pytest.mark.lesson("erpnext-11000")
async def test_rule_26_one_bad_record_does_not_stop_the_queue(cloud: Cloud) -> None:
    gateway = await cloud.gateway()
    good, bad = await cloud.person(10_000, gateway), await cloud.person(10_000, gateway)
    gateway.pay(good, 100)
    gateway.write(Kind.SETTLEMENT, b"\xc1 not a settlement", subject=f"p{bad}")
    gateway.pay(good, 200)
    later = gateway.pay(bad, 300)
    gateway.write(Kind.REFUSED, Refused("a", 1, good, 1, 100, "no_lease", visiting=False), depends_on=later.seq)
    answer = await cloud.send(gateway.batch())
    assert (answer.applied_through, answer.applied, answer.quarantined, answer.state) == (5, 2, 3, "open")
    assert [row[5] for row in await cloud.lines(kind=TransferKind.SPEND)] == [100, 200]
    waiting = await items(cloud)
    assert [(w.entry_id.seq, w.state, w.reason_code, w.behind_seq) for w in waiting] == [
        (2, "waiting", "malformed", 0), (4, "parked", "behind", 2), (5, "parked", "behind", 4),
    ]  # fmt: skip
    assert waiting[0].parked_behind == 1


@pytest.mark.rule(26, 27)
async def test_rule_27_a_mend_of_money_needs_two_people_and_keeps_the_original_id_and_bytes(cloud: Cloud) -> None:
    gateway = await cloud.gateway()
    person = await cloud.person(10_000, gateway)
    gateway.write(Kind.SETTLEMENT, b"\xc1", subject=f"p{person}")
    gateway.pay(person, 300)
    await cloud.send(gateway.batch())
    bad, behind = await items(cloud)
    fields = to_fields(settlement(person, 1234))
    detail = await mend(cloud, bad, fields, by=1)
    assert (detail.item.state, detail.correction.people_needed) == ("mended", 2)
    with pytest.raises(NeedsApproval):
        await replay(cloud, bad)
    async with cloud.database.transaction(cloud.organisation) as tx:
        await desk(cloud).approve(tx, bad.id, by=1, now=cloud.clock.now())
    with pytest.raises(NeedsApproval):
        await replay(cloud, bad)
    async with cloud.database.transaction(cloud.organisation) as tx:
        await desk(cloud).approve(tx, bad.id, by=2, now=cloud.clock.now())
    assert (await replay(cloud, bad)).applied == (1, 2)
    spends = await cloud.lines(kind=TransferKind.SPEND)
    assert [(row[5], row[6]) for row in spends] == [(1234, 1), (300, 2)], "in order, under their own ids"
    async with cloud.database.transaction(cloud.organisation) as tx:
        stored = await service.entry(tx, bad.entry_id)
        (status,) = await service.stream_statuses(tx, device=gateway.device)
        hours = await service.completeness(tx, device=gateway.device, since=at(19), until=at(21))
    assert (stored.body, stored.mended, stored.payload.amount_fen) == (gateway.bodies[0], True, 1234)
    assert (status.sum_fen, status.quarantined, status.parked) == (1534, 0, 0)
    assert sum(hour.applied for hour in hours) == 2
    assert all(hour.complete for hour in hours)
    assert await items(cloud) == []
    with pytest.raises(NotWaiting):
        await replay(cloud, behind)


@pytest.mark.rule(26)
async def test_rule_26_what_waited_behind_another_and_is_bad_itself_waits_for_a_person_then(cloud: Cloud) -> None:
    gateway = await cloud.gateway()
    person = await cloud.person(10_000, gateway)
    gateway.write(Kind.SETTLEMENT, b"\xc1", subject=f"p{person}")
    sale = gateway.pay(person, 300)
    gateway.write(Kind.REFUND, refund(sale, 301), subject=f"p{person}")
    await cloud.send(gateway.batch())
    first, _, third = await items(cloud)
    assert (third.state, third.reason_code) == ("parked", "behind")
    await mend(cloud, first, to_fields(settlement(person, 1234)), by=1)
    async with cloud.database.transaction(cloud.organisation) as tx:
        await desk(cloud).approve(tx, first.id, by=2, now=cloud.clock.now())
    await replay(cloud, first)
    (left,) = await items(cloud)
    assert (left.entry_id.seq, left.state, left.reason_code) == (3, "waiting", "refund_too_much")
    async with cloud.database.transaction(cloud.organisation) as tx:
        hours = await service.completeness(tx, device=gateway.device, since=at(19), until=at(21))
    counts = [sum(getattr(hour, name) for hour in hours) for name in ("applied", "quarantined", "parked")]
    assert counts == [2, 1, 0]


@pytest.mark.rule(27)
async def test_rule_27_a_mend_that_one_person_stands_behind_counts_for_nothing_when_its_entry_follows(
    cloud: Cloud,
) -> None:
    gateway = await cloud.gateway()
    person = await cloud.person(10_000, gateway)
    gateway.write(Kind.SETTLEMENT, b"\xc1", subject=f"p{person}")
    sale = gateway.pay(person, 700)
    await cloud.send(gateway.batch())
    bad, behind = await items(cloud)
    await mend(cloud, behind, to_fields(settlement(person, 5)), by=1)
    await mend(cloud, bad, to_fields(settlement(person, 100)), by=1)
    async with cloud.database.transaction(cloud.organisation) as tx:
        await desk(cloud).approve(tx, bad.id, by=2, now=cloud.clock.now())
    assert (await replay(cloud, bad)).applied == (1, 2)
    gateway.write(Kind.REFUND, refund(sale, 700))
    assert (await cloud.send(gateway.batch(3))).applied == 1, "700 were paid"
    async with cloud.database.transaction(cloud.organisation) as tx:
        stored = await service.entry(tx, behind.entry_id)
    assert (stored.payload.amount_fen, stored.mended) == (700, False)


async def test_a_mend_that_leaves_money_as_it_was_needs_one_person(cloud: Cloud) -> None:
    cloud.registry = Registry([_Picky()])
    gateway = await cloud.gateway()
    person = await cloud.person(10_000, gateway)
    wrong = settlement(person, 500, lane=13)
    gateway.write(Kind.SETTLEMENT, wrong)
    await cloud.send(gateway.batch())
    (item,) = await items(cloud)
    assert (item.reason_code, item.kind) == ("malformed", "settlement")
    detail = await mend(cloud, item, {**to_fields(wrong), "lane": 1})
    assert detail.correction.people_needed == 1
    assert (await replay(cloud, item)).applied == (1,)


async def test_a_mend_of_another_shape_is_refused_by_field(cloud: Cloud) -> None:
    gateway = await cloud.gateway()
    gateway.write(Kind.SETTLEMENT, b"\xc1", subject="p1")
    await cloud.send(gateway.batch())
    (item,) = await items(cloud)
    with pytest.raises(Invalid):
        await mend(cloud, item, {"amount_fen": 5})
    with pytest.raises(Invalid):
        await mend(cloud, item, {**to_fields(settlement(1, 5)), "surprise": 1})


@pytest.mark.rule(26)
@pytest.mark.lesson("thingsboard-edge-7491")
async def test_rule_26_a_poison_entry_found_by_the_database_steps_aside_once(cloud: Cloud) -> None:
    """An amount that no column holds: only writing shows it, so the entry is found by bisection."""
    gateway = await cloud.gateway()
    person, other = await cloud.person(10_000, gateway), await cloud.person(10_000, gateway)
    for number in range(40):
        gateway.pay(person, 10 + number)
    gateway.pay(other, 2**63)
    for number in range(40):
        gateway.pay(person, 10 + number)
    answer = await cloud.send(gateway.batch())
    assert (answer.applied_through, answer.applied, answer.quarantined) == (81, 80, 1)
    (item,) = await items(cloud)
    assert (item.entry_id.seq, item.reason_code) == (41, "refused")
    again = await cloud.send(gateway.batch())
    assert (again.applied, again.duplicates) == (0, 81)
    assert len(await items(cloud)) == 1, "it does not loop"


@pytest.mark.rule(26)
async def test_rule_26_the_same_reason_twenty_one_times_running_stops_the_stream(cloud: Cloud) -> None:
    gateway = await cloud.gateway()
    person = await cloud.person(10_000, gateway)
    gateway.pay(person, 100)
    for number in range(30):
        gateway.write(Kind.SETTLEMENT, b"\xc1", subject=f"p{number + 10**9}")
    answer = await cloud.send(gateway.batch())
    assert (answer.applied_through, answer.quarantined, answer.state) == (21, 20, "stopped")
    assert (await cloud.send(gateway.batch(22))).state == "stopped"
    async with cloud.database.transaction(cloud.organisation) as tx:
        (status,) = await service.stream_statuses(tx, device=gateway.device)
        assert (status.state, status.state_reason) == ("stopped", "malformed: 20 entries running before entry 22")
        await service.resume_stream(tx, device=gateway.device, epoch=1)
    assert (await cloud.send(gateway.batch(22))).applied_through == 31


@pytest.mark.rule(26)
async def test_rule_26_unknown_kinds_park_until_an_upgrade(cloud: Cloud) -> None:
    gateway = await cloud.gateway()
    person = await cloud.person(10_000, gateway)
    for _ in range(30):
        gateway.write(77, b"\x90")
    gateway.pay(person, 100)
    answer = await cloud.send(gateway.batch())
    assert (answer.applied, answer.quarantined, answer.state) == (1, 30, "open")
    assert {item.reason_code for item in await items(cloud)} == {"unknown_kind"}
    cloud.registry = Registry(payloads={77: Movement})
    async with cloud.database.transaction(cloud.organisation) as tx:
        done = await desk(cloud).replay_parked(
            tx, device=gateway.device, epoch=1, now=cloud.clock.now(), time_zone=ZONE
        )
    assert (done.applied, len(done.still)) == ((), 30), "an empty list is no Movement"
    assert {item.reason_code for item in await items(cloud)} == {"malformed"}


@pytest.mark.rule(26)
async def test_rule_26_a_return_of_money_that_waits_in_quarantine_follows_it(cloud: Cloud) -> None:
    gateway = await cloud.gateway()
    person = await cloud.person(0, gateway)
    gateway.write(Kind.CASH_TAKEN, b"\xc1", subject=f"p{person}")
    gateway.write(Kind.LEASE_RETURNED, LeaseReturned(0, (Movement(person, BUCKET, 700),)))
    await cloud.send(gateway.batch())
    first, second = await items(cloud)
    assert (second.state, second.reason_code) == ("waiting", "returns_too_much")
    await mend(cloud, first, to_fields(CashTaken("a", 1, person, BUCKET, 700, 1, DAY)))
    async with cloud.database.transaction(cloud.organisation) as tx:
        await desk(cloud).approve(tx, first.id, by=2, now=cloud.clock.now())
    assert (await replay(cloud, first)).applied == (1, 2)
    assert (await cloud.held(person)).available == 700


async def test_a_defect_in_a_domains_handler_sets_the_entry_aside_not_the_stream(cloud: Cloud) -> None:
    cloud.registry = Registry([_Picky()])
    gateway = await cloud.gateway()
    person = await cloud.person(10_000, gateway)
    gateway.write(Kind.SETTLEMENT, settlement(person, 500, lane=14))
    answer = await cloud.send(gateway.batch())
    assert (answer.applied, answer.quarantined) == (0, 1)
    (item,) = await items(cloud)
    assert (item.reason_code, item.reason) == ("defect", "KeyError: 14")
    assert await cloud.lines(kind=TransferKind.SPEND) == []
    cloud.registry = Registry()
    assert (await replay(cloud, item)).applied == (1,)


@pytest.mark.rule(10)
async def test_rule_10_refunds_pass_neither_the_original_nor_their_number(cloud: Cloud) -> None:
    gateway = await cloud.gateway()
    person = await cloud.person(10_000, gateway)
    sale = gateway.pay(person, 1000)
    gateway.write(Kind.REFUND, refund(sale, 600))
    await cloud.send(gateway.batch())
    assert (await cloud.held(person)).total == 9600
    gateway.write(Kind.REFUND, refund(sale, 300), subject="")
    gateway.write(Kind.REFUND, refund(sale, 500, number=2), subject="")
    gateway.write(Kind.REFUND, refund(sale, 400, number=3), subject="")
    answer = await cloud.send(gateway.batch(3))
    assert (answer.applied, answer.quarantined) == (1, 2)
    assert {item.reason_code for item in await items(cloud)} == {"refund_too_much"}
    assert (await cloud.held(person)).total == 10_000


@pytest.mark.timeout(240)
@pytest.mark.lesson("erpnext-11000")
async def test_one_bad_entry_in_a_backlog_of_10_000_steps_aside_and_the_rest_is_applied(cloud: Cloud) -> None:
    gateway = await cloud.gateway()
    people = [await cloud.person(1_000_000, gateway) for _ in range(20)]
    _backlog(gateway, people, 10_000, bad=5_000)
    answer = await cloud.send_all(gateway, size=5000)
    assert answer.applied_through == 10_000
    waiting = await items(cloud)
    assert [item.reason_code for item in waiting if item.state == "waiting"] == ["malformed"]
    parked = await cloud.fetch("SELECT count(*) FROM quarantine WHERE state = 'parked'")
    (bad,) = [item for item in waiting if item.state == "waiting"]
    assert parked == [(250,)]
    await mend(cloud, bad, to_fields(settlement(people[0], 10)))
    async with cloud.database.transaction(cloud.organisation) as tx:
        await desk(cloud).approve(tx, bad.id, by=2, now=cloud.clock.now())
    assert len((await replay(cloud, bad)).applied) == 251
    assert await cloud.fetch("SELECT count(*), sum(amount)::bigint FROM ledger_transfers WHERE kind = 5") == [
        (10_000, 100_000)
    ]


def _backlog(gateway: Gateway, people: Sequence[int], many: int, *, bad: int) -> None:
    for number in range(1, many + 1):
        person = people[number % len(people)]
        if number == bad:
            gateway.write(Kind.SETTLEMENT, b"\xc1", subject=f"p{people[0]}")
        else:
            gateway.pay(person, 10)


class _Picky:
    """A handler that refuses lane 13 and breaks on lane 14."""

    kinds = frozenset({int(Kind.SETTLEMENT)})
    tables: dict[str, tuple[str, ...]] = {}  # noqa: RUF012 - read only

    def rows(self, context: EntryContext, entry: Entry, payload: Any) -> Iterable[tuple[str, Row]]:
        from protocols.values.errors import Malformed

        if payload.lane == 13:
            raise Malformed("there is no lane 13")
        if payload.lane == 14:
            raise KeyError(payload.lane)
        return ()

    async def applied(self, tx: Any, context: EntryContext, facts: Sequence[Fact]) -> None:
        return None

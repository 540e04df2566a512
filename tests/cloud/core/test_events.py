"""News is told after its transaction, once in effect, and live pages hear only what is theirs."""

import asyncio
import contextlib
from datetime import timedelta

import asyncpg
import pytest

from cloud.core import event_routes
from cloud.core.clock import ManualClock
from cloud.core.context import Core
from cloud.core.database import Database, Transaction
from cloud.core.errors import CloudError, TooMany
from cloud.core.events import Event, EventLimits, Events, Stream, StreamClosed, emit
from cloud.core.postgres import PostgresAddress
from tests.support.cloud import LUNCH, make_organisation

WAIT_S = 5.0


async def _emit(database: Database, organisation_id: int, topic: str, **payload: int) -> int:
    async with database.transaction(organisation_id) as tx:
        return await emit(tx, topic, payload, at=LUNCH)


@pytest.fixture
async def events(core: Core) -> Events:
    """A deliverer over a database where nothing is left over from other tests."""
    fresh = Events(core.database, core.clock, EventLimits(attempts=3, stream_queue=8, stream_clients=2))
    await fresh.deliver_pending()
    return fresh


async def _note(tx: Transaction, event: Event) -> None:
    await tx.execute(
        "INSERT INTO core_roles (organisation_id, name, rights) VALUES ($1, $2, '{}')",
        tx.organisation_id,
        f"heard {event.payload['n']}",
    )


async def _noted(database: Database, organisation_id: int) -> list[str]:
    async with database.transaction(organisation_id) as tx:
        rows = await tx.fetch("SELECT name FROM core_roles WHERE name LIKE 'heard%' ORDER BY id")
    return [row["name"] for row in rows]


async def test_a_subscriber_is_told_in_a_transaction_of_the_events_organisation(
    events: Events, database: Database, organisation_id: int
) -> None:
    events.subscribe("canteen.settled", _note)
    for n in (1, 2, 3):
        await _emit(database, organisation_id, "canteen.settled", n=n)
    await _emit(database, organisation_id, "canteen.unheard", n=4)
    assert await events.deliver_pending() == 4
    assert await events.deliver_pending() == 0
    assert await _noted(database, organisation_id) == ["heard 1", "heard 2", "heard 3"]


async def test_an_event_of_a_transaction_that_failed_is_never_told(
    events: Events, database: Database, organisation_id: int
) -> None:
    events.subscribe("canteen.settled", _note)

    async def fail() -> None:
        async with database.transaction(organisation_id) as tx:
            await emit(tx, "canteen.settled", {"n": 1}, at=LUNCH)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await events.deliver_pending() == 0
    assert await _noted(database, organisation_id) == []


async def test_a_failing_subscriber_leaves_no_trace_and_is_tried_again_later(
    events: Events, database: Database, organisation_id: int, clock: ManualClock
) -> None:
    broken = True

    async def sometimes(tx: Transaction, event: Event) -> None:
        await _note(tx, event)
        if broken:
            raise RuntimeError("not now")

    events.subscribe("canteen.settled", sometimes)
    await _emit(database, organisation_id, "canteen.settled", n=1)
    assert await events.deliver_pending() == 0
    assert await _noted(database, organisation_id) == []
    broken = False
    assert await events.deliver_pending() == 0, "it waits before it is tried again"
    clock.move(timedelta(seconds=3))
    assert await events.deliver_pending() == 1
    assert await _noted(database, organisation_id) == ["heard 1"]


async def test_an_event_that_always_fails_steps_aside_and_the_others_are_told(
    events: Events, database: Database, organisation_id: int, clock: ManualClock
) -> None:
    async def picky(tx: Transaction, event: Event) -> None:
        if event.payload["n"] == 1:
            raise RuntimeError("poison")
        await _note(tx, event)

    events.subscribe("canteen.settled", picky)
    await _emit(database, organisation_id, "canteen.settled", n=1)
    await _emit(database, organisation_id, "canteen.settled", n=2)
    for _ in range(5):
        await events.deliver_pending()
        clock.move(timedelta(minutes=10))
    assert await _noted(database, organisation_id) == ["heard 2"]
    async with database.transaction(organisation_id) as tx:
        rows = await tx.fetch("SELECT attempts, set_aside FROM core_outbox WHERE set_aside IS NOT NULL")
    assert [tuple(row.values()) for row in rows] == [(3, "failed 3 times")]


async def test_delivered_events_go_after_their_time(
    events: Events, database: Database, organisation_id: int, clock: ManualClock
) -> None:
    await _emit(database, organisation_id, "a.b", n=1)
    await events.deliver_pending()
    clock.move(timedelta(days=8))
    await events.deliver_pending()
    async with database.transaction(organisation_id) as tx:
        assert await tx.fetchval("SELECT count(*) FROM core_outbox") == 0


async def test_a_running_deliverer_wakes_at_the_commit(
    events: Events, database: Database, organisation_id: int
) -> None:
    told = asyncio.Event()

    async def tell(_tx: Transaction, _event: Event) -> None:
        told.set()

    events.subscribe("canteen.settled", tell)
    await events.start()
    try:
        await asyncio.sleep(0.1)
        await _emit(database, organisation_id, "canteen.settled", n=1)
        async with asyncio.timeout(2):
            await told.wait()
    finally:
        await events.stop()
    assert told.is_set()


async def test_a_live_page_hears_its_own_organisations_topics_only(
    events: Events, database: Database, organisation_id: int
) -> None:
    other = await make_organisation(database)
    await events.start()
    try:
        async with events.stream(frozenset({organisation_id}), ("canteen.",)) as stream:
            await asyncio.sleep(0.1)
            await _emit(database, other, "canteen.settled", n=1)
            await _emit(database, organisation_id, "payments.granted", n=2)
            await _emit(database, organisation_id, "canteen.settled", n=3)
            heard = await _next_event(stream)
            assert (heard.topic, heard.payload) == ("canteen.settled", {"n": 3})
            with pytest.raises(TimeoutError):
                await stream.next(0.2)
    finally:
        await events.stop()


async def test_a_page_without_the_right_to_the_audit_trail_hears_no_audit_record(
    events: Events, database: Database, organisation_id: int
) -> None:
    await events.start()
    try:
        async with events.stream(frozenset({organisation_id})) as stream:
            await asyncio.sleep(0.1)
            await _emit(database, organisation_id, "audit.recorded", n=1)
            assert b"audit" not in await event_routes._next_line(stream, event_routes._AUDIT)
            await _emit(database, organisation_id, "audit.recorded", n=2)
            assert b'"audit.recorded"' in await event_routes._next_line(stream, ())
    finally:
        await events.stop()


async def test_a_slow_page_is_told_to_read_anew_instead_of_growing(events: Events) -> None:
    async with events.stream(frozenset({1})) as stream:
        for number in range(20):
            stream.offer(Event(number, 1, "a.b", {}, LUNCH))
        assert await stream.next(WAIT_S) is None
        stream.offer(Event(99, 1, "a.b", {}, LUNCH))
        following = [await _next_event(stream) for _ in range(4)]
        assert [event.id for event in following] == [17, 18, 19, 99]


async def test_a_live_page_hears_again_after_the_database_went_away(
    core: Core, database: Database, organisation_id: int
) -> None:
    events = Events(database, core.clock, EventLimits(poll_s=0.2))
    await events.start()
    try:
        async with events.stream(frozenset({organisation_id})) as stream:
            await asyncio.sleep(0.3)
            await _end_all_connections(core.address)
            heard: Event | None = None
            for n in range(100):
                with contextlib.suppress(CloudError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    await _emit(database, organisation_id, "canteen.settled", n=n)
                with contextlib.suppress(TimeoutError):
                    heard = await stream.next(0.2)
                    if heard is not None:
                        break
            assert heard is not None
            assert heard.topic == "canteen.settled"
    finally:
        await events.stop()


async def _end_all_connections(address: PostgresAddress) -> None:
    connection = await asyncpg.connect(address.admin_dsn)
    try:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    finally:
        await connection.close()


async def _next_event(stream: Stream) -> Event:
    """The next event; a page may be told to read anew before it, when the listener has only just begun."""
    while True:
        event = await stream.next(WAIT_S)
        if event is not None:
            return event


async def test_pages_are_bounded_and_closed_with_the_core(events: Events) -> None:
    async with events.stream(frozenset({1})) as first, events.stream(frozenset({1})):
        with pytest.raises(TooMany):
            async with events.stream(frozenset({1})):
                pass
        events.close_streams()
        with pytest.raises(StreamClosed):
            await first.next(WAIT_S)
    async with events.stream(frozenset({1})) as again:
        with pytest.raises(TimeoutError):
            await again.next(0.01)

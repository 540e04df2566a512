"""Failures of other products, tried on one gateway against a cloud that can be cut off."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from edge.core.clock import ManualClock, SiteTime
from edge.journal.identity import load_identity
from edge.spool.spool import SPOOL_SCHEMA, Spool, SpoolBounds
from edge.stations.gateway import Gateway, Stores, identify, site_time
from edge.store.connection import Reader
from edge.store.writer import Writer
from edge.sync.settings import CloudSettings, SyncSettings
from protocols.journal.codec import decode_entry
from protocols.journal.kinds import Kind
from protocols.ledger.balances import Overdrawn
from protocols.sync.messages import Fault
from protocols.telemetry.messages import Priority, Sample
from tests.support.edge import NO_LIMIT, edge_at, gateway_settings, granted, settle_unit, settlement, site_at
from tests.support.fake_cloud import FakeCloud, serving

SETTLEMENT_FEN = 100
THREE_HOURS_MS = 3 * 3_600_000


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110  what is awaited tells nobody
            await asyncio.sleep(0.02)


@asynccontextmanager
async def syncing(gateway: Gateway) -> AsyncIterator[None]:
    task = asyncio.create_task(gateway.sync.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def sell(gateway: Gateway, count: int) -> None:
    site = gateway.site
    for _ in range(count):
        sale = settlement(1, SETTLEMENT_FEN)
        await site.writer.submit(partial(settle_unit, site.journal, site.leases, sale))


def sales_of(cloud: FakeCloud) -> int:
    return sum(decode_entry(body).kind == Kind.SETTLEMENT for body in cloud.entries)


@pytest.mark.lesson("odoo-288974")
async def test_odoo_288974_what_is_paid_offline_after_earlier_facts_were_synced_arrives(tmp_path: Path) -> None:
    cloud = FakeCloud()
    async with serving(cloud):
        with site_at(tmp_path, settings=gateway_settings(cloud.url)) as gateway:
            granted(gateway.site, [1])
            async with syncing(gateway):
                await until(lambda: gateway.site.journal.applied_through == gateway.site.journal.head_seq)
                cloud.refuse = Fault("away", "no network", retry=True)
                await sell(gateway, 3)
                await until(lambda: not gateway.site.link.state.online)
                assert sales_of(cloud) == 0
                cloud.refuse = None
                await until(lambda: gateway.site.journal.applied_through == gateway.site.journal.head_seq)
    assert sales_of(cloud) == 3


@pytest.mark.lesson("erpnext-negative-stock")
@pytest.mark.rule(1)
async def test_rule_1_what_two_lanes_sell_at_once_offline_never_goes_below_zero(tmp_path: Path) -> None:
    with edge_at(tmp_path) as edge:
        await edge.grant(1, amount=1_000)
        tries = [edge.settle(1, 300) for _ in range(8)]
        done = await asyncio.gather(*tries, return_exceptions=True)
        assert [type(each) for each in done if isinstance(each, BaseException)] == [Overdrawn] * 5
        assert edge.book.balance(1, 1) == 100
        assert edge.journal.sum_fen == 900


@pytest.mark.lesson("square-reset")
async def test_a_new_provisioning_code_on_a_used_store_keeps_every_unsent_sale(tmp_path: Path) -> None:
    with site_at(tmp_path) as gateway:
        granted(gateway.site, [1])
        await sell(gateway, 5)
        _, sold = gateway.site.journal.read(0, max_entries=100, max_bytes=1_000_000)
    changed = gateway_settings(cloud=CloudSettings(provisioning_code="ANOTHER", name="renamed"))
    found: list[Stores] = []
    with site_at(tmp_path, settings=changed, prepare=found.append) as gateway:
        before = load_identity(found[0].reader, found[0].secrets)
        assert await identify(found[0], changed, site_time(changed.clock), software="test") == before
        assert gateway.site.journal.sum_fen == 5 * SETTLEMENT_FEN
        _, kept = gateway.site.journal.read(0, max_entries=100, max_bytes=1_000_000)
        assert kept[: len(sold)] == sold


@pytest.mark.lesson("thingsboard-lag")
async def test_a_backlog_drains_batch_after_batch_without_waiting_between_them(tmp_path: Path) -> None:
    cloud = FakeCloud()
    slow_poll = SyncSettings(poll_s=5.0, heartbeat_s=60.0, batch_entries=10, retry_first_s=0.05, retry_most_s=0.2)
    async with serving(cloud):
        with site_at(tmp_path, settings=gateway_settings(cloud.url, sync=slow_poll)) as gateway:
            granted(gateway.site, [1])
            await sell(gateway, 200)
            started_s = asyncio.get_running_loop().time()
            async with syncing(gateway):
                await until(lambda: sales_of(cloud) == 200)
            taken_s = asyncio.get_running_loop().time() - started_s
    assert cloud.batches >= 20
    assert taken_s < cloud.batches * slow_poll.poll_s / 4


@pytest.mark.lesson("iotedge-2h")
@pytest.mark.rule(31)
async def test_rule_31_a_sample_of_three_hours_ago_still_waits(tmp_path: Path) -> None:
    clock = ManualClock()
    writer = Writer(tmp_path / "spool.db", (SPOOL_SCHEMA,), NO_LIMIT)
    reader = Reader(writer.path)
    try:
        spool = Spool(writer, reader, SiteTime(clock), SpoolBounds())
        spool.offer(Sample("fridge", clock.now_ms() - THREE_HOURS_MS, {"celsius": 4.5}, Priority.MEASURE))
        await spool.flush()
        spool.offer(Sample("fridge", clock.now_ms(), {"celsius": 4.6}, Priority.MEASURE))
        await spool.flush()
        assert spool.waiting == 2
        assert spool.dropped == 0
    finally:
        writer.close()
        reader.close()


@pytest.mark.lesson("shelf-2580")
async def test_what_the_cloud_has_not_acknowledged_is_shown_as_waiting(tmp_path: Path) -> None:
    cloud = FakeCloud(refuse=Fault("away", "no network", retry=True))
    async with serving(cloud):
        with site_at(tmp_path, settings=gateway_settings(cloud.url)) as gateway:
            granted(gateway.site, [1])
            await sell(gateway, 4)
            async with syncing(gateway):
                await until(lambda: gateway.site.link.state.waiting >= 4)
                assert not gateway.site.link.state.online
                cloud.refuse = None
                await until(lambda: gateway.site.link.state.waiting == 0)
    assert sales_of(cloud) == 4

"""A gateway without network for a month."""

from pathlib import Path

import pytest

from edge.core.clock import ManualClock
from edge.leases.audit import verify
from edge.store.transaction import Transaction
from protocols.journal.codec import decode_entry
from protocols.journal.kinds import Kind
from tests.support.edge import gateway_settings, granted, settle_unit, settlement, site_at
from tests.support.fake_cloud import FakeCloud, serving

DAYS = 30
SETTLEMENTS = 100_000
A_COMMIT = 1_000
DAY_MS = 86_400_000


@pytest.mark.capability("SET-10")
@pytest.mark.rule(5, 6, 24)
@pytest.mark.lesson("square-24h", "iotedge-2h", "greengrass-spool")
@pytest.mark.timeout(300)
async def test_100_000_settlements_of_30_days_without_network_all_arrive_in_order(tmp_path: Path) -> None:
    cloud, clock = FakeCloud(), ManualClock()
    async with serving(cloud):
        with site_at(tmp_path, settings=gateway_settings(cloud.url), clock=clock) as gateway:
            site = gateway.site
            granted(site, range(1, 51), amount=SETTLEMENTS * 10)
            sales = [settlement(1 + number % 50, 10) for number in range(200)]

            def some(tx: Transaction) -> None:
                for number in range(A_COMMIT):
                    settle_unit(site.journal, site.leases, sales[number % len(sales)], tx)
                site.journal.prune(tx, before_ms=clock.now_ms())

            for _ in range(SETTLEMENTS // A_COMMIT):
                clock.advance(DAYS * DAY_MS * A_COMMIT // SETTLEMENTS)
                await site.writer.submit(some)
            stood = site.journal.committed()
            assert (stood.waiting, stood.waiting_fen) == (SETTLEMENTS + 1, SETTLEMENTS * 10)
            while await gateway.sync.upload_once():
                pass
            await gateway.sync._api.close()
            assert site.journal.committed().waiting == 0
            assert verify(site.reader) == []
            first, last = decode_entry(cloud.entries[1]), decode_entry(cloud.entries[-1])
            assert last.business_ms - first.business_ms >= (DAYS - 1) * DAY_MS
            assert {first.kind, last.kind} == {Kind.SETTLEMENT}
    assert len(cloud.entries) == SETTLEMENTS + 1
    assert cloud.head == site.journal.head

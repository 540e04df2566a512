"""A backlog on its way: what is signed meanwhile, and what happens where a part of it is gone."""

import asyncio
from functools import partial
from pathlib import Path

import pytest

from edge.stations.gateway import Gateway
from tests.support.edge import gateway_settings, granted, settle_unit, settlement, site_at
from tests.support.fake_cloud import FakeCloud, serving


async def settle(gateway: Gateway, count: int) -> None:
    site = gateway.site
    for _ in range(count):
        await site.writer.submit(partial(settle_unit, site.journal, site.leases, settlement(1, 100)))


@pytest.mark.rule(24)
@pytest.mark.parametrize("gone", [4, 5])
async def test_rule_24_a_hole_in_the_journal_stops_sending_and_not_the_heartbeats(tmp_path: Path, gone: int) -> None:
    cloud = FakeCloud()
    async with serving(cloud):
        with site_at(tmp_path, settings=gateway_settings(cloud.url)) as gateway:
            granted(gateway.site, [1])
            await settle(gateway, 3)
            await gateway.sync.upload_once()
            await settle(gateway, 3)
            gateway.site.writer.run(lambda tx: tx.execute("DELETE FROM entries WHERE seq = ?", (gone,)) and None)
            syncing = asyncio.create_task(gateway.sync.run())
            async with asyncio.timeout(10):
                while gateway.site.link.state.word != "diverged" or len(cloud.heartbeats) < 3:
                    assert not syncing.done(), "whatever is wrong with facts, the site goes on telling how it stands"
                    await asyncio.sleep(0.01)
            syncing.cancel()
            await asyncio.wait([syncing])
            assert len(cloud.entries) == 4, "nothing is sent past the hole"

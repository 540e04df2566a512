"""A backlog on its way: what is signed meanwhile, and what happens where a part of it is gone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from edge.core.clock import ManualClock
from edge.stations.gateway import Gateway
from edge.sync.signer import Signer
from tests.support.edge import Edge, edge_at, gateway_settings, granted, settle_unit, settlement, site_at
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


@asynccontextmanager
async def signing(edge: Edge) -> AsyncIterator[Signer]:
    signer = Signer(edge.secrets, edge.journal, edge.writer, edge.reader, edge.time, look_every_s=0.01)
    task = asyncio.create_task(signer.run())
    try:
        yield signer
    finally:
        task.cancel()
        await asyncio.wait([task])
        signer.close()


def newest_signed(edge: Edge) -> int:
    edge.writer.run(lambda _tx: None)  # what was kept lazily rides along
    row = edge.reader.row("SELECT max(seq) FROM checkpoints")
    return row[0] if row else 0


@pytest.mark.rule(20)
@pytest.mark.parametrize("signed_before", [True, False])
async def test_rule_20_sending_a_backlog_does_not_put_off_the_signature_of_what_is_new(
    tmp_path: Path, *, signed_before: bool
) -> None:
    with edge_at(tmp_path, clock=(clock := ManualClock())) as edge:
        await edge.grant(1)
        for _ in range(10):
            await edge.settle(1, 10)
        async with signing(edge) as signer:
            if signed_before:
                await signer.checkpoint(edge.journal.head_seq, edge.journal.head)
            new = await edge.settle(1, 10)
            for seq in range(2, 8):  # a backlog is sent meanwhile: one batch in half a minute
                clock.advance(30_000)
                await signer.checkpoint(seq, edge.journal.hash_at(seq))
                await asyncio.sleep(0.1)
        assert newest_signed(edge) == new.seq, "three minutes after it was written"


@pytest.mark.rule(20)
async def test_rule_20_a_batch_that_covers_all_there_is_starts_the_minute_anew(tmp_path: Path) -> None:
    with edge_at(tmp_path, clock=(clock := ManualClock())) as edge:
        await edge.grant(1)
        async with signing(edge) as signer:
            clock.advance(40_000)
            sent = await signer.checkpoint(edge.journal.head_seq, edge.journal.head)
            new = await edge.settle(1, 10)
            clock.advance(40_000)
            await asyncio.sleep(0.2)
            assert newest_signed(edge) == sent.seq, "forty seconds are no minute"
            clock.advance(21_000)
            async with asyncio.timeout(5):
                while newest_signed(edge) != new.seq:  # noqa: ASYNC110  the signer tells nobody
                    await asyncio.sleep(0.02)

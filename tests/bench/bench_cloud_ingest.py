"""Batches into the books against bare COPY of the very rows they become; re-sends; one stall against many."""

import statistics
from collections.abc import AsyncIterator
from time import perf_counter

from tests.bench.bench_cloud_rig import BATCH, body_size, cores, open_site
from tests.bench.bench_cloud_server import serve
from tests.bench.harness import Pair, Run, alternate_async, bench


@bench("cloud_ingest", target=0.6, better="higher")
async def cloud_ingest(run: Run) -> AsyncIterator[Pair]:
    """Dedupe, chain, signature, double entry and balances over COPY of inbox, ledger lines and settlements."""
    async with open_site() as site:
        rates = []
        size = 0
        for window in range(run.windows + 2):
            site.write()
            batch = site.batch()
            size = body_size(batch)
            began = perf_counter()
            answer = await site.cloud.send(batch)
            ours = BATCH / (perf_counter() - began)
            assert answer.applied == BATCH
            bare = await site.copy_window()
            if window >= 2:
                rates.append(ours)
                yield Pair(ours, bare)
        run.note(
            f"{statistics.median(rates):,.0f} entries/s, batches of {BATCH}, {size} B an entry, "
            f"{cores()} cores, waits for the disk"
        )


@bench("duplicate_batch", target=0.3, better="lower")
async def duplicate_batch(run: Run) -> AsyncIterator[Pair]:
    """Time to re-send a batch wholly of duplicates over its first send."""
    async with open_site() as site:
        for window in range(run.windows + 2):
            site.write()
            batch = site.batch()
            began = perf_counter()
            await site.cloud.send(batch)
            first_s = perf_counter() - began
            began = perf_counter()
            answer = await site.cloud.send(batch)
            again_s = perf_counter() - began
            assert answer.duplicates == BATCH
            if window >= 2:
                yield Pair(again_s, first_s)
        run.note(f"batches of {BATCH}")


@bench("hot_account", target=0.9, better="higher")
async def hot_account(run: Run) -> AsyncIterator[Pair]:
    """Settlements that all pay one stall over settlements spread over forty."""
    async with open_site() as site:

        async def rate(stalls: range) -> float:
            site.write(stalls=stalls)
            batch = site.batch()
            began = perf_counter()
            await site.cloud.send(batch)
            return BATCH / (perf_counter() - began)

        async for pair in alternate_async(run, ours=lambda: rate(range(1, 2)), bare=lambda: rate(range(1, 41))):
            yield pair
        run.note(f"batches of {BATCH}")


@bench("cloud_ingest_http", target=0.8, better="higher")
async def cloud_ingest_http(run: Run) -> AsyncIterator[Pair]:
    """Through HTTPS and FastAPI, a server process of its own, over the same batches given to the ingest directly."""
    async with open_site() as site:
        with serve(site, run.folder) as sender:
            rates = []
            for window in range(run.windows + 2):
                site.write()
                batch = site.batch()
                began = perf_counter()
                await site.cloud.send(batch)
                direct = BATCH / (perf_counter() - began)
                site.write()
                batch = site.batch()
                began = perf_counter()
                answer = sender.send(batch)
                ours = BATCH / (perf_counter() - began)
                assert answer.applied == BATCH
                if window >= 2:
                    rates.append(ours)
                    yield Pair(ours, direct)
            run.note(f"{statistics.median(rates):,.0f} entries/s over HTTPS, batches of {BATCH}")

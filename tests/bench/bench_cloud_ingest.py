"""Batches into the books against bare COPY of the very rows they become; re-sends; one stall against many."""

import statistics
from collections.abc import AsyncIterator
from time import perf_counter

from tests.bench.bench_cloud_rig import BATCH, body_size, cores, open_site
from tests.bench.harness import Pair, Run, bench


@bench("cloud_ingest", target=0.6, better="higher")
async def cloud_ingest(run: Run) -> AsyncIterator[Pair]:
    """Dedupe, chain, signature, double entry and balances over COPY of inbox, ledger lines and settlements."""
    async with open_site() as site:
        rates = []
        for window in range(run.windows + 2):
            site.write()
            batch = site.batch()
            began = perf_counter()
            answer = await site.cloud.send(batch)
            ours = BATCH / (perf_counter() - began)
            assert answer.applied == BATCH
            bare = await site.copy_window()
            if window >= 2:
                rates.append(ours)
                yield Pair(ours, bare)
        run.note(
            f"{statistics.median(rates):,.0f} entries/s, batches of {BATCH}, {body_size(batch)} B an entry, "
            f"{cores()} cores, waits for the disk"
        )

"""A process of its own that settles until it is killed, telling each receipt only once it is durable."""

import asyncio
import sys
from functools import partial
from pathlib import Path

from edge.core.clock import ManualClock, SystemClock
from tests.support.edge import EPOCH, open_edge, settle_unit, settlement


async def main(folder: Path, lanes: int) -> None:
    edge = open_edge(folder, clock=ManualClock(SystemClock().now_ms()))
    if edge.book.n == 0:
        await edge.grant(*range(1, lanes + 1), amount=1_000_000_000)

    async def lane(person: int) -> None:
        while True:
            sale = settlement(person, 100)
            made = await edge.writer.submit(partial(settle_unit, edge.journal, edge.book, sale))
            sys.stdout.write(f"{EPOCH} {made.seq} {sale.attempt} {made.head.hex()}\n")
            sys.stdout.flush()

    await asyncio.gather(*(lane(person) for person in range(1, lanes + 1)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))

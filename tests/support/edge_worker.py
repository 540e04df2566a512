"""A process of its own that settles until it is killed, telling each receipt only once it is durable."""

import asyncio
import sys
from pathlib import Path

from edge.core.clock import SystemClock
from tests.support.edge import EPOCH, open_edge, settlement, settle_unit


async def main(folder: Path, lanes: int) -> None:
    edge = open_edge(folder, clock=SystemClock())
    if edge.book.n == 0:
        await edge.grant(*range(1, lanes + 1), amount=1_000_000_000)

    async def lane(person: int) -> None:
        while True:
            sale = settlement(person, 100)
            made = await edge.writer.submit(lambda tx: settle_unit(edge.journal, edge.book, sale, tx))
            sys.stdout.write(f"{EPOCH} {made.seq} {sale.attempt} {made.head.hex()}\n")
            sys.stdout.flush()

    await asyncio.gather(*(lane(person) for person in range(1, lanes + 1)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))

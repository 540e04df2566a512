"""Plate lanes as the gateway runs them, with readers whose rounds a bench gives by hand."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import asynccontextmanager

from edge.drivers.base import InventoryRound, Link, Tag
from edge.kiosk.server import Kiosk
from edge.stations.canteen.desk import Desk
from edge.stations.canteen.identify import Presented
from edge.stations.canteen.lanes.events import Acted
from edge.stations.canteen.plate_shell import PlateShell
from edge.stations.canteen.receipts import Receipt
from edge.stations.canteen.station import build_desk
from protocols.canteen.reference import Lane
from tests.support.lunch import Lunch

ROUNDS = 3


class HandReader:
    """A tag reader whose rounds come from a queue."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._rounds: asyncio.Queue[frozenset[str]] = asyncio.Queue(100)

    def hear(self, uids: Iterable[str]) -> None:
        """One round."""
        self._rounds.put_nowait(frozenset(uids))

    async def rounds(self) -> AsyncGenerator[InventoryRound | Link, None]:
        yield Link(up=True, reason="", at_monotonic_s=time.monotonic())
        while True:
            uids = await self._rounds.get()
            yield InventoryRound(frozenset(Tag(uid) for uid in uids), time.monotonic())

    async def close(self) -> None:
        """Nothing to release."""


class TimedLane(PlateShell):
    """A plate lane that tells when a receipt stands."""

    def __init__(self, desk: Desk, lane: Lane, reader: HandReader) -> None:
        super().__init__(desk, lane, {"plates": reader}, f"bench.{lane.id}")
        self.reader = reader
        self.receipt: asyncio.Future[tuple[Receipt, float]] | None = None

    def paid(self, receipt: Receipt) -> None:
        """The payment is durable and the lane knows."""
        if self.receipt is not None and not self.receipt.done():
            self.receipt.set_result((receipt, time.perf_counter()))

    async def settle(self, uids: list[str], card: str) -> float:
        """A tray is put down, a card held to the reader: seconds from the last tag seen to the receipt."""
        self.feed(Acted(self.desk.monotonic_ms(), "again", {}))
        self.reader.hear(uids)
        await asyncio.sleep(0.02)
        self.present(Presented("card", card))
        for _ in range(ROUNDS - 2):
            self.reader.hear(uids)
        await asyncio.sleep(0.02)
        self.receipt = asyncio.get_running_loop().create_future()
        began_s = time.perf_counter()
        self.reader.hear(uids)
        async with asyncio.timeout(10):
            _receipt, stood_s = await self.receipt
        return stood_s - began_s


@asynccontextmanager
async def plate_lanes(lunch: Lunch, count: int) -> AsyncIterator[list[TimedLane]]:
    """Some lanes at work."""
    kiosk = Kiosk(host="127.0.0.1", port=0, health=dict)
    desk = build_desk(lunch.gateway.site, kiosk)
    lanes = [TimedLane(desk, lunch.lanes[n], HandReader(f"reader {n}")) for n in range(count)]
    tasks = [asyncio.create_task(lane.run()) for lane in lanes]
    try:
        yield lanes
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

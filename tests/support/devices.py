"""Drivers against simulated devices in this process: contexts, running devices, and waiting with a bound."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from random import Random
from typing import Any, TypeVar

from firmware_sim.devices import DeviceSpec, RunningDevice

from edge.drivers.base import DriverContext
from edge.transports.memory import MemoryHub
from edge.transports.opening import open_transport

T = TypeVar("T")

PATIENCE_S = 10.0


def driver_context(name: str = "device", *, seed: int = 1, hub: MemoryHub | None = None) -> DriverContext:
    """A context on real time with repeatable chance."""
    return DriverContext(
        name=name,
        monotonic_s=time.monotonic,
        sleep=asyncio.sleep,
        random=Random(seed),
        log=logging.getLogger("tests.devices"),
        open_transport=lambda url: open_transport(url, hub=hub),
    )


@asynccontextmanager
async def running(device: str, **fields: Any) -> AsyncIterator[RunningDevice]:
    """A simulated device while the block lasts."""
    simulated = RunningDevice(DeviceSpec(device=device, **fields), now_s=time.monotonic)
    await simulated.start()
    try:
        yield simulated
    finally:
        await simulated.stop()


class Following:
    """An endless iterator of a driver, looked at with a bound on the wait."""

    def __init__(self, items: AsyncGenerator[Any, None]) -> None:
        self._items = items

    async def next(self) -> Any:
        """The next item, whatever it is."""
        async with asyncio.timeout(PATIENCE_S):
            return await anext(self._items)

    async def until(self, kind: type[T], fits: Callable[[T], bool] = lambda _: True) -> T:
        """The next item of that kind that fits; TimeoutError when none comes."""
        async with asyncio.timeout(PATIENCE_S):
            async for item in self._items:
                if isinstance(item, kind) and fits(item):
                    return item
        raise AssertionError("the iterator of a driver ended by itself")


@asynccontextmanager
async def following(items: AsyncGenerator[Any, None]) -> AsyncIterator[Following]:
    """Follow a driver's iterator; it is closed with the block."""
    async with aclosing(items):
        yield Following(items)

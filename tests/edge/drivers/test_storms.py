"""Whatever bytes a cable carries, a driver's iterator goes on and tells it only in its own words."""

import asyncio
from collections.abc import AsyncGenerator
from random import Random

import pytest

from edge.drivers.base import InventoryRound, Link
from edge.drivers.registry import make_driver
from edge.transports.base import TransportUnavailable
from edge.transports.memory import MemoryHub, MemoryLink
from tests.support.devices import driver_context

URL = "memory://storm"
SETTINGS: list[tuple[str, dict[str, object]]] = [
    ("tray_reader", {"answer_timeout_s": 0.01}),
    ("scale", {"protocol": "xk3190", "silence_s": 0.1}),
    ("scale", {"protocol": "xk3190_a12", "silence_s": 0.1}),
    ("scale", {"protocol": "toledo", "silence_s": 0.1}),
    ("scale", {"protocol": "cas", "silence_s": 0.1}),
    ("scale", {"protocol": "and", "silence_s": 0.1}),
    ("card_reader", {}),
    ("card_reader", {"framing": "line"}),
    ("code_scanner", {"hold_off_s": 0}),
]

ITERATORS = {"tray_reader": "rounds", "scale": "readings", "card_reader": "taps", "code_scanner": "scans"}


async def storm(link: MemoryLink, random: Random) -> None:
    """Random bytes, and pieces of what each protocol could say, with the cable out now and then."""
    likely = [b"\x02", b"\x03", b"\r\n", b"ST,GS,", b"+00", b"kg", b"\x05\x00\x01\xfb\xf2\x3d", b"ww", b"04A1B2C3"]
    await link.device.open(timeout_s=1)
    for _ in range(400):
        await asyncio.sleep(0)
        piece = random.choice([*likely, random.randbytes(random.randint(1, 40))])
        try:
            await link.device.write(piece, timeout_s=0.01)
            if random.random() < 0.01:
                link.unplug()
                await asyncio.sleep(0.01)
                link.plug()
                await link.device.open(timeout_s=1)
        except TransportUnavailable:
            await link.device.open(timeout_s=1)


async def collect(items: AsyncGenerator[object, None], found: list[object]) -> None:
    async for item in items:
        found.append(item)
        await asyncio.sleep(0)


@pytest.mark.parametrize(("kind", "settings"), SETTINGS, ids=str)
@pytest.mark.parametrize("seed", [1, 2])
async def test_a_storm_of_bytes_never_ends_a_drivers_iterator(
    kind: str, settings: dict[str, object], seed: int
) -> None:
    hub = MemoryHub()
    driver = make_driver(kind, {"url": URL, **settings}, driver_context(seed=seed, hub=hub))
    found: list[object] = []
    following = asyncio.create_task(collect(getattr(driver, ITERATORS[kind])(), found))
    await storm(hub.link("storm"), Random(seed))
    await asyncio.sleep(0.2)
    assert not following.done(), following.exception()
    assert found
    assert isinstance(found[0], Link)
    # The one sound answer hidden in the storm says that no tag is there: no round may claim one.
    assert not any(item.tags for item in found if isinstance(item, InventoryRound))
    await driver.close()
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)

"""The shared loop, on time and links made up here, so that every wait is seen."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.drivers.base import Link, ProtocolError, Unavailable
from edge.drivers.loop import Backoff, DeviceLoop
from edge.transports.base import TransportUnavailable
from tests.support.devices import driver_context


@dataclass
class World:
    """Made-up time and a link that fails to open while `broken`; records every wait."""

    now_s: float = 0.0
    waits_s: list[float] = field(default_factory=list)
    broken: int = 0
    opened: int = 0
    closed: int = 0
    url: str = "made-up"

    async def open(self, *, timeout_s: float) -> None:
        self.opened += 1
        if self.broken:
            self.broken -= 1
            raise TransportUnavailable("no cable")

    async def close(self) -> None:
        self.closed += 1

    async def sleep(self, wait_s: float) -> None:
        self.waits_s.append(wait_s)
        self.now_s += wait_s

    def loop(self) -> DeviceLoop:
        context = replace(driver_context(), monotonic_s=lambda: self.now_s, sleep=self.sleep, random=Random(3))
        return DeviceLoop(context, self, backoff=Backoff(first_s=1, most_s=8), open_timeout_s=1)


async def well() -> None:
    """A device that is there."""


async def take(loop: DeviceLoop, session: object, count: int) -> list[object]:
    items: list[object] = []
    async with aclosing(loop.items(well, session)) as found:  # type: ignore[arg-type]
        async for item in found:
            items.append(item)
            if len(items) == count:
                break
    return items


def shown(items: list[object]) -> list[object]:
    return [("up" if item.up else item.reason) if isinstance(item, Link) else item for item in items]


async def test_the_first_item_is_a_link_and_an_outage_is_told_once_then_the_return() -> None:
    world = World(broken=3)

    async def session() -> AsyncGenerator[int, None]:
        yield 1
        yield 2

    items = await take(world.loop(), session, 5)
    assert shown(items)[:4] == ["no cable", "up", 1, 2]
    assert shown(items)[4] == "the device ended the session"
    assert world.opened == 4


async def test_waits_double_with_jitter_up_to_the_most() -> None:
    world = World(broken=7)

    async def session() -> AsyncGenerator[int, None]:
        yield 1

    await take(world.loop(), session, 2)
    assert len(world.waits_s) == 7
    for number, wait_s in enumerate(world.waits_s):
        assert min(8, 2**number) / 2 <= wait_s <= min(8, 2**number)


async def test_a_device_that_fails_right_after_connecting_is_not_hammered() -> None:
    world = World()

    async def session() -> AsyncGenerator[int, None]:
        raise ProtocolError("nonsense", b"\xff" * 100)
        yield 1

    items = await take(world.loop(), session, 12)
    assert [item.up for item in items if isinstance(item, Link)] == [True, False] * 6
    assert world.waits_s[-1] > world.waits_s[0]


async def test_after_a_long_time_up_the_waits_start_anew() -> None:
    world = World(broken=5)

    async def session() -> AsyncGenerator[int, None]:
        world.now_s += 3600
        yield 1
        raise Unavailable("unplugged")

    await take(world.loop(), session, 5)
    assert world.waits_s[4] > 2
    assert world.waits_s[5] <= 1


async def test_closing_ends_the_iterator_without_a_link_down() -> None:
    world = World()
    loop = world.loop()

    async def session() -> AsyncGenerator[int, None]:
        yield 1
        raise TransportUnavailable("closed")

    items: list[object] = []
    async for item in loop.items(well, session):
        items.append(item)
        if item == 1:
            await loop.close()
    assert shown(items) == ["up", 1]
    assert not loop.up
    assert world.closed >= 1


async def test_a_defect_in_a_driver_is_not_taken_for_an_outage() -> None:
    async def session() -> AsyncGenerator[int, None]:
        raise KeyError("defect")
        yield 1

    with pytest.raises(KeyError):
        await take(World().loop(), session, 3)


def test_a_protocol_error_keeps_a_bounded_piece_of_the_bytes() -> None:
    error = ProtocolError("nonsense", bytes(1000))
    assert len(error.raw) == 64
    assert len(str(error)) < 300


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_every_wait_is_positive_and_bounded(failures: int, chance: float) -> None:
    assert 0 < Backoff().wait_s(failures, chance) <= Backoff().most_s

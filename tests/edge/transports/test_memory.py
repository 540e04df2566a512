import pytest

from edge.transports.base import Transport, TransportTimeout, TransportUnavailable
from edge.transports.memory import MemoryHub


async def write_for_ever(link: Transport) -> None:
    for _ in range(1000):
        await link.write(b"x", timeout_s=0.01)


async def test_bytes_go_both_ways() -> None:
    link = MemoryHub().link("scale")
    await link.host.open(timeout_s=1)
    await link.device.open(timeout_s=1)
    await link.host.write(b"key", timeout_s=1)
    await link.device.write(b"weight", timeout_s=1)
    assert await link.device.read(timeout_s=1) == b"key"
    assert await link.host.read(timeout_s=1) == b"weight"


async def test_silence_is_a_timeout_and_a_full_link_unavailable() -> None:
    link = MemoryHub().link("scale")
    await link.host.open(timeout_s=1)
    with pytest.raises(TransportTimeout):
        await link.host.read(timeout_s=0)
    with pytest.raises(TransportUnavailable, match="takes no bytes"):
        await write_for_ever(link.host)


async def test_unplugging_fails_both_ends_until_plugged_and_opened_anew() -> None:
    link = MemoryHub().link("scale")
    await link.host.open(timeout_s=1)
    link.unplug()
    with pytest.raises(TransportUnavailable):
        await link.host.read(timeout_s=1)
    with pytest.raises(TransportUnavailable):
        await link.host.open(timeout_s=1)
    link.plug()
    await link.host.open(timeout_s=1)
    await link.device.open(timeout_s=1)
    await link.device.write(b"back", timeout_s=1)
    assert await link.host.read(timeout_s=1) == b"back"


async def test_a_hub_gives_the_same_link_for_a_name() -> None:
    hub = MemoryHub()
    assert hub.link("a") is hub.link("a")
    assert hub.link("a") is not hub.link("b")
    assert hub.link("a").host.url == "memory://a"


async def test_a_closed_end_is_not_open() -> None:
    link = MemoryHub().link("scale")
    await link.host.open(timeout_s=1)
    await link.host.close()
    await link.host.close()
    with pytest.raises(TransportUnavailable, match="not open"):
        await link.host.read(timeout_s=1)

import asyncio
from pathlib import Path

import pytest

from edge.drivers.base import CardReader, CardTap, CodeScanner, Link, Scan
from edge.drivers.registry import make_driver
from edge.transports.memory import MemoryHub
from tests.support.devices import driver_context, following, running

pytestmark = pytest.mark.capability("SET-07")


def card_reader_at(url: str, hub: MemoryHub | None = None, **settings: object) -> CardReader:
    found = make_driver("card_reader", {"url": url, **settings}, driver_context(hub=hub))
    assert isinstance(found, CardReader)
    return found


def scanner_at(url: str, hub: MemoryHub | None = None, **settings: object) -> CodeScanner:
    found = make_driver("code_scanner", {"url": url, **settings}, driver_context(hub=hub))
    assert isinstance(found, CodeScanner)
    return found


@pytest.mark.parametrize("on_pty", [False, True])
async def test_a_card_is_one_tap_and_the_next_card_another(on_pty: bool, tmp_path: Path) -> None:
    async with (
        running("card_reader", pty=str(tmp_path / "cards") if on_pty else "") as device,
        following(card_reader_at(device.address).taps()) as taps,
    ):
        assert (await taps.next()).up
        await device.act({"tap": "04a1b2c3"})
        await device.act({"tap": "04A1B2C3D4E5F6"})
        assert (await taps.next()).uid == "04A1B2C3"
        assert (await taps.next()).uid == "04A1B2C3D4E5F6"


async def test_a_card_left_lying_is_one_tap_and_tapped_again_later_a_second() -> None:
    hub = MemoryHub()
    link = hub.link("cards")
    async with following(card_reader_at("memory://cards", hub, framing="line", hold_off_s=0.3).taps()) as taps:
        await taps.until(Link)
        await link.device.open(timeout_s=1)

        async def lie_there() -> None:
            for _ in range(5):
                await link.device.write(b"04A1B2C3\r\n", timeout_s=1)
                await asyncio.sleep(0.1)
            await link.device.write(b"04FFFFFF\r\n", timeout_s=1)
            await asyncio.sleep(0.5)
            await link.device.write(b"04FFFFFF\r\n", timeout_s=1)

        lying = asyncio.create_task(lie_there())
        found = [(await taps.until(CardTap)).uid for _ in range(3)]
        await lying
        assert found == ["04A1B2C3", "04FFFFFF", "04FFFFFF"]


async def test_noise_and_cuts_lose_a_tap_but_never_change_a_card() -> None:
    async with (
        running("card_reader", faults="noise=0.4,cut=0.3") as device,
        following(card_reader_at(device.address, hold_off_s=0).taps()) as taps,
    ):
        await taps.until(Link)
        for _ in range(30):
            await device.act({"tap": "04A1B2C3"})
        await device.act({"faults": ""})
        await device.act({"tap": "04FFFFFF"})
        seen: list[str] = []
        while not seen or seen[-1] != "04FFFFFF":
            seen.append((await taps.until(CardTap)).uid)
        assert set(seen) == {"04A1B2C3", "04FFFFFF"}


async def test_an_unplugged_card_reader_comes_back() -> None:
    async with (
        running("card_reader") as device,
        following(card_reader_at(device.address).taps()) as taps,
    ):
        assert (await taps.next()).up
        await device.act({"plugged": False})
        assert not (await taps.next()).up
        await device.act({"plugged": True})
        assert (await taps.next()).up
        await device.act({"tap": "04A1B2C3"})
        assert (await taps.next()).uid == "04A1B2C3"


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
async def test_a_code_is_scanned_in_either_encoding(encoding: str) -> None:
    async with (
        running("code_scanner", options={"encoding": encoding, "repeats": 2}) as device,
        following(scanner_at(device.address).scans()) as scans,
    ):
        assert (await scans.next()).up
        await device.act({"scan": "餐票-001"})
        await device.act({"scan": "QMS"})
        assert [(await scans.until(Scan)).text for _ in range(2)] == ["餐票-001", "QMS"]


async def test_half_a_code_is_dropped_after_a_pause() -> None:
    hub = MemoryHub()
    link = hub.link("scanner")
    async with following(scanner_at("memory://scanner", hub, pause_s=0.1).scans()) as scans:
        await scans.until(Link)
        await link.device.open(timeout_s=1)
        pending = asyncio.create_task(scans.until(Scan))
        await link.device.write(b"half", timeout_s=1)
        await asyncio.sleep(0.3)
        await link.device.write(b"whole\r\n", timeout_s=1)
        assert (await pending).text == "whole"


async def test_an_unplugged_scanner_comes_back(tmp_path: Path) -> None:
    async with (
        running("code_scanner", pty=str(tmp_path / "codes")) as device,
        following(scanner_at(device.address).scans()) as scans,
    ):
        assert (await scans.next()).up
        await device.act({"plugged": False})
        assert not (await scans.next()).up
        await device.act({"plugged": True})
        assert (await scans.next()).up
        await device.act({"scan": "back"})
        assert (await scans.next()).text == "back"

"""The driver against the simulated reader over real links, with each fault and its outcome."""

import asyncio
from pathlib import Path

import pytest
from firmware_sim.tray_reader import device as tray_reader

from edge.drivers.base import InventoryRound, Link, TagReader
from edge.drivers.registry import make_driver
from edge.transports.memory import MemoryHub
from tests.support.devices import driver_context, following, running

TRAY = ["E28011700000020A1B2C3D01", "E28011700000020A1B2C3D02", "E28011700000020A1B2C3D03"]
QUICK = {"round_s": 0.01, "tag_s": 0.004}
FAST = {"answer_timeout_s": 0.15, "scan_time_100ms": 3}

pytestmark = pytest.mark.capability("SET-01")


def reader_at(url: str, **settings: object) -> TagReader:
    driver = make_driver("tray_reader", {"url": url, **FAST, **settings}, driver_context())
    assert isinstance(driver, TagReader)
    return driver


async def test_a_tray_is_read_whole_and_gone_when_lifted() -> None:
    async with running("tray_reader", options=QUICK) as device, following(reader_at(device.address).rounds()) as rounds:
        assert (await rounds.next()).up
        await device.act({"place": TRAY})
        seen = await rounds.until(InventoryRound, lambda found: bool(found.tags))
        assert seen.uids == frozenset(TRAY)
        assert seen.complete
        await device.act({"clear": True})
        assert (await rounds.until(InventoryRound, lambda found: not found.tags)).complete


async def test_the_same_over_a_pty(tmp_path: Path) -> None:
    async with (
        running("tray_reader", pty=str(tmp_path / "reader")) as device,
        following(reader_at(device.address).rounds()) as rounds,
    ):
        await device.act({"place": TRAY})
        seen = await rounds.until(InventoryRound, lambda found: bool(found.tags))
        assert seen.uids == frozenset(TRAY)


async def test_forty_plates_come_in_several_frames_and_one_round() -> None:
    many = [f"E280117000000200{number:08X}" for number in range(40)]
    async with running("tray_reader", options=QUICK) as device, following(reader_at(device.address).rounds()) as rounds:
        await device.act({"place": many})
        seen = await rounds.until(InventoryRound, lambda found: bool(found.tags))
        assert seen.uids == frozenset(many)


async def test_a_round_out_of_scan_time_is_marked_incomplete_and_holds_no_wrong_tag() -> None:
    many = [f"E280117000000200{number:08X}" for number in range(100)]
    async with running("tray_reader", options=QUICK) as device, following(reader_at(device.address).rounds()) as rounds:
        await device.act({"place": many})
        seen = await rounds.until(InventoryRound, lambda found: bool(found.tags))
        assert not seen.complete
        assert seen.uids < frozenset(many)


async def test_antenna_and_signal_are_told_by_readers_that_know() -> None:
    async with (
        running("tray_reader", options={"with_signal": True}) as device,
        following(reader_at(device.address, with_signal=True).rounds()) as rounds,
    ):
        await device.act({"place": TRAY[:1]})
        seen = await rounds.until(InventoryRound, lambda found: bool(found.tags))
        (tag,) = seen.tags
        assert tag.antenna == 1
        assert tag.rssi is not None


async def test_settings_reach_the_reader() -> None:
    async with (
        running("tray_reader", options=QUICK) as device,
        following(reader_at(device.address, power_dbm=12, scan_time_100ms=5).rounds()) as rounds,
    ):
        await rounds.until(InventoryRound)
        state = await device.act({"state": True})
        assert (state["power_dbm"], state["scan_time_100ms"]) == (12, 5)


async def test_strays_at_the_edge_come_and_go_between_rounds() -> None:
    async with running("tray_reader", options=QUICK) as device, following(reader_at(device.address).rounds()) as rounds:
        await device.act({"place": TRAY, "stray": []})
        await device.act({"stray": ["E2DEAD01"]})
        seen = [await rounds.until(InventoryRound, lambda found: bool(found.tags)) for _ in range(30)]
        with_stray = [found for found in seen if "E2DEAD01" in found.uids]
        assert 0 < len(with_stray) < len(seen)


@pytest.mark.parametrize("faults", ["noise=0.3", "cut=0.3", "duplicate=0.5", "noise=0.2,cut=0.2,duplicate=0.2"])
async def test_noise_cuts_and_duplicates_never_make_a_wrong_tag(faults: str) -> None:
    async with (
        running("tray_reader", options=QUICK, faults=faults) as device,
        following(reader_at(device.address, silent_rounds=10).rounds()) as rounds,
    ):
        await device.act({"place": TRAY})
        for _ in range(10):
            found = await rounds.until(InventoryRound)
            assert found.uids <= frozenset(TRAY)


async def test_a_duplicated_answer_does_not_pass_for_the_next_rounds() -> None:
    async with (
        running("tray_reader", options=QUICK, faults="duplicate=1") as device,
        following(reader_at(device.address).rounds()) as rounds,
    ):
        await device.act({"place": TRAY})
        await rounds.until(InventoryRound, lambda found: found.uids == frozenset(TRAY))
        await device.act({"clear": True})
        await rounds.until(InventoryRound)
        for _ in range(5):
            assert not (await rounds.until(InventoryRound)).tags


async def test_a_silent_reader_is_noticed_and_taken_up_again() -> None:
    async with running("tray_reader", options=QUICK) as device, following(reader_at(device.address).rounds()) as rounds:
        await rounds.until(InventoryRound)
        await device.act({"stall_s": 1.2})
        down = await rounds.until(Link)
        assert not down.up
        assert "no answer" in down.reason
        assert (await rounds.until(Link)).up
        await rounds.until(InventoryRound)


async def test_an_unplugged_reader_is_told_once_and_comes_back(tmp_path: Path) -> None:
    for fields in ({}, {"pty": str(tmp_path / "reader")}):
        async with (
            running("tray_reader", **fields) as device,
            following(reader_at(device.address).rounds()) as rounds,
        ):
            await rounds.until(InventoryRound)
            await device.act({"plugged": False})
            assert not (await rounds.until(Link)).up
            await device.act({"plugged": True})
            await device.act({"place": TRAY})
            assert (await rounds.next()).up
            assert (await rounds.until(InventoryRound, lambda found: bool(found.tags))).uids == frozenset(TRAY)


async def test_a_broken_antenna_takes_the_reader_down_with_its_reason_until_it_is_mended() -> None:
    async with running("tray_reader", options=QUICK) as device, following(reader_at(device.address).rounds()) as rounds:
        await rounds.until(InventoryRound)
        await device.act({"antenna": False})
        assert "0xF8" in (await rounds.until(Link)).reason
        back = asyncio.create_task(rounds.next())
        await asyncio.sleep(0.6)
        assert not back.done()
        await device.act({"antenna": True})
        assert (await back).up


async def test_a_reader_set_to_another_layout_never_comes_up() -> None:
    async with (
        running("tray_reader", options={"with_signal": True}) as device,
        following(reader_at(device.address).rounds()) as rounds,
    ):
        await device.act({"place": TRAY})
        first = await rounds.next()
        assert not first.up
        assert "tag" in first.reason


async def test_an_answer_that_comes_byte_by_byte_is_one_round() -> None:
    hub = MemoryHub()
    link = hub.link("reader")
    await link.device.open(timeout_s=1)
    device = tray_reader.make({"round_s": 0, "tag_s": 0}, seed=1)
    device.act({"place": TRAY}, 0.0)

    async def answer_slowly() -> None:
        while True:
            for reply in device.receive(await link.device.read(timeout_s=5), 0.0):
                for byte in reply.data:
                    await link.device.write(bytes((byte,)), timeout_s=1)
                    await asyncio.sleep(0)

    answering = asyncio.create_task(answer_slowly())
    driver = make_driver("tray_reader", {"url": "memory://reader"}, driver_context(hub=hub))
    assert isinstance(driver, TagReader)
    async with following(driver.rounds()) as rounds:
        assert (await rounds.until(InventoryRound)).uids == frozenset(TRAY)
    answering.cancel()


async def test_another_device_on_the_port_is_no_reader() -> None:
    async with running("scale_and") as device, following(reader_at(device.address).rounds()) as rounds:
        first = await rounds.next()
        assert not first.up

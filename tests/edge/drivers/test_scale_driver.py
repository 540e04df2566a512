"""The driver against simulated scales of every protocol, with each fault and its outcome."""

import asyncio
from pathlib import Path

import pytest

from edge.drivers.base import Link, WeightReading, WeightSensor
from edge.drivers.registry import make_driver
from tests.support.devices import driver_context, following, running

QUICK = {"readings_per_s": 40, "settle_s": 0.2}
PROTOCOLS = [("scale_xk3190", "xk3190"), ("scale_toledo", "toledo"), ("scale_cas", "cas"), ("scale_and", "and")]

pytestmark = pytest.mark.capability("SET-03")


def scale_at(url: str, protocol: str, **settings: object) -> WeightSensor:
    found = make_driver("scale", {"url": url, "protocol": protocol, "silence_s": 0.6} | settings, driver_context())
    assert isinstance(found, WeightSensor)
    return found


@pytest.mark.parametrize(("device_kind", "protocol"), PROTOCOLS)
@pytest.mark.parametrize("on_pty", [False, True])
async def test_a_load_settles_to_its_exact_weight(
    device_kind: str, protocol: str, on_pty: bool, tmp_path: Path
) -> None:
    pty = str(tmp_path / "scale") if on_pty else ""
    async with (
        running(device_kind, options=QUICK, pty=pty) as device,
        following(scale_at(device.address, protocol).readings()) as readings,
    ):
        assert (await readings.until(WeightReading, lambda found: found.stable)).zero
        await device.act({"load_g": 415})
        moving = await readings.until(WeightReading, lambda found: found.weight_mg != 0)
        assert not moving.stable
        resting = await readings.until(WeightReading, lambda found: found.stable)
        assert (resting.weight_mg, resting.overload, resting.zero) == (415_000, False, False)


@pytest.mark.parametrize(("device_kind", "protocol"), PROTOCOLS[1:])
async def test_overload_and_tare_are_told_where_the_protocol_tells_them(device_kind: str, protocol: str) -> None:
    async with (
        running(device_kind, options=QUICK) as device,
        following(scale_at(device.address, protocol).readings()) as readings,
    ):
        await device.act({"load_g": 16_000})
        assert not (await readings.until(WeightReading, lambda found: found.overload)).stable
        await device.act({"load_g": 300})
        await readings.until(WeightReading, lambda found: found.stable and found.weight_mg == 300_000)
        await device.act({"tare": True})
        await device.act({"load_g": 712})
        net = await readings.until(WeightReading, lambda found: found.stable and found.net and found.weight_mg > 0)
        assert net.weight_mg == 410_000


async def test_overload_is_judged_by_the_capacity_where_the_protocol_is_silent() -> None:
    async with (
        running("scale_xk3190", options=QUICK) as device,
        following(scale_at(device.address, "xk3190", capacity_g=6_000).readings()) as readings,
    ):
        await device.act({"load_g": 6_100})
        heavy = await readings.until(WeightReading, lambda found: found.weight_mg == 6_100_000)
        assert (heavy.overload, heavy.stable) == (True, False)


@pytest.mark.parametrize(("device_kind", "protocol"), PROTOCOLS)
async def test_faults_on_the_wire_never_make_a_stable_wrong_weight(device_kind: str, protocol: str) -> None:
    faults = "noise=0.2,cut=0.1,duplicate=0.1"
    async with (
        running(device_kind, options=QUICK | {"readings_per_s": 100}, faults=faults) as device,
        following(scale_at(device.address, protocol).readings()) as readings,
    ):
        await device.act({"load_g": 1_235})
        await readings.until(WeightReading, lambda found: found.stable and found.weight_mg != 0)
        stable = [await readings.until(WeightReading, lambda found: found.stable) for _ in range(40)]
        assert {found.weight_mg for found in stable} == {1_235_000}


async def test_a_silent_scale_is_noticed_and_the_sequence_starts_anew() -> None:
    async with (
        running("scale_cas", options=QUICK) as device,
        following(scale_at(device.address, "cas").readings()) as readings,
    ):
        await readings.until(WeightReading, lambda found: found.sequence > 3)
        await device.act({"stall_s": 1.2})
        down = await readings.until(Link)
        assert "silent" in down.reason
        assert (await readings.until(Link)).up
        assert (await readings.until(WeightReading)).sequence == 1


async def test_an_unplugged_scale_comes_back(tmp_path: Path) -> None:
    for pty in ("", str(tmp_path / "scale")):
        async with (
            running("scale_toledo", options=QUICK, pty=pty) as device,
            following(scale_at(device.address, "toledo").readings()) as readings,
        ):
            await readings.until(WeightReading)
            await device.act({"plugged": False})
            assert not (await readings.until(Link)).up
            await asyncio.sleep(0.1)
            await device.act({"plugged": True})
            assert (await readings.until(Link)).up
            await readings.until(WeightReading, lambda found: found.stable)


async def test_a_scale_set_to_another_protocol_is_told_as_such() -> None:
    async with (
        running("scale_and", options=QUICK) as device,
        following(scale_at(device.address, "toledo").readings()) as readings,
    ):
        first = await readings.next()
        assert not first.up
        assert "protocol" in first.reason

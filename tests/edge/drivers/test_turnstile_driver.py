import asyncio
from pathlib import Path

import pytest

from edge.drivers.base import Door, Link, Passage, Refused, Unavailable
from edge.drivers.registry import make_driver
from tests.support.devices import driver_context, following, running

pytestmark = pytest.mark.capability("SET-05")


def gate_at(url: str, **settings: object) -> Door:
    quick = {"url": url, "poll_s": 0.03, "timeout_s": 0.4}
    found = make_driver("turnstile", quick | settings, driver_context())
    assert isinstance(found, Door)
    return found


@pytest.mark.parametrize("by_rtu", [False, True])
async def test_the_gate_lets_one_through_counts_and_locks_again(by_rtu: bool, tmp_path: Path) -> None:
    async with running("turnstile", pty=str(tmp_path / "gate") if by_rtu else "") as device:
        gate = gate_at(device.address)
        assert not (await device.act({"pass": True}))["passed"]
        async with following(gate.passages()) as passages:
            assert (await passages.next()).up
            await gate.open(duration_s=2)
            coming = asyncio.create_task(passages.until(Passage))
            await asyncio.sleep(0.1)
            assert (await device.act({"pass": True}))["passed"]
            assert (await coming).count == 1
            assert not (await device.act({"pass": True}))["passed"]
        await gate.close()


async def test_the_relay_locks_by_itself_when_nobody_passes() -> None:
    async with running("turnstile") as device:
        gate = gate_at(device.address)
        await gate.open(duration_s=0.2)
        await gate.close()
        await asyncio.sleep(0.3)
        assert not (await device.act({"pass": True}))["passed"]


async def test_a_module_without_a_pulse_register_is_locked_by_this_side() -> None:
    async with running("turnstile", options={"pulse_100ms": 0}) as device:
        gate = gate_at(device.address, pulse_register=None)
        await gate.open(duration_s=0.2)
        assert (await device.act({"state": True}))["unlocked"]
        await asyncio.sleep(0.4)
        assert not (await device.act({"state": True}))["unlocked"]
        await gate.open(duration_s=20)
        await gate.close()
        assert not (await device.act({"state": True}))["unlocked"]


async def test_a_sensor_input_serves_where_there_is_no_counter() -> None:
    async with running("turnstile") as device:
        gate = gate_at(device.address, passage_register=None)
        async with following(gate.passages()) as passages:
            await passages.until(Link)
            await gate.open(duration_s=2)
            coming = asyncio.create_task(passages.until(Passage))
            await asyncio.sleep(0.1)
            await device.act({"pass": True})
            assert (await coming).count == 1
        await gate.close()


@pytest.mark.parametrize("duration_s", [0, 0.05, 26, -1])
async def test_a_duration_out_of_range_is_refused_before_anything_is_sent(duration_s: float) -> None:
    async with running("turnstile") as device:
        gate = gate_at(device.address)
        with pytest.raises(Refused, match="duration_out_of_range"):
            await gate.open(duration_s=duration_s)
        assert (await device.act({"state": True}))["opened"] == 0
        await gate.close()


async def test_an_address_the_module_does_not_have_is_refused() -> None:
    async with running("turnstile") as device:
        gate = gate_at(device.address, relay_coil=99)
        with pytest.raises(Refused, match="relay_refused"):
            await gate.open(duration_s=1)
        await gate.close()


@pytest.mark.parametrize("by_rtu", [False, True])
async def test_an_unplugged_gate_is_unavailable_and_comes_back(by_rtu: bool, tmp_path: Path) -> None:
    async with running("turnstile", pty=str(tmp_path / "gate") if by_rtu else "") as device:
        gate = gate_at(device.address)
        async with following(gate.passages()) as passages:
            assert (await passages.next()).up
            await device.act({"plugged": False})
            with pytest.raises(Unavailable):
                await gate.open(duration_s=1)
            assert not (await passages.next()).up
            await device.act({"plugged": True})
            assert (await passages.next()).up
            await gate.open(duration_s=1)
            assert (await device.act({"pass": True}))["passed"]
        await gate.close()


async def test_a_stalled_module_is_unavailable_in_time() -> None:
    async with running("turnstile") as device:
        gate = gate_at(device.address)
        await gate.open(duration_s=1)
        await device.act({"stall_s": 2})
        async with asyncio.timeout(1.5):
            with pytest.raises(Unavailable):
                await gate.open(duration_s=1)
        await gate.close()


@pytest.mark.parametrize("faults", ["noise=0.3", "cut=0.3", "duplicate=0.3"])
async def test_faults_on_the_wire_end_as_taken_or_unavailable(faults: str) -> None:
    async with running("turnstile", faults=faults) as device:
        gate = gate_at(device.address)
        outcomes = set()
        for _ in range(8):
            try:
                await gate.open(duration_s=1)
                outcomes.add("taken")
            except (Unavailable, Refused) as error:
                outcomes.add(type(error).__name__)
        await device.act({"faults": ""})
        await asyncio.sleep(0.5)
        await gate.close()
        gate = gate_at(device.address)
        await gate.open(duration_s=1)
        assert (await device.act({"pass": True}))["passed"]
        assert outcomes <= {"taken", "Unavailable", "Refused"}
        await gate.close()


@pytest.mark.parametrize("url", ["tcp://127.0.0.1:1", "serial:///dev/no-such-port"])
async def test_a_gate_that_is_not_there_is_unavailable(url: str) -> None:
    gate = gate_at(url)
    with pytest.raises(Unavailable):
        await gate.open(duration_s=1)
    async with following(gate.passages()) as passages:
        assert not (await passages.next()).up
    await gate.close()

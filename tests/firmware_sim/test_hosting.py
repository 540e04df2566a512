"""Devices brought to life in this process: wires, faults, orders."""

import asyncio
import contextlib
import time
from pathlib import Path

import pytest
from firmware_sim.core.control import ControlClient
from firmware_sim.core.device import WrongActError
from firmware_sim.devices import DeviceSpec, RunningDevice

from tests.support.devices import running


async def connect(device: RunningDevice) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = device.address.removeprefix("tcp://").split(":")
    return await asyncio.open_connection(host, int(port))


async def read_some(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(3):
        return await reader.read(4096)


async def test_orders_over_the_control_line_are_answered() -> None:
    async with running("card_reader") as device:
        client = ControlClient(device.control_port)
        reader, writer = await connect(device)
        await asyncio.sleep(0.05)
        assert await client.act({"tap": "04A1B2C3"}) == {"taps": 1}
        assert await read_some(reader) == b"\x0204A1B2C3D4\r\n\x03"
        with pytest.raises(WrongActError, match="knows tap"):
            await client.act({"dance": True})
        with pytest.raises(WrongActError, match="is none of"):
            await client.act({"faults": "fire=1"})
        writer.transport.abort()
        await client.close()


@pytest.mark.parametrize("line", [b"not json\n", b"[1]\n", b"\xff\n", b"3\n"])
async def test_a_control_line_answers_nonsense_and_goes_on(line: bytes) -> None:
    async with running("card_reader") as device:
        reader, writer = await asyncio.open_connection("127.0.0.1", device.control_port)
        writer.write(line + b'{"state": true}\n')
        async with asyncio.timeout(3):
            assert b'"ok": false' in await reader.readline()
            assert b'"ok": true' in await reader.readline()
        writer.transport.abort()


async def test_an_endless_order_closes_its_line_and_no_other() -> None:
    async with running("card_reader") as device:
        reader, writer = await asyncio.open_connection("127.0.0.1", device.control_port)
        writer.write(b"x" * 200_000)
        async with asyncio.timeout(3):
            with contextlib.suppress(ConnectionError):
                assert await reader.read(10) == b""
        writer.transport.abort()
        client = ControlClient(device.control_port)
        assert await client.act({"state": True}) == {"taps": 0}
        await client.close()


async def test_a_second_host_takes_the_place_of_the_first() -> None:
    async with running("card_reader") as device:
        first, first_writer = await connect(device)
        await asyncio.sleep(0.05)
        second, second_writer = await connect(device)
        await asyncio.sleep(0.05)
        await device.act({"tap": "04A1B2C3"})
        assert (await read_some(second)).startswith(b"\x02")
        with contextlib.suppress(ConnectionError):
            assert await read_some(first) == b""
        for writer in (first_writer, second_writer):
            writer.transport.abort()


async def test_unplugged_means_refused_and_plugged_means_the_same_port_again() -> None:
    async with running("scale") as device:
        address = device.address
        reader, _ = await connect(device)
        await device.act({"plugged": False})
        with pytest.raises(OSError, match=r".*"):
            await connect(device)
        await device.act({"plugged": True})
        assert device.address == address
        reader, writer = await connect(device)
        assert (await read_some(reader)).startswith(b"\x02")
        writer.transport.abort()


async def test_a_cut_frame_ends_in_its_middle_and_the_next_is_whole() -> None:
    async with running("card_reader") as device:
        reader, writer = await connect(device)
        await asyncio.sleep(0.05)
        await device.act({"cut_next": True})
        await device.act({"tap": "04A1B2C3"})
        await device.act({"tap": "04A1B2C3"})
        async with asyncio.timeout(3):
            assert await reader.readexactly(7 + 14) == b"\x0204A1B2" + b"\x0204A1B2C3D4\r\n\x03"
        writer.transport.abort()


async def test_a_stalled_scale_says_nothing_and_afterwards_nothing_old() -> None:
    async with running("scale", options={"readings_per_s": 50, "settle_s": 0}) as device:
        reader, writer = await connect(device)
        await read_some(reader)
        await device.act({"stall_s": 0.4})
        await asyncio.sleep(0.05)
        await device.act({"load_g": 500})
        began_s = time.monotonic()
        await asyncio.sleep(0.05)
        seen = await read_some(reader)
        while b"+0005003" not in seen:
            seen = await read_some(reader)
        assert time.monotonic() - began_s > 0.2
        writer.transport.abort()


async def test_a_pty_link_goes_and_comes_with_the_cable(tmp_path: Path) -> None:
    link = tmp_path / "scale"
    async with running("scale", pty=str(link)) as device:
        assert device.address == f"serial://{link}?baud=9600"
        assert str(link.readlink()).startswith("/dev/")
        await device.act({"plugged": False})
        assert not link.exists()
        await device.act({"plugged": True})
        assert link.exists()
    assert not link.is_symlink()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"device": "toaster"}, "none of"),
        ({"device": "scale", "options": {"colour": 1}}, "colour"),
        ({"device": "scale", "faults": "fire=1"}, "fire"),
    ],
)
def test_a_wrong_description_is_refused_before_anything_starts(fields: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        RunningDevice(DeviceSpec(**fields), now_s=time.monotonic)  # type: ignore[arg-type]


async def test_a_taken_port_is_an_error_at_the_start() -> None:
    async with running("scale") as device:
        port = int(device.address.rsplit(":", 1)[1])
        second = RunningDevice(DeviceSpec(device="scale", port=port), now_s=time.monotonic)
        with pytest.raises(OSError, match="address"):
            await second.start()
        await second.stop()

"""The simulators as real processes, as a campus starts them."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from firmware_sim.core.control import ControlClient

from edge.drivers.base import CardReader, CardTap, WeightReading, WeightSensor
from edge.drivers.registry import make_driver
from tests.support.devices import driver_context, following

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'firmware-sim'}"}


@asynccontextmanager
async def simulator(*arguments: str, devices: int = 1) -> AsyncIterator[list[dict[str, Any]]]:
    """A simulator process and the lines it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "firmware_sim",
        *arguments,
        env=ENVIRONMENT,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            yield [json.loads(await process.stdout.readline()) for _ in range(devices)]
    finally:
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await process.wait() == 0


async def ends_with(*arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "firmware_sim", *arguments, env=ENVIRONMENT, stderr=asyncio.subprocess.PIPE, cwd=ROOT
    )
    async with asyncio.timeout(30):
        _, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, errors.decode()


async def test_one_device_on_a_pty_serves_a_driver_and_takes_orders(tmp_path: Path) -> None:
    async with simulator("scale_toledo", "--pty", str(tmp_path / "scale"), "--seed", "7") as (line,):
        driver = make_driver("scale", {"url": line["url"], "protocol": "toledo"}, driver_context())
        assert isinstance(driver, WeightSensor)
        control = ControlClient(line["control_port"])
        async with following(driver.readings()) as readings:
            await control.act({"load_g": 250})
            resting = await readings.until(WeightReading, lambda found: found.stable and not found.zero)
            assert resting.weight_mg == 250_000
        await control.close()
        assert line["seed"] == 7


async def test_a_pty_without_a_path_gets_one_of_its_own() -> None:
    async with simulator("card_reader", "--pty") as (line,):
        link = Path(line["url"].removeprefix("serial://").partition("?")[0])
        assert link.is_symlink()
    assert not link.is_symlink()


async def test_many_devices_share_one_process(tmp_path: Path) -> None:
    config = tmp_path / "devices.json"
    specs = [{"device": "card_reader", "name": f"lane {number}"} for number in range(19)] + [{"device": "turnstile"}]
    config.write_text(json.dumps(specs))
    async with simulator("bench", "--config", str(config), devices=20) as lines:
        assert [line["name"] for line in lines[:3]] == ["lane 0", "lane 1", "lane 2"]
        assert len({line["url"] for line in lines}) == 20
        driver = make_driver("card_reader", {"url": lines[18]["url"]}, driver_context())
        assert isinstance(driver, CardReader)
        control = ControlClient(lines[18]["control_port"])
        async with following(driver.taps()) as taps:
            assert (await taps.next()).up
            await control.act({"tap": "04A1B2C3"})
            assert (await taps.until(CardTap)).uid == "04A1B2C3"
        await control.close()


async def test_wrong_arguments_end_with_a_sentence_not_a_trace(tmp_path: Path) -> None:
    config = tmp_path / "devices.json"
    config.write_text('[{"device": "scale", "colour": "red"}]')
    for arguments, reason in (
        (("scale", "--faults", "fire=1"), "fire"),
        (("bench", "--config", str(config)), "colour"),
        (("bench", "--config", str(tmp_path / "absent.json")), "absent.json"),
    ):
        code, errors = await ends_with(*arguments)
        assert code == 2
        assert reason in errors
        assert "Traceback" not in errors

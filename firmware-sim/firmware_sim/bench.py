"""One process with as many devices as its description lists."""

import asyncio
import json
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from firmware_sim.devices import DeviceSpec, RunningDevice


def read_specs(path: Path) -> list[DeviceSpec]:
    """The devices of a JSON file, a list of `DeviceSpec`; ValueError names what is wrong."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[DeviceSpec])
    except (OSError, msgspec.DecodeError) as error:
        raise ValueError(f"{path}: {error}") from error


async def run(specs: Sequence[DeviceSpec]) -> None:
    """Run the devices until SIGINT or SIGTERM; prints one JSON line each once all are there."""
    running = [RunningDevice(spec, now_s=time.monotonic) for spec in specs]
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    try:
        for device in running:
            await device.start()
        for device in running:
            sys.stdout.write(json.dumps(device.line()) + "\n")
        sys.stdout.flush()
        await ended.wait()
    finally:
        for device in running:
            await device.stop()

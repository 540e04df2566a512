"""A whole campus at lunch on one machine: the cloud, a gateway a site, their devices, the network between and diners.

`python -m firmware_sim campus --run` is what `make run` starts. Every part is a process of its own; what the product
is told comes over its real wires and screens only.
"""

import argparse
import asyncio
import os
import shutil
import signal
import sys
from pathlib import Path

from firmware_sim.world.campus import Campus, CampusOptions
from firmware_sim.world.processes import StartFailed
from firmware_sim.world.progress import Progress


def main(argv: list[str]) -> int:
    """Run the campus until Ctrl-C; status 1 where it could not start."""
    options = _options(argv)
    try:
        return asyncio.run(_run(options))
    except StartFailed as error:
        sys.stderr.write(f"\n{error}\n")
        return 1


async def _run(options: CampusOptions) -> int:
    progress = Progress(sys.stdout)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    campus = Campus(options, progress)
    starting = asyncio.create_task(campus.start())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            progress.say(campus.welcome())
            campus.open_doors()
            await stopping
        progress.say("\n正在停止… / stopping")
    finally:
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        stopping.cancel()
        await campus.stop()
    progress.say("已停止；再次 make run 从这里继续，FRESH=1 make run 重新开始 / stopped; make run goes on from here")
    return 0


def _start_over(folder: Path) -> None:
    """Remove what earlier campuses left in the folder, and nothing else."""
    for part in ("cloud", "gateways", "campus"):
        shutil.rmtree(folder / part, ignore_errors=True)
    for file in ("cloud.toml", "cloud.log"):
        (folder / file).unlink(missing_ok=True)


def _options(argv: list[str]) -> CampusOptions:
    parser = argparse.ArgumentParser(prog="python -m firmware_sim campus", description=__doc__)
    parser.add_argument("--run", action="store_true", help="run until Ctrl-C (the default)")
    parser.add_argument("--folder", type=Path, default=Path("var"), help="where everything is kept")
    parser.add_argument("--people", type=int, default=2_000, help="diners")
    parser.add_argument("--speed", type=float, default=6.0, help="lunches go by so many times faster than life")
    parser.add_argument("--seed", type=int, default=42, help="of diners, devices and network")
    parser.add_argument("--faults", default="", help="of devices, such as noise=0.01,cut=0.005,stall=0.001")
    parser.add_argument(
        "--cameras", action="store_true", help="a lane that sees its plates, and one that sees who pays"
    )
    fresh = os.environ.get("FRESH", "") not in {"", "0"}
    parser.add_argument("--fresh", action="store_true", default=fresh, help="start over (also by FRESH=1)")
    arguments = parser.parse_args(argv)
    if arguments.fresh:
        _start_over(arguments.folder)
    return CampusOptions(
        folder=arguments.folder.resolve(),
        people=arguments.people,
        speed=arguments.speed,
        seed=arguments.seed,
        faults=arguments.faults,
        cameras=arguments.cameras,
    )

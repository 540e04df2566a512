"""`python -m firmware_sim <device> --port 7001 --seed 42` · `bench --config devices.json` · `campus` · `proxy`."""

import argparse
import asyncio
import importlib
import json
import os
import sys
import tempfile
from pathlib import Path

from firmware_sim import bench
from firmware_sim.devices import KINDS, DeviceSpec

_PROGRAMS = ("campus", "proxy")


def main(argv: list[str]) -> int:
    """Run one subcommand; 0 when it ended well, 2 for wrong arguments."""
    if argv and argv[0] in _PROGRAMS:
        # Imported only now: a device needs nothing of the campus, and starts faster without it.
        program = importlib.import_module(f"firmware_sim.{argv[0]}")
        return int(program.main(argv[1:]) or 0)
    arguments = _parser().parse_args(argv)
    try:
        specs = bench.read_specs(Path(arguments.config)) if arguments.command == "bench" else [_spec(arguments)]
        asyncio.run(bench.run(specs))
    except (ValueError, OSError) as error:
        print(f"firmware_sim: {error}", file=sys.stderr)
        return 2
    return 0


def _spec(arguments: argparse.Namespace) -> DeviceSpec:
    return DeviceSpec(
        device=arguments.command,
        name=arguments.name,
        port=arguments.port,
        control_port=arguments.control_port,
        seed=arguments.seed,
        faults=arguments.faults,
        pty=arguments.pty,
        options=json.loads(arguments.options),
    )


def _own_link(kind: str) -> str:
    return str(Path(tempfile.gettempdir()) / f"firmware-sim-{kind}-{os.getpid()}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m firmware_sim", description="simulated hardware")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for kind in KINDS:
        command = commands.add_parser(kind, help=f"one {kind.replace('_', ' ')}")
        command.add_argument("--name", default="", help="name in the line printed (default: the kind)")
        command.add_argument("--port", type=int, default=0, help="TCP port of the device (default: a free one)")
        command.add_argument("--control-port", type=int, default=0, help="TCP port for orders (default: a free one)")
        command.add_argument(
            "--pty",
            nargs="?",
            default="",
            const=_own_link(kind),
            metavar="LINK",
            help="a pty instead, linked from LINK",
        )
        command.add_argument("--seed", type=int, default=42, help="the same seed gives the same chances")
        command.add_argument("--faults", default="", help="such as noise=0.01,cut=0.01,stall=0.001,unplug=0.001")
        command.add_argument("--options", default="{}", help="options of the device, a JSON object")
    many = commands.add_parser("bench", help="many devices in this one process")
    many.add_argument("--config", required=True, help="JSON list of devices")
    for program in _PROGRAMS:
        commands.add_parser(program, help=f"see {program} --help", add_help=False)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`python -m cloud serve|check|migrate|backup|verify|restore|rotate-keys [--config cloud.toml]`."""

import argparse
import asyncio
import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path

import uvloop

from cloud.core import logs
from cloud.core.errors import CloudError
from cloud.core.migrate import migrate
from cloud.core.server import Servers
from cloud.core.startup import open_core, open_postgres
from cloud.core.users import ensure_first_administrator
from cloud.main import create_app, table_modules
from cloud.settings import Settings
from protocols.settings.checker import load

FIRST_ORGANISATION = "示例单位"


def main() -> int:
    """Run one command; the exit status is 0, 1 for a failure that is told, 2 for wrong settings."""
    arguments = _parser().parse_args()
    settings = _settings(Path(arguments.config))
    if settings is None:
        return 2
    if arguments.command == "check":
        print(f"{arguments.config}: every setting is right")
        return 0
    logs.set_up(level=settings.log.level, as_json=settings.log.json)
    try:
        uvloop.run(_COMMANDS[arguments.command](settings, arguments))
    except CloudError as error:
        print(f"{error.code}: {error.message}", file=sys.stderr)
        return 1
    return 0


async def _serve(settings: Settings, _arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with open_core(settings, table_modules=table_modules()) as core:
        first = await ensure_first_administrator(
            core.database,
            core.clock,
            settings.security,
            organisation_name=FIRST_ORGANISATION,
            must_change_password=not settings.server.demo,
        )
        if first:
            _tell("first_administrator", **asdict(first))
        servers = Servers(create_app(core), core)
        await core.events.start()
        await core.jobs.start()
        broker = f"{core.broker.host}:{core.broker.port}" if core.broker else ""
        _tell("ready", broker=broker, **asdict(servers.addresses))
        await servers.serve(stop)
    _tell("stopped")


async def _migrate(settings: Settings, _arguments: argparse.Namespace) -> None:
    async with open_postgres(settings) as address:
        for name in await migrate(address.owner_dsn):
            print(name)


_COMMANDS = {"serve": _serve, "migrate": _migrate}


def _tell(event: str, **facts: object) -> None:
    """One JSON object a line on standard output, for whoever started this process."""
    print(json.dumps({"event": event, **facts}, ensure_ascii=False), flush=True)


def _settings(path: Path) -> Settings | None:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        print(f"{path}: cannot be read: {error}", file=sys.stderr)
        return None
    found = load(text, Settings)
    if isinstance(found, Settings):
        return found
    for problem in found:
        print(f"{path}: {problem}", file=sys.stderr)
    return None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cloud", description=__doc__)
    parser.add_argument("command", choices=["check", *_COMMANDS])
    parser.add_argument("--config", default="cloud.toml")
    return parser


if __name__ == "__main__":
    sys.exit(main())

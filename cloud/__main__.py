"""`python -m cloud serve|check|seed|migrate|backup|verify|restore|rotate-keys|books [--config cloud.toml]`."""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

import uvloop

from cloud import seed
from cloud.core import logs
from cloud.core.backup import Backups
from cloud.core.backup_keeper import keep_backups
from cloud.core.clock import SystemClock
from cloud.core.context import Core
from cloud.core.errors import CloudError, Conflict
from cloud.core.migrate import migrate
from cloud.core.postgres import PostgresAddress
from cloud.core.restore import restore
from cloud.core.rotation import rotate_data_keys, rotate_master_key
from cloud.core.server import Servers
from cloud.core.startup import open_backups, open_core, open_postgres
from cloud.core.users import ensure_first_administrator
from cloud.main import BACKUP_FACTS, create_app, register, table_modules
from cloud.settings import Settings, contradictions
from cloud.sync.audit import check_books, check_chain
from cloud.sync.service import stream_statuses
from protocols.settings.checker import load
from protocols.settings.lines import find_lines

FIRST_ORGANISATION = "示例单位"
_STOPPED_BY_HAND = 130


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
    except KeyboardInterrupt:
        return _STOPPED_BY_HAND
    return 0


async def _serve(settings: Settings, _arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with open_core(settings, table_modules=table_modules()) as core:
        await _first_administrator(core)
        register(core)
        servers = Servers(create_app(core), core)
        await core.events.start()
        await core.jobs.start()
        keeper = asyncio.create_task(keep_backups(core, BACKUP_FACTS))
        broker = f"{core.broker.host}:{core.broker.port}" if core.broker else ""
        _tell("ready", broker=broker, **asdict(servers.addresses))
        await servers.serve(stop)
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
    _tell("stopped")


async def _first_administrator(core: Core) -> None:
    first = await ensure_first_administrator(
        core.database,
        core.clock,
        core.settings.security,
        organisation_name=FIRST_ORGANISATION,
        must_change_password=not core.settings.server.demo,
    )
    if first:
        _tell("first_administrator", username=first.login, **asdict(first))


async def _seed(settings: Settings, arguments: argparse.Namespace) -> None:
    async with open_core(settings, table_modules=table_modules(), with_broker=False) as core:
        await _first_administrator(core)
        register(core)
        await seed.run(core, arguments)


async def _migrate(settings: Settings, _arguments: argparse.Namespace) -> None:
    async with open_postgres(settings) as address:
        for name in await migrate(address.owner_dsn):
            print(name)


async def _backup(settings: Settings, _arguments: argparse.Namespace) -> None:
    async with _backups(settings) as (backups, _address):
        _tell("backup", name=(await backups.make()).name)


async def _verify(settings: Settings, arguments: argparse.Namespace) -> None:
    async with _backups(settings) as (backups, _address):
        _tell("verified", name=(await backups.verify(arguments.name)).name)


async def _restore(settings: Settings, arguments: argparse.Namespace) -> None:
    async with _backups(settings) as (backups, address):
        done = await restore(backups, address, SystemClock(), name=arguments.name, even_older=arguments.even_older)
        _tell("restored", **asdict(done))


async def _books(settings: Settings, _arguments: argparse.Namespace) -> None:
    """Reckon every balance and every chain anew; raises Conflict where something differs."""
    findings = 0
    async with open_core(settings, table_modules=table_modules(), with_broker=False) as core:
        async with core.database.system_transaction() as tx:
            organisations = [row["id"] for row in await tx.fetch("SELECT id FROM core_organisations ORDER BY id")]
        for organisation in organisations:
            async with core.database.transaction(organisation) as tx:
                found = await check_books(tx)
                for stream in await stream_statuses(tx):
                    found += await check_chain(tx, device=stream.device, epoch=stream.epoch)
            findings += len(found)
            for finding in found:
                _tell("finding", organisation=organisation, **finding._asdict())
    if findings:
        raise Conflict(f"the books do not agree in {findings} places")
    _tell("books_agree", organisations=len(organisations))


async def _rotate_keys(settings: Settings, arguments: argparse.Namespace) -> None:
    async with open_core(settings, table_modules=table_modules(), with_broker=False) as core:
        if arguments.master:
            _tell("master_key_rotated", keys=await rotate_master_key(core))
        else:
            _tell("data_keys_rotated", organisations=await rotate_data_keys(core))


_COMMANDS = {
    "serve": _serve,
    "seed": _seed,
    "migrate": _migrate,
    "backup": _backup,
    "verify": _verify,
    "restore": _restore,
    "rotate-keys": _rotate_keys,
    "books": _books,
}


@asynccontextmanager
async def _backups(settings: Settings) -> AsyncIterator[tuple[Backups, PostgresAddress]]:
    async with open_postgres(settings) as address:
        yield open_backups(settings, address, SystemClock(), BACKUP_FACTS), address


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
    problems = found if isinstance(found, list) else contradictions(found, find_lines(text))
    if isinstance(found, Settings) and not problems:
        return found
    for problem in problems:
        print(f"{path}: {problem}", file=sys.stderr)
    return None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cloud", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    made = {name: commands.add_parser(name, help=text) for name, text in _HELP.items()}
    for one in made.values():
        one.add_argument("--config", default="cloud.toml")
    for name in ("verify", "restore"):
        made[name].add_argument("name", nargs="?", default="", help="of a backup; the newest by default")
    made["restore"].add_argument("--even-older", action="store_true", help="although edges rely on a newer one")
    made["rotate-keys"].add_argument("--master", action="store_true", help="the master key instead of the data keys")
    seed.add_arguments(made["seed"])
    return parser


_HELP = {
    "serve": "run the core until a signal",
    "check": "name the line and the reason of each wrong setting",
    "seed": "make a sample campus in an empty database",
    "migrate": "bring the database up to date",
    "backup": "make a backup now",
    "verify": "prove a backup by restoring it beside the database",
    "restore": "put a backup in the place of the database; the core must be stopped",
    "books": "reckon every balance and every chain anew and say where they differ",
    "rotate-keys": "give every organisation a new data key",
}


if __name__ == "__main__":
    sys.exit(main())

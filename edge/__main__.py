"""`python -m edge run|check|status|verify|provision|settings|drivers`: the gateway's process and what looks at it."""

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from random import SystemRandom
from typing import Final

import apsw

from edge.core.errors import EdgeError
from edge.core.log import configure, logger
from edge.core.supervisor import Supervisor
from edge.drivers.registry import DRIVERS
from edge.journal.identity import DeviceSecrets, load_identity
from edge.journal.journal import read_committed
from edge.journal.verify import Fault, Verdict, file_faults, receipt_fault, verify
from edge.leases import audit
from edge.settings import EdgeSettings, read_settings, state_folder
from edge.stations.canteen.station import SCHEMA, build_station
from edge.stations.gateway import Gateway, GatewaySettings, Stores, identify, site_time
from edge.store.connection import Reader
from edge.store.errors import StoreBroken, StoreError
from protocols.crypto.selftest import run_self_test
from protocols.settings.checker import Problem
from protocols.settings.render import render
from protocols.values.errors import Malformed
from protocols.values.ids import EntryId

SOFTWARE: Final = "quartermaster-edge 0.1.0"
_SWITCH_INTERVAL_S: Final = 0.0005
_OK, _FAILED, _MISUSED = 0, 1, 2

_log = logger("main")


def main(arguments: Sequence[str]) -> int:
    """The exit status: 0 well, 1 failed, 2 a wrong command or setting."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before anything loads it: one look must not take every core
    options = _parser().parse_args(arguments)
    if options.command == "settings":
        print(render(EdgeSettings), end="")
        return _OK
    if options.command == "drivers":
        for kind, info in sorted(DRIVERS.items()):
            print(f"{kind}\t{info.capability}")
        return _OK
    path = Path(options.config)
    settings = read_settings(path)
    if isinstance(settings, list):
        _complain(path, settings)
        return _MISUSED
    configure(level=settings.log.level, style=settings.log.style)
    try:
        return _act(options, path, settings)
    except (EdgeError, OSError) as error:
        print(f"edge: {error}", file=sys.stderr)
        return _FAILED
    except KeyboardInterrupt:
        return _OK


def _act(options: argparse.Namespace, path: Path, settings: EdgeSettings) -> int:
    folder = state_folder(path, settings)
    if options.command == "check":
        print(f"{path} is well")
        return _OK
    if options.command == "status":
        said = status(folder)
        print(json.dumps(said) if options.json else "\n".join(f"{name}: {value}" for name, value in said.items()))
        return _OK
    run_self_test()
    if options.command == "verify":
        return _verify(folder, options)
    sys.setswitchinterval(_SWITCH_INTERVAL_S)  # so that a signature under way holds up no lane
    parts = _gateway_settings(settings)
    if options.command == "provision":
        asyncio.run(_provision(folder, parts, options.code))
        return _OK
    asyncio.run(_run(folder, parts))
    return _OK


async def _run(folder: Path, settings: GatewaySettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    stores = Stores(folder, settings.store, (SCHEMA,))
    try:
        time = site_time(settings.clock)
        known = asyncio.create_task(identify(stores, settings, time, software=SOFTWARE))
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait([known, stopped], return_when=asyncio.FIRST_COMPLETED)
        if not known.done():
            known.cancel()
            with suppress(asyncio.CancelledError):
                await known
            return
        gateway = Gateway(stores, await known, time, settings, software=SOFTWARE)
        try:
            await _serve(gateway, stopped)
        finally:
            gateway.close()
    finally:
        stores.close()


async def _serve(gateway: Gateway, stopped: "asyncio.Task[bool]") -> None:
    services = [*gateway.services(), *build_station(gateway.site)]
    supervisor = Supervisor(services, SystemRandom())
    supervisor.start()
    _log.info("running as %s", gateway.site.identity)
    try:
        await stopped
    finally:
        _log.info("stopping")
        await supervisor.stop()


async def _provision(folder: Path, settings: GatewaySettings, code: str) -> None:
    stores = Stores(folder, settings.store, (SCHEMA,))
    try:
        time = site_time(settings.clock)
        identity = await identify(stores, settings.with_code(code), time, software=SOFTWARE)
        print(f"device {identity.device} of site {identity.site}, epoch {identity.epoch}")
    finally:
        stores.close()


def status(folder: Path) -> dict[str, int | bool]:
    """How a gateway's store stands, read beside a running one; zeros before it was provisioned."""
    nothing: dict[str, int | bool] = dict.fromkeys(
        ("device", "epoch", "head_seq", "applied_through", "sum_fen", "waiting_fen", "waiting"), 0
    )
    path = folder / "journal.db"
    if not path.exists() or not (folder / "device.key").exists():
        return nothing
    reader = Reader(path)
    try:
        identity = load_identity(reader, DeviceSecrets(folder / "device.key"))
        if identity is None:
            return nothing
        stood = read_committed(reader)
    except StoreError:
        return nothing
    finally:
        reader.close()
    return {
        "device": identity.device,
        "epoch": identity.epoch,
        "head_seq": stood.seq,
        "applied_through": stood.applied_through,
        "sum_fen": stood.sum_fen,
        "waiting_fen": stood.waiting_fen,
        "waiting": stood.waiting,
    }


def _verify(folder: Path, options: argparse.Namespace) -> int:
    path = folder / "journal.db"
    if not path.exists() or not (folder / "device.key").exists():
        print(f"there is no journal in {folder}")
        return _FAILED
    receipt = _receipt(options.receipt) if options.receipt else None
    device_secrets = DeviceSecrets(folder / "device.key")
    try:
        reader = Reader(path)
    except apsw.Error as error:
        raise StoreBroken(f"{path} is damaged: {error}") from error
    try:
        reader.rows("BEGIN")  # one snapshot, however long it takes and whatever the gateway writes meanwhile
        identity = load_identity(reader, device_secrets)
        if identity is None:
            print(f"the gateway of {folder} was never provisioned")
            return _FAILED
        verdict = verify(
            reader,
            [(key.key_id, key.public) for key in device_secrets.keys],
            device=identity.device,
            epoch=identity.epoch,
            audit=lambda: audit.verify(reader),
            every_signature=not options.quick,
        )
        faults = [*file_faults(reader), *verdict.faults]
        if receipt is not None:
            faults += _receipt_faults(reader, verdict, *receipt)
    finally:
        reader.close()
    _tell(verdict, faults)
    return _FAILED if faults else _OK


def _receipt(text: str) -> tuple[EntryId, str]:
    name, _, mark = text.removeprefix("QMR").rpartition("-")
    try:
        return EntryId.parse(name), mark
    except Malformed as error:
        raise EdgeError(f"a receipt's code reads DEVICE-EPOCH-SEQ-MARK, not {text}") from error


def _receipt_faults(reader: Reader, verdict: Verdict, entry: EntryId, mark: str) -> list[Fault]:
    if (entry.device, entry.epoch) != (verdict.device, verdict.epoch):
        raise EdgeError(f"the receipt is of device {entry.device}, epoch {entry.epoch}, not of this journal")
    fault = receipt_fault(reader, entry.seq, mark)
    return [fault] if fault else []


def _tell(verdict: Verdict, faults: list[Fault]) -> None:
    print(
        f"device {verdict.device}, epoch {verdict.epoch}: entries {verdict.first_seq} to {verdict.last_seq}, "
        f"{verdict.checkpoints} checkpoints, signed through entry {verdict.signed_through}"
    )
    if not faults:
        print("the journal is whole")
        return
    first = min((fault.seq for fault in faults if fault.seq), default=0)
    print(f"THE JOURNAL IS NOT WHOLE{f', first at entry {first}' if first else ''}")
    for fault in faults:
        print(f"  {fault.part}{f' {fault.seq}' if fault.seq else ''}: {fault.words}")
    if verdict.untold:
        print(f"  and {verdict.untold} more")


def _gateway_settings(settings: EdgeSettings) -> GatewaySettings:
    return GatewaySettings(
        cloud=settings.cloud,
        sync=settings.sync,
        store=settings.store,
        broker=settings.broker,
        spool=settings.spool,
        clock=settings.clock,
        site=settings.site,
    )


def _complain(path: Path, problems: list[Problem]) -> None:
    for problem in problems:
        print(f"{path}: {problem}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m edge", description="The edge agent of Quartermaster.")
    parser.add_argument("--config", default="edge.toml", help="settings file (default: edge.toml)")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, said in (
        ("run", "run the gateway until told to stop"),
        ("check", "check the settings file"),
        ("settings", "print a settings file with every default"),
        ("drivers", "list the drivers a lane's devices may name"),
    ):
        _with_config(commands.add_parser(name, help=said))
    looking = commands.add_parser("status", help="how the store stands")
    looking.add_argument("--json", action="store_true")
    _with_config(looking)
    proving = commands.add_parser("verify", help="say whether the journal is whole; reads beside a running gateway")
    proving.add_argument("--quick", action="store_true", help="reckon only the newest signature of each key")
    proving.add_argument("--receipt", default="", help="compare the code of a receipt too: DEVICE-EPOCH-SEQ-MARK")
    _with_config(proving)
    joining = commands.add_parser("provision", help="become a gateway of the cloud")
    joining.add_argument("--code", required=True, help="one-time code of the console")
    _with_config(joining)
    return parser


def _with_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", default=argparse.SUPPRESS, help="settings file (default: edge.toml)")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

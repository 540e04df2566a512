"""`python -m models fetch [NAME]` brings networks; `python -m models evaluate faces FOLDER --out DIR` measures them."""

import argparse
import importlib
import json
import sys
from pathlib import Path

from models.errors import NetworkDamaged, RecognitionError, SourceUnreachable
from models.evaluate.cards import fill_cards
from models.fetch import TIMEOUT_S, fetch
from models.registry import DEFAULT_STORE, Networks

EVALUATIONS = {name: f"models.evaluate.{name}" for name in ("faces", "trays", "dishes", "products", "kitchen", "crowd")}


def main(arguments: list[str]) -> int:
    """Run one command; 0 = done, 1 = some could not be had, 2 = a file was not the one named."""
    options = _options(arguments)
    try:
        networks = Networks(options.store)
        if options.command == "fetch":
            return _fetch(networks, options)
        if options.command == "list":
            return _list(networks)
        return _evaluate(networks, options)
    except RecognitionError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 2 if isinstance(error, NetworkDamaged) else 1


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m models")
    parser.add_argument("--store", type=Path, default=DEFAULT_STORE, help="folder of the networks")
    commands = parser.add_subparsers(dest="command", required=True)
    fetching = commands.add_parser("fetch", help="bring networks, checked against their SHA-256")
    fetching.add_argument("name", nargs="?", help="one network; without it, all")
    fetching.add_argument("--from", dest="folder", type=Path, help="copy from this folder; without it, download")
    fetching.add_argument("--timeout", dest="timeout_s", type=float, default=TIMEOUT_S, help="seconds per file")
    commands.add_parser("list", help="say which networks are there")
    evaluating = commands.add_parser("evaluate", help="measure on real pictures")
    evaluating.add_argument("what", choices=sorted(EVALUATIONS))
    evaluating.add_argument("folder", type=Path, help="in the format of the sample data")
    evaluating.add_argument("--out", type=Path, required=True, help="folder of the table and the plots")
    evaluating.add_argument("--cards", type=Path, help="renew the model cards in this folder, as docs/models")
    for each in (fetching, evaluating, commands.choices["list"]):
        each.add_argument("--store", type=Path, default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _fetch(networks: Networks, options: argparse.Namespace) -> int:
    status = 0
    for name in [options.name] if options.name else sorted(networks.entries):
        if networks.has(name):
            print(f"{name}: there")
            continue
        try:
            path = fetch(networks, name, folder=options.folder, timeout_s=options.timeout_s)
            print(f"{name}: stored at {path}")
        except SourceUnreachable as error:
            print(f"{name}: {error}; the rest is not asked for", file=sys.stderr)
            return max(status, 1)
        except RecognitionError as error:
            print(f"{name}: {error}", file=sys.stderr)
            status = max(status, 2 if isinstance(error, NetworkDamaged) else 1)
    return status


def _list(networks: Networks) -> int:
    for name, entry in sorted(networks.entries.items()):
        print(f"{name}\t{'there' if networks.has(name) else 'missing'}\t{entry.licence}\t{entry.use}")
    return 0


def _evaluate(networks: Networks, options: argparse.Namespace) -> int:
    if not options.folder.is_dir():
        print(f"{options.folder} is not a folder", file=sys.stderr)
        return 1
    module = importlib.import_module(EVALUATIONS[options.what])
    scores = module.run(options.folder, options.out, networks)
    print(json.dumps(scores, ensure_ascii=False, sort_keys=True))
    report = options.out / f"{options.what}.md"
    if options.cards is not None and report.is_file():
        fill_cards(options.cards, options.what, report)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

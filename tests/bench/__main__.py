"""`python -m tests.bench`: run every bench, or the one named by ONLY, each in a process of its own.

Prints one JSON line a figure and nothing else on standard output. Exits 0 when a target is missed; exits 1 when a
bench broke or was not found, because then there is no figure to judge.
"""

import importlib
import json
import os
import subprocess
import sys
import tempfile
import traceback
from dataclasses import asdict
from pathlib import Path

from tests.bench.harness import MIN_WINDOWS, Bench, Report, Run, measure, registered

TIMEOUT_S = 900


def main(arguments: list[str]) -> int:
    """Run the benches asked for; answers the exit status."""
    _import_all()
    if arguments[:1] == ["--one"]:
        return _run_here(registered()[arguments[1]])
    only = os.environ.get("ONLY", "").strip()
    names = [only] if only else sorted(registered())
    unknown = [name for name in names if name not in registered()]
    if unknown:
        sys.stderr.write(f"no bench called {unknown[0]}; there are: {', '.join(sorted(registered()))}\n")
        return 1
    return max((_run_apart(registered()[name]) for name in names), default=0)


def _import_all() -> None:
    for path in sorted(Path(__file__).parent.glob("bench_*.py")):
        importlib.import_module(f"tests.bench.{path.stem}")


def _run_here(item: Bench) -> int:
    windows = int(os.environ.get("WINDOWS", str(MIN_WINDOWS)))
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
        try:
            report = measure(item, Run(Path(folder), windows))
        except Exception as error:  # noqa: BLE001  the line of a broken bench must still be printed
            traceback.print_exc()
            _print(_broken(item, f"{type(error).__name__}: {error}"))
            return 1
    _print(report)
    return 0


def _run_apart(item: Bench) -> int:
    command = [sys.executable, "-m", "tests.bench", "--one", item.name]
    try:
        return subprocess.run(command, timeout=TIMEOUT_S, check=False).returncode
    except subprocess.TimeoutExpired:
        _print(_broken(item, f"no figure within {TIMEOUT_S} s"))
        return 1


def _broken(item: Bench, reason: str) -> Report:
    return Report(item.name, None, None, None, item.target, holds=False, note=f"broke: {reason}")


def _print(report: Report) -> None:
    print(json.dumps(asdict(report), ensure_ascii=False), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Plants the bugs: `python -m tests.simulation.planted [--mechanical N] [--seed S] [--only NAME ...] [--out FILE]`.

One line of JSON for each mutant as it is judged, and a summary last. Ends with 1 where fewer were found than must be.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.simulation.planted.detectors import DETECTORS, Detector
from tests.simulation.planted.mutant import DoesNotApply, Mutant, load_named
from tests.simulation.planted.overlay import Base
from tests.simulation.planted.plan import MECHANICAL_MANY, mechanical, reasons
from tests.simulation.planted.runner import Unsound, enough, prove_sound, run, summary


def _chosen(options: argparse.Namespace, base: Base) -> list[Mutant]:
    named = [] if options.mechanical_only else load_named()
    drawn = mechanical(base.read, many=options.mechanical, seed=options.seed) if options.mechanical else []
    only = options.only or []
    return [mutant for mutant in [*named, *drawn] if not only or any(word in mutant.name for word in only)]


def _detectors(names: str) -> list[Detector]:
    return [DETECTORS[name] for name in names.split(",")] if names else list(DETECTORS.values())


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.planted", description=__doc__)
    parser.add_argument("--mechanical", type=int, default=MECHANICAL_MANY, help="how many mechanical mutants to draw")
    parser.add_argument("--mechanical-only", action="store_true", help="leave the named ones out")
    parser.add_argument("--seed", type=int, default=1, help="draws the mechanical ones")
    parser.add_argument("--only", nargs="+", help="mutants whose name holds one of these words")
    parser.add_argument("--detectors", default="", help=f"of {', '.join(DETECTORS)}; all unless told")
    parser.add_argument("--most", type=int, help="detectors that look at each mutant; all unless told")
    parser.add_argument("--jobs", type=int, default=2, help="mutants judged at once")
    parser.add_argument("--list", action="store_true", help="name the mutants and end")
    parser.add_argument("--trust", action="store_true", help="do not first prove that the code as it is passes")
    parser.add_argument("--out", type=Path, help="also write the lines to this file")
    return parser.parse_args(words)


def main(words: Sequence[str]) -> int:
    """Plant and judge."""
    options = _options(words)
    began = time.monotonic()
    detectors = _detectors(options.detectors)
    with Base() as base:
        mutants = _chosen(options, base)
        for mutant in mutants:
            mutant.patched(base.read)
        if options.list:
            print("\n".join(f"{mutant.name}: {mutant.says}" for mutant in mutants))
            return 0
        if not options.trust:
            prove_sound(detectors, base, jobs=options.jobs)
        results = []
        for result in run(mutants, detectors, base, jobs=options.jobs, most=options.most):
            results.append(result)
            _tell(result.line(), options.out)
    told = summary(results, reasons())
    _tell(json.dumps({**told, "seconds": round(time.monotonic() - began)}, ensure_ascii=False), options.out)
    return 0 if enough(told) else 1


def _tell(line: str, out: Path | None) -> None:
    print(line, flush=True)
    if out is not None:
        with out.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (DoesNotApply, Unsound) as error:
        print(error, file=sys.stderr)
        sys.exit(2)

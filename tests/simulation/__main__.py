"""`python -m tests.simulation`: many worlds, each from its seed, and the planted bugs; one JSON line.

--seed N tells the story of one world. --seeds A..B plays those alone, without planted bugs; it ends at the first
violation with status 1.
"""

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from time import perf_counter

from tests.simulation.reached import unreached
from tests.simulation.script import Outcome, run_seed

_SEEDS = 20
_LAST_LINES = 40


def main() -> int:
    """0 where every promise held, every state was reached and the planted bugs were found."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="one world, with its story")
    parser.add_argument("--seeds", help="A..B: these worlds and no planted bugs")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--plots", help="with --seed: these plots, comma between them")
    asked = parser.parse_args()
    if asked.seed is not None:
        return _tell(run_seed(asked.seed, plots=tuple(filter(None, asked.plots.split(","))) if asked.plots else None))
    if asked.seeds:
        first, _, last = asked.seeds.partition("..")
        return _hunt(range(int(first), int(last or first) + 1))
    return _simulate(int(os.environ.get("SEEDS", _SEEDS)), asked.workers)


def _tell(outcome: Outcome) -> int:
    print(*outcome.story, sep="\n")
    print(*(f"{count:6} {state}" for state, count in sorted(outcome.reached.items())), sep="\n")
    print(f"seed {outcome.seed}: {outcome.violation or 'everything held'}")
    return int(bool(outcome.violation))


def _hunt(seeds: Iterable[int]) -> int:
    """In order, in this process, until one is violated."""
    for seed in seeds:
        outcome = run_seed(seed)
        if outcome.violation:
            print(json.dumps({"seed": seed, "violation": outcome.violation}))
            return 1
    return 0


def _simulate(seeds: int, workers: int) -> int:
    from tests.simulation.planted.runner import enough, run_all

    began_s = perf_counter()
    outcomes = list(_played(range(1, seeds + 1), workers))
    took_s = perf_counter() - began_s
    reached: Counter[str] = Counter()
    for outcome in outcomes:
        reached.update(outcome.reached)
        if outcome.violation:
            print(f"seed {outcome.seed}: {outcome.violation}", *outcome.story[-_LAST_LINES:], sep="\n", file=sys.stderr)
    missing = unreached(reached)
    violations = sum(bool(outcome.violation) for outcome in outcomes)
    settlements = sum(outcome.settlements for outcome in outcomes)
    faults = sum(outcome.faults for outcome in outcomes)
    planted = run_all(jobs=workers)
    line = {
        "name": "simulate",
        "seeds": seeds,
        "terminal_hours": round(sum(outcome.terminal_hours for outcome in outcomes)),
        "settlements": settlements,
        "faults": faults,
        "settlements_per_s": round(settlements / took_s, 1),
        "faults_per_s": round(faults / took_s, 1),
        "reached": dict(sorted(reached.items())),
        "unreached": missing,
        "violations": violations,
        **planted,
    }
    print(json.dumps(line))
    return int(bool(violations or missing or not enough(planted)))


def _played(seeds: Iterable[int], workers: int) -> Iterator[Outcome]:
    if workers <= 1:
        yield from map(run_seed, seeds)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(run_seed, seeds)


if __name__ == "__main__":
    sys.exit(main())

"""Plants one bug at a time and lets the detectors look, the likeliest first, until one objects."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from tests.simulation.planted.detectors import DETECTORS, Detector, in_order
from tests.simulation.planted.mutant import Mutant, load_named
from tests.simulation.planted.overlay import Base
from tests.simulation.planted.plan import mechanical, reasons
from tests.simulation.planted.watchers import Watchers

NAMED_SHARE: Final = 0.95
MECHANICAL_SHARE: Final = 0.80


class Unsound(Exception):
    """A detector objects to the code as it is: what it says of mutants means nothing."""


@dataclass(frozen=True)
class Result:
    """What became of a mutant. `by` names the detector, with " (hang)" or " (crash)" where it did not end by itself."""

    name: str
    mechanical: bool
    found: bool
    by: str
    seed: int | None
    seconds: float
    words: str

    def line(self) -> str:
        """One line of JSON."""
        return json.dumps({**vars(self), "seconds": round(self.seconds, 1)}, ensure_ascii=False)


def run(
    mutants: Iterable[Mutant], detectors: Sequence[Detector], base: Base, *, jobs: int = 2, most: int | None = None
) -> Iterator[Result]:
    """Results as they come; `most` detectors look at each. Raises DoesNotApply, before anything runs."""
    todo = [(mutant, mutant.patched(base.read)) for mutant in mutants]
    with Watchers(detectors, base, jobs=jobs) as watchers, ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(lambda each: _judge(each[0], each[1], watchers, most), todo)


def prove_sound(detectors: Sequence[Detector], base: Base, *, jobs: int = 2) -> None:
    """Run each detector on the code as it is. Raises Unsound."""
    with (
        Watchers(detectors, base, jobs=jobs) as watchers,
        base.overlay({}) as overlay,
        ThreadPoolExecutor(jobs) as pool,
    ):
        for detector, seen in zip(
            detectors, pool.map(lambda each: watchers.look(each, overlay), detectors), strict=True
        ):
            if seen.status:
                raise Unsound(f"{detector.name} objects to the code as it is ({seen.status}): {seen.said}")


def summary(results: Iterable[Result], why: dict[str, str]) -> dict[str, Any]:
    """Counts, and the survivors with what is known of each."""
    told = list(results)
    named, drawn = [r for r in told if not r.mechanical], [r for r in told if r.mechanical]
    survivors = [
        {"name": r.name, "mechanical": r.mechanical, "says": r.words, "why": why.get(r.name, "")}
        for r in told
        if not r.found
    ]
    return {
        "planted": len(named),
        "found": sum(r.found for r in named),
        "mechanical": len(drawn),
        "mechanical_found": sum(r.found for r in drawn),
        "survivors": survivors,
    }


def enough(told: dict[str, Any]) -> bool:
    """Whether the shares that must be found were found."""
    return bool(
        told["found"] >= NAMED_SHARE * told["planted"]
        and told["mechanical_found"] >= MECHANICAL_SHARE * told["mechanical"]
    )


def run_all(*, jobs: int = 2, told: Callable[[Result], object] = lambda _: None) -> dict[str, Any]:
    """All named mutants and the sample; the summary. Raises DoesNotApply or Unsound."""
    detectors = list(DETECTORS.values())
    results = []
    with Base() as base:
        mutants = [*load_named(), *mechanical(base.read)]
        prove_sound(detectors, base, jobs=jobs)
        for result in run(mutants, detectors, base, jobs=jobs):
            told(result)
            results.append(result)
    return summary(results, reasons())


def _judge(mutant: Mutant, patched: dict[str, str], watchers: Watchers, most: int | None) -> Result:
    began = time.monotonic()
    with watchers.base.overlay(patched) as overlay:
        for detector in in_order(mutant, watchers.detectors)[:most]:
            seen = watchers.look(detector, overlay)
            if seen.status:
                by = detector.name if seen.status == "found" else f"{detector.name} ({seen.status})"
                return Result(mutant.name, mutant.mechanical, True, by, seen.seed, time.monotonic() - began, seen.said)
    return Result(mutant.name, mutant.mechanical, False, "", None, time.monotonic() - began, mutant.says)

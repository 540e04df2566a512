"""What objects to a planted bug: the simulation's own means, each a command that ends with 1 when it finds something.

`python -m MODULE ARGS` runs in a copy of the code; 0 is "nothing found", 1 "found", anything else a crash. A line of
JSON on its output that names a `seed` or a `violation` is kept with the result.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple


class Detector(NamedTuple):
    """A command, and the longest it may take before it counts as hung."""

    name: str
    module: str
    arguments: tuple[str, ...]
    timeout_s: float = 90.0


_WATCH: Final = "tests.simulation.planted.watch"

DETECTORS: Final[Mapping[str, Detector]] = {
    each.name: each
    for each in (
        Detector("world", _WATCH, ("12:poison,rotate", "84:replace,bad deploy")),
        Detector("crash", "tests.simulation.crash_points", ("6",)),
        Detector("restored", _WATCH, ("36:restore", "96:restore,poison")),
        Detector("forks", _WATCH, ("24:clone", "6")),
        Detector("lost", _WATCH, ("13",)),
        Detector("worlds", _WATCH, ("3", "9")),
        Detector("dark", "tests.simulation.planted.dark", ("3000",)),
        Detector("tamper", "tests.simulation.tamper", ("--edits", "100", "--seed", "1")),
    )
}


def in_order(names: Iterable[str], detectors: Sequence[Detector]) -> list[Detector]:
    """Those that ought to find it first, then the others, cheapest first as they are listed."""
    wanted = [name for name in names if any(each.name == name for each in detectors)]
    return sorted(detectors, key=lambda each: wanted.index(each.name) if each.name in wanted else len(wanted))

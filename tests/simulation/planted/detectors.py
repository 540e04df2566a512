"""What objects to a planted bug: the simulation's own means, each a command that ends with 1 when it finds something.

`python -m MODULE ARGS` runs in a copy of the code; 0 is "nothing found", 1 "found", anything else a crash. A line of
JSON on its output that names a `seed` or a `violation` is kept with the result.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from tests.simulation.planted.mutant import Mutant


class Detector(NamedTuple):
    """A command, the longest it may take before it counts as hung, and where it has something to say (anywhere)."""

    name: str
    module: str
    arguments: tuple[str, ...]
    timeout_s: float = 60.0
    places: tuple[str, ...] = ("",)


_MODELS: Final[Mapping[str, tuple[str, ...]]] = {
    "chain": ("protocols/journal/chain",),
    "balances": ("protocols/ledger",),
    "places": ("cloud/sync/placing",),
    "leases": ("cloud/ledger/leases",),
    "limits": ("edge/leases/limits", "edge/store/transaction"),
    "book": ("edge/leases/book", "edge/store/transaction"),
    "journal": ("edge/journal/journal", "edge/store/transaction"),
    "replica": ("edge/replica", "cloud/sync/replicas"),
}
_WATCH: Final = "tests.simulation.planted.watch"

DETECTORS: Final[Mapping[str, Detector]] = {
    each.name: each
    for each in (
        *(
            Detector(name, "tests.simulation.planted.oracle", (name,), timeout_s=20.0, places=places)
            for name, places in _MODELS.items()
        ),
        Detector("world", _WATCH, ("24:poison,wander", "12:squeeze,month end", "36:bad deploy,rotate,poisoned month")),
        Detector(
            "restored", _WATCH, ("132:restore,month end", "84:restore", "96:restore,poison", "108:restore,squeeze")
        ),
        Detector("limits of people", _WATCH, ("48:wander", "168:wander,add")),
        Detector("lost", _WATCH, ("48:lose,squeeze", "72:replace,wander")),
        Detector("forks", _WATCH, ("84:clone", "144:old image,bad sector")),
        Detector("crash", "tests.simulation.crash_points", ("6",), places=("edge/", "protocols/")),
        Detector("worlds", _WATCH, ("168:month end,wander,squeeze,poison", "156:fair,add", "3", "9")),
        Detector(
            "dark",
            "tests.simulation.planted.dark",
            ("3000",),
            places=("edge/leases", "cloud/ledger", "protocols/ledger"),
        ),
        Detector(
            "tamper",
            "tests.simulation.tamper",
            ("--edits", "100", "--seed", "1"),
            places=("edge/journal", "protocols/journal", "cloud/sync/placing", "cloud/sync/ingest"),
        ),
    )
}


def in_order(mutant: Mutant, detectors: Sequence[Detector]) -> list[Detector]:
    """Models of what it changes first, for they take a second; then those that ought to find it, then the others."""
    named = {name: place for place, name in enumerate(mutant.found_by)}
    files = [change.path for change in mutant.changes]
    able = [each for each in detectors if each.name in named or any(path.startswith(each.places) for path in files)]
    return sorted(able, key=lambda each: (each.name not in _MODELS, named.get(each.name, len(named))))

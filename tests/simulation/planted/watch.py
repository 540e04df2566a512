"""Plays chosen worlds until one objects: `python -m tests.simulation.planted.watch SEED[:PLOT,PLOT] ...`.

`SEED` plays the plots that the seed draws, `SEED:` none, `SEED:clone` that one. Ends with 1 and a line of JSON at the
first violation, or at whatever else comes up: real code that fails where it should not is found too.
"""

import json
import sys
from collections.abc import Sequence

from tests.simulation.script import run_seed


def main(words: Sequence[str]) -> int:
    """Play them in the order given."""
    for word in words:
        seed, colon, plots = word.partition(":")
        chosen = tuple(filter(None, plots.split(","))) if colon else None
        violation = run_seed(int(seed), plots=chosen).violation
        if violation:
            print(json.dumps({"seed": int(seed), "violation": violation}))  # noqa: T201 - the runner reads this
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Plain models of the pure parts, written from the rules: `python -m tests.simulation.planted.oracle [NAME ...]`.

Worlds seldom tell an off-by-one that everything else agrees with. Each model takes the same seeded steps as the
real module and says what must come out. Ends with 1 and a line of JSON where they part.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Final

from tests.simulation.planted.oracle_book import check_book
from tests.simulation.planted.oracle_journal import check_journal
from tests.simulation.planted.oracle_leases import check_leases
from tests.simulation.planted.oracle_limits import check_limits
from tests.simulation.planted.oracle_replica import check_replica
from tests.simulation.planted.oracle_rules import check_balances, check_chain, check_places

ORACLES: Final[Mapping[str, tuple[Callable[[Random], None], int]]] = {
    "chain": (check_chain, 4),
    "balances": (check_balances, 200),
    "places": (check_places, 1_500),
    "leases": (check_leases, 2_000),
    "limits": (check_limits, 60),
    "book": (check_book, 30),
    "journal": (check_journal, 12),
    "replica": (check_replica, 30),
}


def main(names: Sequence[str]) -> int:
    """Each of the oracles named, or all of them."""
    for name in names or ORACLES:
        check, times = ORACLES[name]
        for turn in range(times):
            try:
                check(Random(f"{name}:{turn}"))
            except Exception as error:  # noqa: BLE001 - real code that fails where it should not is found too
                words = f"{name}: {type(error).__name__}: {error}"
                print(json.dumps({"seed": turn, "violation": words[:300]}))  # noqa: T201 - the runner reads this
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

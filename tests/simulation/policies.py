"""`python -m tests.simulation.policies`: what each policy accepts of the fixed month, and purchases in the dark.

Prints one JSON line. The ceiling is what a cashier accepts who knows every balance at once. Value accepted is a share
of the ceiling's, home diners and visitors apart; what ours lost is told by where the money was.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, Final

from cloud.sync.collector import CollectorPause
from tests.simulation.cashiers import BUYING, AllKnowing, FixedAmount, FixedPart, LastSeen, Optimist, Tally, play
from tests.simulation.lease_cashier import Leases
from tests.simulation.partitioned import Dark
from tests.simulation.trace import AGAIN, Calendar, Trace, read

BASE_LINES: Final[dict[str, type[LastSeen]]] = {
    "optimistic": Optimist, "fixed_part": FixedPart, "fixed_amount": FixedAmount,
}  # fmt: skip
LEAST_SHARE: Final = 0.95
FAULTS: Final = ("overdrafts", "set_aside", "fen_astray")
PURCHASES: Final = 1_000_000
DARK_SITES: Final = (2, 5)
DARK_PEOPLE: Final = 2_000


def ceiling_of(trace: Trace) -> Tally:
    """What the all-knowing cashier makes of a month."""
    cashier = AllKnowing(trace)
    play(trace, [cashier])
    return cashier.tally


def ours_on(trace: Trace, ceiling: Tally) -> Leases:
    """The month with leases, every site back and settled at the end."""
    with CollectorPause():
        cashier = Leases(trace, ceiling)
        play(trace, [cashier])
        cashier.settle_all()
    return cashier


def compare(trace: Trace) -> dict[str, Any]:
    """Every policy on a month."""
    ceiling = ceiling_of(trace)
    ours = ours_on(trace, ceiling)
    policies = {"ceiling": ceiling.figures(ceiling), "leases": ours.figures()}
    for name, kind in BASE_LINES.items():
        cashier = kind(trace)
        play(trace, [cashier])
        policies[name] = cashier.tally.figures(ceiling)
    return {"trace": about(trace), "policies": policies}


def about(trace: Trace) -> dict[str, Any]:
    """How large the month is and how bad its networks."""
    calendar = Calendar(trace)
    wanted = [event for event in trace.events if event.kind in BUYING]
    homes = {diner.person: diner.home for diner in trace.diners}
    lengths = sorted(cut.back_minute - cut.from_minute for cut in trace.cuts)
    return {
        "people": len(trace.diners),
        "sites": len(trace.sites),
        "purchases": len(wanted),
        "again": sum(event.kind == AGAIN for event in wanted),
        "visiting": round(sum(event.place != homes[event.person] for event in wanted) / len(wanted), 4),
        "cuts": len(lengths),
        "cut_minutes": [lengths[0], lengths[len(lengths) // 2], lengths[-1]],
        "offline": round(sum(not calendar.online(e.place, e.minute) for e in wanted) / len(wanted), 4),
    }


def in_the_dark(sites: int, purchases: int) -> dict[str, Any]:
    """So many purchases taken by sites that are cut off."""
    with CollectorPause():
        dark = Dark(sites=sites, people=DARK_PEOPLE, seed=sites)
        dark.run(purchases)
    return dark.figures()


def main(arguments: Sequence[str]) -> int:
    """Print the line; status 1 where something that must hold does not."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.policies", description=__doc__)
    parser.add_argument("--purchases", type=int, default=PURCHASES, help="in the dark, in all")
    options = parser.parse_args(arguments)
    began_s = time.monotonic()
    with ProcessPoolExecutor(max_workers=min(len(DARK_SITES), os.cpu_count() or 1)) as pool:
        share = options.purchases // len(DARK_SITES)
        playing = [pool.submit(in_the_dark, sites, share) for sites in DARK_SITES]
        figures = compare(read())
        dark = [world.result() for world in playing]
    ours = figures["policies"]["leases"]
    holds = ours["home"] >= LEAST_SHARE and not any(world[fault] for world in (ours, *dark) for fault in FAULTS)
    seconds = round(time.monotonic() - began_s, 1)
    line = {"name": "policies", **figures, "dark": dark, "holds": holds, "seconds": seconds}
    sys.stdout.write(json.dumps(line) + "\n")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

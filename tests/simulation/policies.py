"""`python -m tests.simulation.policies`: what each policy accepts of the fixed month, and purchases in the dark.

Prints one JSON line. The ceiling is what a cashier accepts who knows every balance at once. Value accepted is a share
of the ceiling's, home diners and visitors apart; what ours lost is told by where the money was.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from typing import Any, Final

from tests.simulation.cashiers import AllKnowing, FixedAmount, FixedPart, LastSeen, Optimist, Tally, play
from tests.simulation.lease_cashier import Leases
from tests.simulation.partitioned import Dark
from tests.simulation.trace import WANTED, Calendar, Trace, read

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
    wanted = [event for event in trace.events if event.kind == WANTED]
    homes = {diner.person: diner.home for diner in trace.diners}
    lengths = sorted(cut.back_minute - cut.from_minute for cut in trace.cuts)
    return {
        "people": len(trace.diners),
        "sites": len(trace.sites),
        "purchases": len(wanted),
        "visiting": round(sum(event.place != homes[event.person] for event in wanted) / len(wanted), 4),
        "cuts": len(lengths),
        "cut_minutes": [lengths[0], lengths[len(lengths) // 2], lengths[-1]],
        "offline": round(sum(not calendar.online(e.place, e.minute) for e in wanted) / len(wanted), 4),
    }


def in_the_dark(purchases: int) -> list[dict[str, Any]]:
    """So many purchases in all, shared out over worlds of a few sites and of more."""
    figures = []
    for sites in DARK_SITES:
        dark = Dark(sites=sites, people=DARK_PEOPLE, seed=sites)
        dark.run(purchases // len(DARK_SITES))
        figures.append(dark.figures())
    return figures


def main(arguments: Sequence[str]) -> int:
    """Print the line; status 1 where something that must hold does not."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.policies", description=__doc__)
    parser.add_argument("--purchases", type=int, default=PURCHASES, help="in the dark, in all")
    options = parser.parse_args(arguments)
    began_s = time.monotonic()
    figures = compare(read())
    dark = in_the_dark(options.purchases)
    ours = figures["policies"]["leases"]
    holds = ours["home"] >= LEAST_SHARE and not any(world[fault] for world in (ours, *dark) for fault in FAULTS)
    seconds = round(time.monotonic() - began_s, 1)
    line = {"name": "policies", **figures, "dark": dark, "holds": holds, "seconds": seconds}
    sys.stdout.write(json.dumps(line) + "\n")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

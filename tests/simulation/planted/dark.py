"""A few purchases in the dark: `python -m tests.simulation.planted.dark N`; 1 where a plain counter finds fault."""

import json
import sys

from tests.simulation.partitioned import Dark

if __name__ == "__main__":
    dark = Dark(sites=3, people=60, seed=3)
    dark.run(int(sys.argv[1]))
    told = dark.figures()
    wrong = told["overdrafts"] or told["fen_astray"]
    if wrong:
        print(json.dumps({"violation": f"in the dark: {told}"}))  # noqa: T201 - the runner reads this
    sys.exit(bool(wrong))

"""`make setup`: everything `make run` needs, as an ordinary user, with Python 3.11 or later and nothing else."""

import sys

from tools import console, environment
from tools.steps import guarded, run_steps


def main() -> int:
    """Do the named steps; answers the exit status."""
    prepare()
    return 0


def prepare() -> None:
    """Make .venv, install the lock, find Node.js, and build the console."""
    run_steps(
        [
            ("Python environment", environment.make_venv),
            ("Python packages", lambda: environment.install("run")),
            ("Node.js", lambda: environment.need_node() if console.present() else "no console here"),
            ("console packages", console.packages),
            ("console build", console.build),
        ]
    )


if __name__ == "__main__":
    sys.exit(guarded(main))

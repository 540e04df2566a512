"""`make run`: set up what is missing, then become the campus, so that one Ctrl-C reaches it directly."""

import os
import sys

from tools.environment import PYTHON, ROOT
from tools.networks import fetch
from tools.setup import prepare
from tools.steps import guarded, run_steps

STOPPED_BY_HAND = 130


def main() -> int:
    """Set up and replace this process by the campus."""
    prepare()
    run_steps([("recognition networks", fetch)])
    os.chdir(ROOT)
    paths = [str(ROOT), str(ROOT / "firmware-sim")]
    command = [str(PYTHON), "-m", "firmware_sim", "campus", "--run", "--cameras"]
    os.execve(PYTHON, command, {**os.environ, "PYTHONPATH": os.pathsep.join(paths)})  # noqa: S606  no shell is wanted


if __name__ == "__main__":
    status = guarded(main)
    sys.exit(0 if status == STOPPED_BY_HAND else status)

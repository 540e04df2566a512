"""Runs a module in bounds: `python -m tests.simulation.planted.guarded MODULE ...`. A mutant may eat all memory."""

import resource
import runpy
import sys
from typing import Final

_MOST_BYTES: Final = 3 * 1024**3

if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)

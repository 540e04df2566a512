"""Python's cycle collector, held back while a batch is applied.

A batch makes tens of thousands of objects and no cycle, and frees them all at its end. A full collection in its midst
walks every object of the process to find nothing, and took a third of the processor time of a batch when measured.
Likewise threads hand over to each other sooner: the event loop, which feeds the database, waited 5 ms at every turn.
"""

import gc
import sys
from types import TracebackType
from typing import Final, Self

_HAND_OVER_S: Final = 0.000_3


class CollectorPause:
    """A context that may be entered by several tasks at once; the last one out lets the collector run again."""

    def __init__(self) -> None:
        self._inside = 0
        self._interval_s = sys.getswitchinterval()
        self._was_enabled = False

    def __enter__(self) -> Self:
        if not self._inside:
            self._was_enabled = gc.isenabled()
            gc.disable()
            self._interval_s = sys.getswitchinterval()
            sys.setswitchinterval(_HAND_OVER_S)
        self._inside += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inside -= 1
        if not self._inside:
            sys.setswitchinterval(self._interval_s)
        if not self._inside and self._was_enabled:
            gc.enable()

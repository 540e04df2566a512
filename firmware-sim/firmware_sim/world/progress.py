"""Named steps for a person who waits at a terminal."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


class Progress:
    """Prints each step when it begins and how long it took."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """One step; the time is added where it ended well."""
        self._out.write(f"  {text} … ")
        self._out.flush()
        began_s = time.monotonic()
        yield
        self._out.write(f"{time.monotonic() - began_s:.1f} s\n")
        self._out.flush()

    def say(self, text: str) -> None:
        """A line of its own."""
        self._out.write(text + "\n")
        self._out.flush()

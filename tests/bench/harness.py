"""Register a bench, run it over short alternating windows, report one JSON line.

A bench is a function that takes a :class:`Run` and yields :class:`Pair` values, one for each window; it may be a
generator or an async generator (which then runs in an event loop of its own). It measures *ours* and *bare* in the
same unit, close together in time, so that a slow moment of the machine falls on both::

    from collections.abc import Iterator
    from tests.bench.harness import Pair, Run, alternate, bench

    @bench("hash_cost", target=1.2, better="lower")
    def hash_cost(run: Run) -> Iterator[Pair]:
        '''Time of our chained hash over the time of the bare digest.'''
        run.note("64-byte payloads")
        yield from alternate(run, ours=time_ours, bare=time_bare)

``ours`` and ``bare`` are functions without arguments that run one window and return its figure (a rate, a time, a
percentile). `alternate_async` takes coroutine functions. The order within a window flips each time. Write the pairs
by hand where a window needs more than that.

The ratio of a window is ``ours / bare``; the report holds the median of those ratios and their lowest and highest.
`better` says which side of `target` is good. Fewer than `MIN_WINDOWS` windows never hold. `run.folder` is an empty
folder on disk, removed afterwards. A missed target is reported, not raised.
"""

import asyncio
import math
import statistics
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

MIN_WINDOWS = 20

Body = Callable[["Run"], "Iterator[Pair] | AsyncIterator[Pair]"]


@dataclass(frozen=True, slots=True)
class Pair:
    """The two figures of one window, in the same unit; `bare` is never zero."""

    ours: float
    bare: float

    @property
    def ratio(self) -> float:
        """Ours over bare."""
        return self.ours / self.bare


@dataclass(slots=True)
class Run:
    """What a bench may use while it runs: a folder, the number of windows, and a note for the report."""

    folder: Path
    windows: int = MIN_WINDOWS
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Add a sentence to the report's note."""
        self.notes.append(text)


@dataclass(frozen=True, slots=True)
class Bench:
    """A registered bench: its name, its promise and the function that measures it."""

    name: str
    target: float
    better: Literal["higher", "lower"]
    body: Body

    def holds(self, ratio: float) -> bool:
        """Whether a ratio keeps the promise."""
        return ratio >= self.target if self.better == "higher" else ratio <= self.target


@dataclass(frozen=True, slots=True)
class Report:
    """One line of output; the field names are part of the contract of `make bench`."""

    name: str
    ratio: float | None
    low: float | None
    high: float | None
    target: float
    holds: bool
    note: str


_REGISTRY: dict[str, Bench] = {}


def bench(name: str, *, target: float, better: Literal["higher", "lower"]) -> Callable[[Body], Body]:
    """Register a bench under a name that is unique over all files."""

    def register(body: Body) -> Body:
        if name in _REGISTRY:
            message = f"two benches are called {name!r}"
            raise ValueError(message)
        _REGISTRY[name] = Bench(name, target, better, body)
        return body

    return register


def registered() -> dict[str, Bench]:
    """The benches of every module imported so far, by name."""
    return dict(_REGISTRY)


def alternate(run: Run, *, ours: Callable[[], float], bare: Callable[[], float]) -> Iterator[Pair]:
    """Measure `run.windows` pairs, after one pair that only warms up; the order flips each window."""
    ours()
    bare()
    for index in range(run.windows):
        if index % 2:
            second, first = bare(), ours()
        else:
            first, second = ours(), bare()
        yield Pair(first, second)


async def alternate_async(
    run: Run, *, ours: Callable[[], Awaitable[float]], bare: Callable[[], Awaitable[float]]
) -> AsyncIterator[Pair]:
    """As `alternate`, for coroutine functions."""
    await ours()
    await bare()
    for index in range(run.windows):
        if index % 2:
            second = await bare()
            first = await ours()
        else:
            first = await ours()
            second = await bare()
        yield Pair(first, second)


def measure(item: Bench, run: Run) -> Report:
    """Run one bench to its end and sum it up."""
    produced = item.body(run)
    pairs = asyncio.run(_drain(produced)) if isinstance(produced, AsyncIterator) else list(produced)
    return summarise(item, pairs, run.notes)


def summarise(item: Bench, pairs: list[Pair], notes: list[str]) -> Report:
    """Median and range of the ratios of the windows; pure."""
    ratios = [pair.ratio for pair in pairs if pair.bare > 0 and math.isfinite(pair.ours)]
    said = [*notes, f"{len(ratios)} windows, {item.better} is better"]
    if not ratios:
        return Report(item.name, None, None, None, item.target, holds=False, note="; ".join(said))
    ratio = statistics.median(ratios)
    holds = item.holds(ratio)
    if len(ratios) < MIN_WINDOWS:
        holds = False
        said.append(f"fewer than {MIN_WINDOWS} windows")
    elif not holds:
        said.append("misses its target")
    return Report(
        item.name, round(ratio, 4), round(min(ratios), 4), round(max(ratios), 4), item.target, holds, "; ".join(said)
    )


async def _drain(produced: AsyncIterator[Pair]) -> list[Pair]:
    return [pair async for pair in produced]

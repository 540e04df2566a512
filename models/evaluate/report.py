"""What every evaluation reports with: figures with 95 % intervals, tables in Markdown, plots in plain SVG."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

Z_95 = 1.959963984540054
_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 640, 420, 70, 40, 170, 50
_COLOURS = ("steelblue", "darkorange", "seagreen", "firebrick", "purple", "sienna", "teal", "grey")


@dataclass(frozen=True, slots=True)
class Figure:
    """A value with its 95 % interval and the number of cases behind it."""

    value: float
    low: float
    high: float
    n: int

    def as_json(self) -> dict[str, float | int | None]:
        """For the JSON line, rounded to six places."""
        return {"value": _round(self.value), "low": _round(self.low), "high": _round(self.high), "n": self.n}

    def __str__(self) -> str:
        return f"{self.value:.4g} ({self.low:.4g} to {self.high:.4g}, n = {self.n})"


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the report; cells are written with str()."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[object]]


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a plot: points in the plot's units."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot: a file name without suffix, axis words and lines. `log_x` draws x on a logarithmic scale (x > 0)."""

    name: str
    title: str
    x: str
    y: str
    curves: Sequence[Curve]
    log_x: bool = False


@dataclass(slots=True)
class Report:
    """Gathers what one evaluation has to say and writes it into a folder."""

    name: str
    tables: list[Table] = field(default_factory=list)
    plots: list[Plot] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def write(self, out: Path, scores: Mapping[str, Any]) -> None:
        """`<name>.md` with the tables and plots, `<name>.json` with the scores, and an SVG for each plot."""
        out.mkdir(parents=True, exist_ok=True)
        for plot in self.plots:
            (out / f"{plot.name}.svg").write_text(svg(plot), encoding="utf-8")
        (out / f"{self.name}.json").write_text(
            json.dumps(scores, ensure_ascii=False, indent=2, sort_keys=True) + "\n", encoding="utf-8"
        )
        parts = [f"# {self.name}", *self.notes]
        parts += [f"## {table.title}\n\n{markdown(table)}" for table in self.tables]
        parts += [f"![{plot.title}]({plot.name}.svg)" for plot in self.plots]
        (out / f"{self.name}.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def wilson(successes: int, n: int) -> Figure:
    """A share with its Wilson 95 % interval; n = 0 gives 0 between 0 and 1."""
    if n == 0:
        return Figure(0.0, 0.0, 1.0, 0)
    share = successes / n
    spread = Z_95**2 / n
    middle = (share + spread / 2) / (1 + spread)
    half = Z_95 * math.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    low = 0.0 if successes == 0 else max(0.0, middle - half)
    high = 1.0 if successes == n else min(1.0, middle + half)
    return Figure(share, low, high, n)


def upper_95(successes: int, n: int) -> float:
    """The exact one-sided 95 % upper bound of a share (Clopper-Pearson); of 0 in n it is about 3/n."""
    if n == 0 or successes >= n:
        return 1.0
    low, high = successes / n, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if _at_most(successes, n, middle) > 0.05:  # noqa: PLR2004  the 5 % that a 95 % bound leaves
            low = middle
        else:
            high = middle
    return high


def bootstrap(
    cases: int, statistic: Callable[[np.ndarray], float], *, draws: int = 1000, seed: int = 20261120
) -> Figure:
    """A statistic of case indices with its percentile 95 % interval over resampled cases (give persons, not pairs)."""
    chance = np.random.default_rng(seed)
    value = statistic(np.arange(cases))
    drawn = [statistic(chance.integers(0, cases, cases)) for _ in range(draws)]
    finite = [each for each in drawn if math.isfinite(each)]
    low, high = np.percentile(finite, [2.5, 97.5]) if finite else (math.nan, math.nan)
    return Figure(float(value), float(low), float(high), cases)


def markdown(table: Table) -> str:
    """The table as Markdown."""
    lines = [table.head, ["---"] * len(table.head), *table.rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def svg(plot: Plot) -> str:
    """The plot as a stand-alone SVG picture."""
    points = [(_x(plot, x), y) for curve in plot.curves for x, y in curve.points if x > 0 or not plot.log_x]
    (x_low, x_high), (y_low, y_high) = _range([x for x, _ in points]), _range([y for _, y in points])
    across = (_WIDTH - _LEFT - _RIGHT) / (x_high - x_low)
    up = (_HEIGHT - _TOP - _BOTTOM) / (y_high - y_low)

    def place(x: float, y: float) -> tuple[float, float]:
        return _LEFT + (x - x_low) * across, _HEIGHT - _BOTTOM - (y - y_low) * up

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" font-family="sans-serif">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<text x="{_LEFT}" y="22" font-size="15">{escape(plot.title)}</text>',
        f'<text x="{_LEFT}" y="{_HEIGHT - 10}">{escape(plot.x)}</text>',
        f'<text x="14" y="{_HEIGHT - _BOTTOM}" transform="rotate(-90 14 {_HEIGHT - _BOTTOM})">{escape(plot.y)}</text>',
    ]
    for step in range(5):
        x, y = x_low + (x_high - x_low) * step / 4, y_low + (y_high - y_low) * step / 4
        (left, bottom), (right, level) = place(x, y_low), place(x_high, y)
        shown = 10**x if plot.log_x else x
        parts += [
            f'<line x1="{_LEFT}" y1="{level:.1f}" x2="{right:.1f}" y2="{level:.1f}" stroke="gainsboro"/>',
            f'<text x="{left:.1f}" y="{bottom + 16:.1f}" text-anchor="middle">{shown:.3g}</text>',
            f'<text x="{_LEFT - 6}" y="{level + 4:.1f}" text-anchor="end">{y:.3g}</text>',
        ]
    for number, curve in enumerate(plot.curves):
        colour = _COLOURS[number % len(_COLOURS)]
        drawn = [place(_x(plot, x), y) for x, y in curve.points if x > 0 or not plot.log_x]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in drawn)
        level = _TOP + 16 * number + 12
        parts += [
            f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>',
            f'<text x="{_WIDTH - _RIGHT + 10}" y="{level}" fill="{colour}">{escape(curve.name)}</text>',
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _x(plot: Plot, x: float) -> float:
    return math.log10(x) if plot.log_x and x > 0 else x


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _round(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None


def _at_most(successes: int, n: int, share: float) -> float:
    """The chance of at most so many successes in n."""
    if share <= 0:
        return 1.0
    if share >= 1:
        return 0.0
    logs = [
        math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
        + k * math.log(share) + (n - k) * math.log1p(-share)
        for k in range(successes + 1)
    ]  # fmt: skip
    top = max(logs)
    return math.exp(top) * sum(math.exp(each - top) for each in logs)

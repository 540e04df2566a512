import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from tests.bench.harness import MIN_WINDOWS, Bench, Pair, Run, alternate, alternate_async, measure, summarise
from tools.environment import ROOT


def faster(run: Run) -> Iterator[Pair]:
    run.note("made up")
    yield from (Pair(2.0 + index / 100, 1.0) for index in range(run.windows))


async def slower(run: Run) -> AsyncIterator[Pair]:
    for _ in range(run.windows):
        yield Pair(1.0, 2.0)


def test_a_report_holds_the_median_and_the_range(tmp_path: Path) -> None:
    report = measure(Bench("faster", 2.0, "higher", faster), Run(tmp_path))
    assert (report.ratio, report.low, report.high, report.holds) == (2.095, 2.0, 2.19, True)
    assert report.note == "made up; 20 windows, higher is better"


def test_a_missed_target_is_said(tmp_path: Path) -> None:
    report = measure(Bench("slower", 0.9, "higher", slower), Run(tmp_path))
    assert not report.holds
    assert report.note.endswith("misses its target")


def test_lower_is_better_where_it_says_so() -> None:
    pairs = [Pair(3.0, 2.0)] * MIN_WINDOWS
    assert summarise(Bench("cost", 1.5, "lower", faster), pairs, []).holds
    assert not summarise(Bench("cost", 1.4, "lower", faster), pairs, []).holds


def test_too_few_windows_never_hold() -> None:
    report = summarise(Bench("few", 1.0, "higher", faster), [Pair(9.0, 1.0)] * (MIN_WINDOWS - 1), [])
    assert not report.holds
    assert "fewer than 20 windows" in report.note


def test_the_order_flips_each_window(tmp_path: Path) -> None:
    order: list[str] = []

    def timed(name: str) -> float:
        order.append(name)
        return 1.0

    pairs = list(alternate(Run(tmp_path, windows=2), ours=lambda: timed("ours"), bare=lambda: timed("bare")))
    assert len(pairs) == 2
    assert order == ["ours", "bare", "ours", "bare", "bare", "ours"]


async def test_coroutines_alternate_too(tmp_path: Path) -> None:
    async def one() -> float:
        return 1.0

    pairs = [pair async for pair in alternate_async(Run(tmp_path), ours=one, bare=one)]
    assert [pair.ratio for pair in pairs] == [1.0] * MIN_WINDOWS


def test_an_unknown_name_is_an_error_that_lists_the_known() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench"],
        cwd=ROOT,
        env={**os.environ, "ONLY": "no_such_bench", "PYTHONPATH": "firmware-sim"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "no bench called 'no_such_bench'" in done.stderr or "no bench called no_such_bench" in done.stderr
    assert done.stdout == ""


def test_a_line_is_json_with_the_promised_fields() -> None:
    report = summarise(Bench("one", 1.0, "higher", faster), [Pair(1.0, 1.0)] * MIN_WINDOWS, [])
    fields = {name: getattr(report, name) for name in report.__slots__}
    assert list(json.loads(json.dumps(fields))) == ["name", "ratio", "low", "high", "target", "holds", "note"]

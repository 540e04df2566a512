"""Figures with intervals, tables, plots and cards."""

import math
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from models.evaluate.cards import fill_cards
from models.evaluate.report import Curve, Figure, Plot, Report, Table, bootstrap, svg, upper_95, wilson


def test_wilson_gives_the_textbook_interval() -> None:
    found = wilson(10, 100)
    assert [found.low, found.high] == pytest.approx([0.0552, 0.1744], abs=1e-4)
    assert wilson(0, 0) == Figure(0.0, 0.0, 1.0, 0)
    assert wilson(5, 5).high == 1.0
    assert wilson(0, 5).low == 0.0


def test_the_upper_bound_of_nothing_in_n_is_the_rule_of_three() -> None:
    assert upper_95(0, 300_000) == pytest.approx(2.9957 / 300_000, rel=1e-3)
    assert upper_95(0, 100) == pytest.approx(1 - 0.05 ** (1 / 100), rel=1e-6)
    assert upper_95(5, 100) == pytest.approx(0.10225, abs=1e-4)
    assert upper_95(0, 0) == 1.0
    assert upper_95(7, 7) == 1.0


def test_bootstrap_repeats_and_holds_the_value() -> None:
    values = np.random.default_rng(1).normal(3.0, 1.0, 200)
    first, again = (bootstrap(200, lambda drawn: float(values[drawn].mean())) for _ in range(2))
    assert first == again
    assert first.low < first.value < first.high
    assert first.high - first.low == pytest.approx(2 * 1.96 / math.sqrt(200), rel=0.2)


def test_a_plot_is_well_formed_also_when_it_is_empty() -> None:
    full = Plot("p", "a < b & c", "x", "y", [Curve("one", [(0.001, 0.5), (0.1, 0.2), (0.0, 0.9)])], log_x=True)
    for plot in (full, Plot("p", "t", "x", "y", []), Plot("p", "t", "x", "y", [Curve("one", [(1.0, 1.0)])])):
        assert ET.fromstring(svg(plot)).tag.endswith("svg")  # noqa: S314  our own text


def test_a_report_writes_table_scores_and_plots_and_fills_cards(tmp_path: Path) -> None:
    report = Report("faces", notes=["A note."])
    report.tables.append(Table("Faces (wanted)", ("set", "rate"), [["orl", wilson(1, 4)]]))
    report.tables.append(Table("Other", ("a",), [["b"]]))
    report.plots.append(Plot("faces-det", "DET", "x", "y", [Curve("orl", [(0.1, 0.2), (0.2, 0.1)])]))
    report.write(tmp_path / "out", {"evaluation": "faces"})
    assert {each.name for each in (tmp_path / "out").iterdir()} == {"faces.md", "faces.json", "faces-det.svg"}
    cards = tmp_path / "cards"
    cards.mkdir()
    (cards / "one.md").write_text("# One\n<!-- begin faces: Faces -->\nold\n<!-- end -->\nrest\n")
    (cards / "two.md").write_text("# Two\n<!-- begin dishes: Faces -->\nold\n<!-- end -->\n")
    assert fill_cards(cards, "faces", tmp_path / "out" / "faces.md") == [cards / "one.md"]
    text = (cards / "one.md").read_text()
    assert "| orl | 0.25 (0.04559 to 0.6994, n = 4) |" in text
    assert "old" not in text
    assert text.endswith("rest\n")
    assert fill_cards(cards, "faces", tmp_path / "out" / "faces.md") == []

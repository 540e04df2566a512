"""Dishes taught from few pictures: first and first five right, and what is said of dishes never taught."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.dish.calibration import calibration_of
from models.evaluate.few_shot import (
    DRAWS,
    SEED,
    Item,
    Ranks,
    confusion_svg,
    described,
    lead,
    means,
    place,
    rank,
    rows,
    systems,
    top,
)
from models.evaluate.open_set import asking_curve, lead_table, open_table, outcomes, trials
from models.evaluate.report import Report, Table
from models.registry import Networks

TAUGHT: Final = (1, 3, 8)
INDEX: Final = ("dishes_cn/index.jsonl", "index.jsonl")


def run(folder: Path, out: Path, networks: Networks) -> dict[str, Any]:
    """Every picture of a dish that has another, told among all dishes, each taught from at most n other pictures."""
    items = read(folder)
    names = [item.name for item in items]
    report = Report("dishes", notes=[f"{len(items)} pictures of {len(set(names))} dishes.", __doc__ or ""])
    scores: dict[str, Any] = {"evaluation": "dishes", "pictures": len(items), "dishes": len(set(names)), "systems": {}}
    ranks: dict[str, dict[int, Ranks]] = {}
    for label, describer in systems(networks).items():
        vectors = described(describer, items)
        ranks[label] = {taught: told(vectors, names, taught) for taught in TAUGHT}
        result: dict[str, Any] = {f"taught_{n}": top(found) for n, found in ranks[label].items()}
        if label != "base_line":
            found, calibration = trials(vectors, names), calibration_of(describer)
            result["open_set"] = {part: outcomes(found, calibration, part) for part in ("tune", "report")}
            report.plots.append(asking_curve(f"asking_{label}", found, calibration))
            out.mkdir(parents=True, exist_ok=True)
            pairs = answers(vectors, names)
            (out / f"confusion_{label}.svg").write_text(confusion_svg(f"Dishes, {label}", pairs), encoding="utf-8")
        if label != "base_line" and "base_line" in ranks:
            result["lead_over_base_line"] = {
                f"taught_{n}_top{below}": lead(ranks[label][n], ranks["base_line"][n], below).as_json()
                for n in TAUGHT
                for below in (1, 5)
            }
        scores["systems"][label] = {"name": describer.name, **result}
    report.tables += [table(scores), lead_table(scores["systems"]), open_table(scores["systems"])]
    report.write(out, scores)
    return scores


def read(folder: Path) -> list[Item]:
    """The pictures of a folder in the format of dishes_cn."""
    index = next((folder / name for name in INDEX if (folder / name).is_file()), folder / INDEX[0])
    return [Item(place(folder, row["file"]), row["dish"]) for row in rows(index)]


def told(vectors: NDArray[np.float32], names: Sequence[str], taught: int) -> Ranks:
    """The rank of each picture's dish; where a dish has more than `taught` others, over several draws of them."""
    classes: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        classes.setdefault(name, []).append(index)
    draws = DRAWS if any(len(each) > taught for each in classes.values()) else 1
    found: Ranks = []
    for draw in range(draws):
        chance = np.random.default_rng(SEED + draw)
        order = {name: list(chance.permutation(each)) for name, each in classes.items()}
        for index, name in enumerate(names):
            if len(classes[name]) < 2:  # noqa: PLR2004  without another picture it cannot be taught
                continue
            shown = {each: [pick for pick in order[each] if pick != index][:taught] for each in classes}
            kinds, middle = means(vectors, shown)
            found.append((name, rank(middle @ vectors[index], kinds, name)))
    return found


def answers(vectors: NDArray[np.float32], names: Sequence[str]) -> list[tuple[str, str]]:
    """Right dish and told dish of each picture that has another, all others taught."""
    found = []
    for index, name in enumerate(names):
        shown: dict[str, list[int]] = {}
        for other, each in enumerate(names):
            if other != index:
                shown.setdefault(each, []).append(other)
        if name in shown:
            kinds, middle = means(vectors, shown)
            found.append((name, kinds[int((middle @ vectors[index]).argmax())]))
    return found


def table(scores: dict[str, Any]) -> Table:
    """Top-1 and top-5 by system, pictures taught and half."""
    lines: list[list[object]] = []
    for label, result in scores["systems"].items():
        for n in TAUGHT:
            for part in ("all", "tune", "report"):
                one, five = (result[f"taught_{n}"][part][f"top{below}"] for below in (1, 5))
                lines.append([label, n, part, said(one), said(five), one["n"]])
    head = ["system", "taught", "classes", "top-1", "top-5", "n classes"]
    return Table("First and first five, with 95 % intervals resampled by class", head, lines)


def said(figure: dict[str, Any]) -> str:
    """A figure with its interval, in three places."""
    value, low, high = (figure[key] for key in ("value", "low", "high"))
    return "-" if value is None else f"{value:.3f} ({low:.3f} to {high:.3f})"

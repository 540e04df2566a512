"""Products taught from few pictures of one set and told in pictures of another; classes never taught are strangers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.dish.calibration import calibration_of
from models.dish.recogniser import judge
from models.evaluate.dishes import table
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
from models.evaluate.report import Report, wilson
from models.registry import Networks

TAUGHT: Final = (1, 3, 8)
INDEX: Final = ("products/grocery.jsonl", "grocery.jsonl")


def run(folder: Path, out: Path, networks: Networks) -> dict[str, Any]:
    """Teach from `gallery` (and, apart, from `iconic` alone), tell `query`; a class without a gallery is a stranger."""
    items = read(folder)
    report = Report("products", notes=[f"{len(items)} pictures.", __doc__ or ""])
    scores: dict[str, Any] = {"evaluation": "products", "pictures": len(items), "systems": {}}
    ranks: dict[str, dict[int, Ranks]] = {}
    for label, describer in systems(networks).items():
        vectors = described(describer, items)
        ranks[label] = {taught: told(vectors, items, taught) for taught in TAUGHT}
        result: dict[str, Any] = {f"taught_{n}": top(found) for n, found in ranks[label].items()}
        result["iconic_alone"] = top(told(vectors, items, 1, role="iconic"))
        if label != "base_line":
            calibration = calibration_of(describer)
            used = [index for index, item in enumerate(items) if item.role != "iconic"]
            found = trials(vectors[used], [items[index].name for index in used])
            result["open_set"] = {part: outcomes(found, calibration, part) for part in ("tune", "report")}
            strangers = [judge(pairs, calibration).outcome != "known" for pairs in _strangers(vectors, items)]
            result["strangers_rejected"] = wilson(sum(strangers), len(strangers)).as_json()
            report.plots.append(asking_curve(f"asking_{label}", found, calibration))
            out.mkdir(parents=True, exist_ok=True)
            drawn = confusion_svg(f"Products, {label}", answers(vectors, items))
            (out / f"confusion_{label}.svg").write_text(drawn, encoding="utf-8")
        if label != "base_line" and "base_line" in ranks:
            result["lead_over_base_line"] = {
                f"taught_{n}_top1": lead(ranks[label][n], ranks["base_line"][n], 1).as_json() for n in TAUGHT
            }
        scores["systems"][label] = {"name": describer.name, **result}
    report.tables += [table(scores), lead_table(scores["systems"]), open_table(scores["systems"])]
    report.write(out, scores)
    return scores


def read(folder: Path) -> list[Item]:
    """The pictures of a folder in the format of grocery.jsonl."""
    index = next((folder / name for name in INDEX if (folder / name).is_file()), folder / INDEX[0])
    return [Item(place(folder, row["file"]), row["class"], row["role"]) for row in rows(index)]


def told(vectors: NDArray[np.float32], items: Sequence[Item], taught: int, *, role: str = "gallery") -> Ranks:
    """The rank of each query's class among the classes taught, over several draws of their pictures."""
    classes = _classes(items, role)
    draws = DRAWS if any(len(each) > taught for each in classes.values()) else 1
    found: Ranks = []
    for draw in range(draws):
        chance = np.random.default_rng(SEED + draw)
        shown = {name: list(chance.permutation(each))[:taught] for name, each in classes.items()}
        kinds, middle = means(vectors, shown)
        for index, item in enumerate(items):
            if item.role == "query" and item.name in classes:
                found.append((item.name, rank(middle @ vectors[index], kinds, item.name)))
    return found


def answers(vectors: NDArray[np.float32], items: Sequence[Item]) -> list[tuple[str, str]]:
    """Right class and told class of each query, the whole gallery taught."""
    classes = _classes(items, "gallery")
    kinds, middle = means(vectors, classes)
    likeness = vectors @ middle.T
    return [
        (item.name, kinds[int(likeness[index].argmax())])
        for index, item in enumerate(items)
        if item.role == "query" and item.name in classes
    ]


def _strangers(vectors: NDArray[np.float32], items: Sequence[Item]) -> list[list[tuple[str, float]]]:
    """The likenesses, best first, of queries whose class has no gallery."""
    classes = _classes(items, "gallery")
    kinds, middle = means(vectors, classes)
    found = []
    for index, item in enumerate(items):
        if item.role == "query" and item.name not in classes:
            likeness = middle @ vectors[index]
            order = np.argsort(-likeness, kind="stable")
            found.append([(kinds[each], float(likeness[each])) for each in order])
    return found


def _classes(items: Sequence[Item], role: str) -> dict[str, list[int]]:
    classes: dict[str, list[int]] = {}
    for index, item in enumerate(items):
        if item.role == role:
            classes.setdefault(item.name, []).append(index)
    return classes

"""Trays before and after the meal: dishes found, the same dish found again, and how much of each is left."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from models.dish.embedder import Describer, best
from models.dish.picture import Picture, Vector
from models.evaluate.few_shot import place, rows
from models.evaluate.report import Figure, Report, Table, bootstrap, wilson
from models.objects import overlap
from models.registry import Networks
from models.tableware.food import FoodFinder, Portion
from models.tableware.hints import bowl_boxes
from models.tableware.tray import find_portions, leftovers, match, vectors

INDEX: Final = ("trays/trays.jsonl", "trays.jsonl")
FOUND_AT: Final = 0.5  # overlap of boxes from which a dish counts as found
BEFORE: Final = "before meal"


@dataclass(slots=True)
class Seen:
    """One picture: what is marked in it and what was found."""

    file: str
    tray: str
    state: str
    items: list[dict[str, Any]]
    areas_px: dict[int, int]
    portions: list[Portion]
    looks: list[Vector | None]
    truth: list[int | None] = field(default_factory=list)  # id of the marked dish of each portion


def run(folder: Path, out: Path, networks: Networks) -> dict[str, Any]:
    """Find the dishes of every picture, match each tray's before with its afters, and compare with the marks."""
    finder, describer = FoodFinder.shipped(), best(networks)
    index = next((folder / name for name in INDEX if (folder / name).is_file()), folder / INDEX[0])
    seen = [_look(folder, row, finder, describer, networks, out) for row in rows(index)]
    scores: dict[str, Any] = {"evaluation": "trays", "pictures": len(seen), "embedder": describer.name}
    marked = sum(len(each.items) for each in seen)
    found = sum(truth is not None for each in seen for truth in each.truth)
    told = sum(len(each.portions) for each in seen)
    scores |= {
        "dishes_marked": marked,
        "boxes_found": wilson(found, marked).as_json(),
        "boxes_right": wilson(found, told).as_json(),
        "found_by_tray": _by_tray(seen).as_json(),
    }
    scores |= _pairs(seen)
    report = Report("trays", notes=[__doc__ or ""])
    report.tables += [_summary(scores), _table(seen)]
    report.write(out, scores)
    with (out / "trays_found.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(_line(each), ensure_ascii=False) + "\n" for each in seen)
    return scores


def _look(
    folder: Path, row: dict[str, Any], finder: FoodFinder, describer: Describer, networks: Networks, out: Path
) -> Seen:
    path = place(folder, row["file"])
    picture: Picture = np.asarray(cv2.imread(str(path)), dtype=np.uint8)
    mask = np.asarray(cv2.imread(str(place(folder, row["mask"])), cv2.IMREAD_GRAYSCALE))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    portions = find_portions(picture, finder, hints=bowl_boxes(picture, networks), digest=digest)
    areas = {int(item["id"]): int((mask == item["id"]).sum()) for item in row["items"]}
    looks = vectors(picture, portions, describer)
    seen = Seen(row["file"], str(row["tray"]), row["state"], row["items"], areas, portions, looks)
    seen.truth = _truth(portions, row["items"])
    _draw(picture, seen, out)
    return seen


def _truth(portions: Sequence[Portion], items: Sequence[dict[str, Any]]) -> list[int | None]:
    """The marked dish of each portion, the best overlaps first, each dish once."""
    pairs = sorted(
        (
            (overlap(portion.box, item["xywh"]), at, int(item["id"]))
            for at, portion in enumerate(portions)
            for item in items
        ),
        reverse=True,
    )
    found: list[int | None] = [None] * len(portions)
    for share, at, dish in pairs:
        if share >= FOUND_AT and found[at] is None and dish not in found:
            found[at] = dish
    return found


def _by_tray(seen: Sequence[Seen]) -> Figure:
    """The share of dishes found, its interval resampled by tray."""
    trays = sorted({each.tray for each in seen})
    found = np.array(
        [sum(truth is not None for each in seen if each.tray == tray for truth in each.truth) for tray in trays]
    )
    marked = np.array([sum(len(each.items) for each in seen if each.tray == tray) for tray in trays])
    return bootstrap(len(trays), lambda chosen: float(found[chosen].sum() / max(1, marked[chosen].sum())))


def _pairs(seen: Sequence[Seen]) -> dict[str, Any]:
    """Over each tray's before and after: are dishes matched with themselves, and is the leftover right."""
    same = matched = possible = 0
    errors: list[float] = []
    for before in (each for each in seen if each.state == BEFORE):
        for after in (each for each in seen if each.tray == before.tray and each.state != BEFORE):
            pairs = match(before.looks, after.looks)
            both = {truth for truth in before.truth if truth is not None} & set(after.truth)
            possible += len(both)
            for pair in pairs:
                first, second = before.truth[pair.before], after.truth[pair.after]
                if first is not None and second is not None:
                    matched, same = matched + 1, same + int(first == second)
            errors += _leftover_errors(before, after)
    return {
        "same_dish_pairs_right": wilson(same, matched).as_json(),
        "same_dish_found_again": wilson(same, possible).as_json(),
        "leftover_mean_error": _mean(errors).as_json(),
        "leftover_within_10_points": wilson(sum(error <= 0.1 for error in errors), len(errors)).as_json(),  # noqa: PLR2004
    }


def _leftover_errors(before: Seen, after: Seen) -> list[float]:
    """For each dish marked before the meal: our share left less the marked one; a dish we did not find is left at 0."""
    left = leftovers(before.portions, after.portions, match(before.looks, after.looks))
    ours = {truth: share for truth, share in zip(before.truth, left, strict=True) if truth is not None}
    found = []
    for dish, area in before.areas_px.items():
        marked = min(1.0, after.areas_px.get(dish, 0) / max(1, area))
        found.append(abs(ours.get(dish, 0.0) - marked))
    return found


def _mean(errors: Sequence[float]) -> Figure:
    known = np.array(errors, float)
    return bootstrap(len(known), lambda chosen: float(known[chosen].mean())) if len(known) else Figure(0, 0, 1, 0)


def _draw(picture: Picture, seen: Seen, out: Path) -> None:
    """The picture with what was found, green where it is marked so."""
    drawn = picture.copy()
    for portion, truth in zip(seen.portions, seen.truth, strict=True):
        x, y, width, height = (round(value) for value in portion.box)
        cv2.rectangle(drawn, (x, y), (x + width, y + height), (0, 0, 200) if truth is None else (0, 160, 0), 4)
    folder = out / "trays"
    folder.mkdir(parents=True, exist_ok=True)
    name = seen.file.replace("/", "_")
    cv2.imwrite(str(folder / name), cv2.resize(drawn, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))


def _summary(scores: dict[str, Any]) -> Table:
    lines = [
        [name.replace("_", " "), f"{figure['value']:.3f}", f"{figure['low']:.3f} to {figure['high']:.3f}", figure["n"]]
        for name, figure in scores.items()
        if isinstance(figure, dict)
    ]
    return Table(f"Dishes found at an overlap of {FOUND_AT} and leftovers", ["what", "value", "95 %", "n"], lines)


def _table(seen: Sequence[Seen]) -> Table:
    lines = [
        [each.file, len(each.items), len(each.portions), sum(truth is not None for truth in each.truth)]
        for each in seen
    ]
    return Table("Dishes by picture", ["picture", "marked", "told", "found"], lines)


def _line(seen: Seen) -> dict[str, Any]:
    return {
        "file": seen.file,
        "detections": [
            {"cluster": place, "xywh": [round(value) for value in portion.box], "score": round(portion.ware.score, 3)}
            for place, portion in enumerate(seen.portions)
        ],
    }

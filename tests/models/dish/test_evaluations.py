"""The evaluations run on any folder in the format of the samples, here on drawn pictures, without a fetched network."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.evaluate import dishes, products, trays
from models.evaluate.few_shot import lead, means, rank, share
from models.evaluate.halves import half
from models.registry import Networks
from tests.support.dishes import dish, tray

COLOURS = {"tomato": (30, 40, 210), "spinach": (40, 150, 60), "egg": (60, 200, 240), "plum": (120, 30, 90)}
pytestmark = pytest.mark.capability("SET-02")


def write(path: Path, picture: np.ndarray) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)
    return path.name


def lines(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n", encoding="utf-8")


def test_dishes_are_ranked_and_reported(tmp_path: Path) -> None:
    rows = []
    for name, colour in COLOURS.items():
        for seed in range(3):
            file = f"dishes_cn/x/{name}_{seed}.png"
            write(tmp_path / "data" / file, dish(colour, seed=seed))
            rows.append({"file": file, "dish": name})
    lines(tmp_path / "data/dishes_cn/index.jsonl", rows)
    scores = dishes.run(tmp_path / "data", tmp_path / "out", Networks(tmp_path / "store"))
    assert list(scores["systems"]) == ["own"]
    assert scores["systems"]["own"]["taught_1"]["all"]["top1"]["value"] == 1.0
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"dishes.md", "dishes.json", "confusion_own.svg"}
    within = dishes.run(tmp_path / "data/dishes_cn", tmp_path / "out", Networks(tmp_path / "store"))
    assert within["pictures"] == 12, "the folder of the set alone does as well"


def test_products_are_taught_from_the_gallery_and_a_class_without_one_is_a_stranger(tmp_path: Path) -> None:
    rows = []
    for name, colour in COLOURS.items():
        for role, seeds in (("gallery", (0, 1, 2)), ("query", (3, 4)), ("iconic", (9,))):
            for seed in seeds:
                if name == "plum" and role == "gallery":
                    continue
                file = f"products/grocery/{role}/{name}_{seed}.png"
                write(tmp_path / "data" / file, dish(colour, seed=seed))
                rows.append({"file": file, "class": name, "role": role})
    lines(tmp_path / "data/products/grocery.jsonl", rows)
    own = products.run(tmp_path / "data", tmp_path / "out", Networks(tmp_path / "store"))["systems"]["own"]
    assert own["taught_3"]["all"]["top1"]["value"] == 1.0
    assert own["strangers_rejected"]["n"] == 2
    assert own["open_set"]["report"]["known_accepted_wrong"]["value"] == 0.0


def test_trays_are_read_matched_and_drawn(tmp_path: Path) -> None:
    red, green = COLOURS["tomato"], COLOURS["spinach"]
    rows = []
    for state, left, seed in (("before meal", 1.0, 1), ("leftover1", 0.4, 2)):
        name = state.replace(" ", "_")
        picture = tray([(320, 300, red, left), (900, 500, green, 1.0)], seed=seed)
        mask, items = np.zeros((960, 1280), np.uint8), []
        for number, (x, y, full) in enumerate(((320, 300, left), (900, 500, 1.0)), 1):
            radius = int(190 * 0.6 * np.sqrt(full)) + 8
            cv2.circle(mask, (x, y), radius, number, -1)
            items.append({"id": number, "name": str(number), "xywh": [x - radius, y - radius, 2 * radius, 2 * radius]})
        write(tmp_path / f"data/trays/t/{name}.png", picture)
        write(tmp_path / f"data/trays/t/{name}_mask.png", mask)
        rows.append(
            {"file": f"trays/t/{name}.png", "mask": f"trays/t/{name}_mask.png", "tray": 1, "state": state}
            | {"size": [1280, 960], "items": items}
        )
    lines(tmp_path / "data/trays/trays.jsonl", rows)
    scores = trays.run(tmp_path / "data", tmp_path / "out", Networks(tmp_path / "store"))
    assert scores["boxes_found"]["value"] == 1.0
    assert scores["same_dish_pairs_right"]["value"] == 1.0
    assert scores["leftover_mean_error"]["value"] < 0.12
    found = [json.loads(line) for line in (tmp_path / "out/trays_found.jsonl").read_text().splitlines()]
    assert [len(each["detections"]) for each in found] == [2, 2]
    assert len(list((tmp_path / "out/trays").iterdir())) == 2


def test_halves_part_classes_the_same_way_everywhere() -> None:
    halves = [half(f"dish {number}") for number in range(200)]
    assert 70 < halves.count("tune") < 130
    assert half("tomato") == "tune"


def test_shares_and_leads_are_counted_by_picture_and_resampled_by_class() -> None:
    ours, theirs = [("a", 0), ("a", 1), ("b", 0)], [("a", 1), ("a", 1), ("b", 0)]
    assert share(ours, 1).value == pytest.approx(2 / 3)
    assert share(ours, 5).value == 1.0
    assert lead(ours, theirs, 1).value == pytest.approx(1 / 3)


def test_the_rank_is_how_many_classes_are_more_alike() -> None:
    vectors = np.eye(3, dtype=np.float32)
    names, middle = means(vectors, {"a": [0], "b": [1], "c": [2]})
    query = np.array([0.1, 0.9, 0.4], np.float32)
    assert [rank(middle @ query, names, name) for name in names] == [2, 0, 1]

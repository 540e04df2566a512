"""The pictures to learn from with what the teacher network says of each, in one file."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from models.dish.picture import Picture
from models.dish.training.samples import sample
from models.evaluate.halves import half

STUDENT_PX: Final = 96
_LONG_SIDE_PX: Final = 640


def pictures_of(data: Path) -> list[Picture]:
    """The tuning half of dishes_cn (Unlicense) and products (MIT), and the dishes on trays (MIT)."""
    found: list[Picture] = []
    for file, name in (("dishes_cn/index.jsonl", "dish"), ("products/grocery.jsonl", "class")):
        found += [_read(data / row["file"]) for row in _rows(data / file) if half(row[name]) == "tune"]
    for row in _rows(data / "trays/trays.jsonl"):
        tray = _read(data / row["file"])
        ratio = tray.shape[1] / row["size"][0]
        found.append(tray)
        for item in row["items"]:
            x, y, w, h = (int(value * ratio) for value in item["xywh"])
            found.append(tray[max(0, y - 10) : y + h + 10, max(0, x - 10) : x + w + 10])
    return [picture for picture in found if min(picture.shape[:2]) >= STUDENT_PX]


def ask_teacher(session: Any, pictures: list[Picture], *, count: int, seed: int, out: Path) -> None:
    """Draw `count` samples and store them at 96 x 96 with the teacher's embedding of each at 224 x 224."""
    chance = np.random.default_rng(seed)
    small = np.empty((count, STUDENT_PX, STUDENT_PX, 3), np.uint8)
    said = np.empty((count, session.get_outputs()[0].shape[1]), np.float16)
    name, output = session.get_inputs()[0].name, session.get_outputs()[0].name
    for place in range(count):
        drawn = sample(pictures, chance)
        asked = drawn[:, :, ::-1].transpose(2, 0, 1)[None].astype(np.float32)
        said[place] = session.run([output], {name: asked})[0][0]
        small[place] = cv2.resize(drawn, (STUDENT_PX, STUDENT_PX), interpolation=cv2.INTER_AREA)
    np.savez(out, pictures=small, said=said)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines if line.strip())


def _read(path: Path) -> Picture:
    picture = cv2.imread(str(path))
    if picture is None:
        raise FileNotFoundError(path)
    ratio = min(1.0, _LONG_SIDE_PX / max(picture.shape[:2]))
    return np.asarray(cv2.resize(picture, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA), dtype=np.uint8)

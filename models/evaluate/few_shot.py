"""What the evaluations of dishes and products share: pictures described by several systems, ranks, plots."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.dish.embedder import ROLE, Describer, NetworkDescriber, fetched, own
from models.dish.errors import PictureUnusable
from models.dish.picture import Picture, Vector, unit
from models.errors import RecognitionError
from models.evaluate.halves import half
from models.evaluate.report import Figure, bootstrap
from models.registry import Networks

DRAWS: Final = 20
SEED: Final = 20261120
Ranks = list[tuple[str, int]]  # the class of a picture, and how many other classes came before it


@dataclass(frozen=True, slots=True)
class Item:
    """One picture of a data set with its class and its part in the set."""

    file: Path
    name: str
    role: str = ""


class Plain:
    """The base line: MobileNetV2 of the whole picture, and a 12x6x4 histogram of hue, saturation and value."""

    name = "mobilenet-v2 + histogram (base line)"

    def __init__(self, seen: NetworkDescriber) -> None:
        self._seen = seen

    def describe(self, picture: Picture) -> Vector:
        """The description that the base line's figures were made with."""
        whole = cv2.resize(picture, (224, 224), interpolation=cv2.INTER_AREA)[:, :, ::-1]
        said = self._seen.see(whole.transpose(2, 0, 1)[None].astype(np.float32))
        counts = cv2.calcHist(
            [cv2.cvtColor(picture, cv2.COLOR_BGR2HSV)], [0, 1, 2], None, [12, 6, 4], [0, 180, 0, 256, 0, 256]
        )
        shares = np.sqrt(counts.ravel() / counts.sum())
        return unit(np.concatenate([said, 0.7 * shares]).astype(np.float32))


def systems(networks: Networks, *, base_line: bool = True) -> dict[str, Describer]:
    """What can be measured here: the base line and the fetched network where it is there, and our own small one."""
    found: dict[str, Describer] = {}
    if networks.has(networks.named(ROLE).name):
        seen = fetched(networks)
        found = {"base_line": Plain(seen), "fetched": seen} if base_line else {"fetched": seen}
    try:
        found["own"] = own()
    except RecognitionError:
        if not found:
            raise
    return found


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON-lines file."""
    with path.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines if line.strip())


def place(root: Path, name: str) -> Path:
    """A file named in an index, from the data folder or from the folder of the set itself."""
    tried = [root / name, root.parent / name, root / Path(*Path(name).parts[1:])]
    return next((path for path in tried if path.is_file()), tried[0])


def described(describer: Describer, items: Sequence[Item]) -> NDArray[np.float32]:
    """One row for each picture; of nothing where a picture cannot be used: it is then like nothing."""
    found: list[Vector | None] = []
    for item in items:
        picture = cv2.imread(str(item.file))
        if picture is None:
            raise FileNotFoundError(item.file)
        try:
            found.append(describer.describe(np.asarray(picture, dtype=np.uint8)))
        except PictureUnusable:
            found.append(None)
    width = next((len(vector) for vector in found if vector is not None), 1)
    return np.stack([np.zeros(width, np.float32) if vector is None else vector for vector in found])


def means(vectors: NDArray[np.float32], taught: Mapping[str, Sequence[int]]) -> tuple[list[str], NDArray[np.float32]]:
    """The classes and the mean direction of the taught pictures of each."""
    names = sorted(taught)
    return names, np.stack([unit(vectors[list(taught[name])].mean(axis=0)) for name in names])


def rank(likeness: NDArray[np.float32], names: Sequence[str], right: str) -> int:
    """How many classes are more alike than the right one."""
    return int((likeness > likeness[names.index(right)]).sum())


def share(ranks: Ranks, below: int, part: str = "all") -> Figure:
    """The share of pictures whose class is among the first `below`, its interval resampled by class."""
    grouped: dict[str, list[bool]] = {}
    for name, found in ranks:
        if part in ("all", half(name)):
            grouped.setdefault(name, []).append(found < below)
    groups = list(grouped.values())
    if not groups:
        return Figure(float("nan"), float("nan"), float("nan"), 0)
    right, n = np.array([sum(group) for group in groups]), np.array([len(group) for group in groups])
    return bootstrap(len(groups), _ratio(right, n))


def _ratio(right: NDArray[np.int_], n: NDArray[np.int_]) -> Callable[[NDArray[np.int_]], float]:
    return lambda chosen: float(right[chosen].sum() / n[chosen].sum())


def lead(ours: Ranks, theirs: Ranks, below: int) -> Figure:
    """By how much our share is above theirs on the same pictures, its interval resampled by class."""
    grouped: dict[str, list[int]] = {}
    for (name, mine), (_, other) in zip(ours, theirs, strict=True):
        grouped.setdefault(name, []).append(int(mine < below) - int(other < below))
    groups = list(grouped.values())
    gained, n = np.array([sum(group) for group in groups]), np.array([len(group) for group in groups])
    return bootstrap(len(groups), _ratio(gained, n))


def top(ranks: Ranks) -> dict[str, Any]:
    """First and first five, over all classes and over each half."""
    return {
        part: {f"top{below}": share(ranks, below, part).as_json() for below in (1, 5)}
        for part in ("all", "tune", "report")
    }


def confusion_svg(title: str, pairs: Sequence[tuple[str, str]]) -> str:
    """Right class down, told class across, darker for more; a stand-alone picture."""
    names = sorted({name for pair in pairs for name in pair})
    cell, left, up = max(8, min(40, 900 // max(1, len(names)))), 190, 40
    size = cell * len(names)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + size + 20}" height="{up + size + 150}">',
        f'<g font-family="sans-serif" font-size="{min(13, cell)}">',
        f'<rect width="100%" height="100%" fill="white"/><text x="10" y="22" font-size="15">{escape(title)}</text>',
    ]
    for row, right in enumerate(names):
        y = up + row * cell
        parts.append(f'<text x="{left - 6}" y="{y + cell * 0.75:.0f}" text-anchor="end">{escape(right)}</text>')
        across = left + row * cell + cell * 0.6
        parts.append(f'<text transform="translate({across:.0f},{up + size + 8}) rotate(60)">{escape(right)}</text>')
        told = [name for name_right, name in pairs if name_right == right]
        for column, name in enumerate(names):
            dark = told.count(name) / max(1, len(told))
            colour = f"rgb({round(255 - 205 * dark)},{round(255 - 155 * dark)},{round(255 - 75 * dark)})"
            parts.append(
                f'<rect x="{left + column * cell}" y="{y}" width="{cell}" height="{cell}" fill="{colour}" '
                f'stroke="{"grey" if row == column else "gainsboro"}"/>'
            )
    return "\n".join([*parts, "</g></svg>"]) + "\n"

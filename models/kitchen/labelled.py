"""Labelled pictures of kitchens, as evaluation and training read them: `kitchen/index.jsonl` in a folder of data.

One line a picture: `{"file", "group", "kinds", "boxes": [{"label", "xywh"}]}`. `kinds` are those that were looked for
in the whole picture; a box is labelled with its kind (`no_mask`, `phone`, `no_hat`, `smoking`, `rat`) or with what is
right instead (`mask`, `hat`, `not_smoking`, `no_rat`). `group` names camera and day: pictures of one group are never
parted between training and report. The box is a face's, for hats and cigarettes too.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from models.errors import RecognitionError
from models.kitchen.kinds import Kind
from models.objects import Box

INDEX: Final = "kitchen/index.jsonl"
RIGHT: Final = {Kind.NO_MASK: "mask", Kind.NO_HAT: "hat", Kind.SMOKING: "not_smoking", Kind.RAT: "no_rat"}


class LabelsMalformed(RecognitionError):
    """A line of the index cannot be read: mend it."""


@dataclass(frozen=True, slots=True)
class Marked:
    """One picture with what is marked in it."""

    path: Path
    group: str
    kinds: frozenset[Kind]
    boxes: tuple[tuple[str, Box], ...]

    def of(self, label: str) -> list[Box]:
        """The boxes of a label."""
        return [box for name, box in self.boxes if name == label]


def read(folder: Path) -> list[Marked]:
    """Every line of the index; none where there is no index. Raises LabelsMalformed naming the line."""
    index = folder / INDEX
    if not index.is_file():
        return []
    found = []
    for number, line in enumerate(index.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            found.append(_marked(folder, json.loads(line)))
        except (ValueError, KeyError, TypeError) as error:
            raise LabelsMalformed(f"{index}:{number}: {error}") from error
    return found


def _marked(folder: Path, row: dict[str, Any]) -> Marked:
    known = {kind.value for kind in Kind} | set(RIGHT.values())
    boxes = tuple((str(each["label"]), _box(each["xywh"])) for each in row["boxes"])
    unknown = {label for label, _ in boxes} - known
    if unknown:
        raise ValueError(f"labels nobody knows: {', '.join(sorted(unknown))}")
    return Marked(folder / row["file"], str(row["group"]), frozenset(Kind(kind) for kind in row["kinds"]), boxes)


def _box(values: Sequence[float]) -> Box:
    x, y, width, height = (float(value) for value in values)
    return x, y, width, height

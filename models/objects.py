"""Objects in a picture by a detector of the YOLOX form: what hints at bowls, sees phones and counts persons."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.dish.picture import Picture
from models.registry import Networks

GENERAL: Final = "object-detector"  # the roles: 80 classes of COCO, and persons alone
PERSONS: Final = "person-detector"
PERSON: Final = 0  # classes of COCO; of a detector of persons, 0 is the only one
CUP: Final = 41
BOWL: Final = 45
PHONE: Final = 67
MOST_OBJECTS: Final = 128
_MOST_CANDIDATES: Final = 1000  # noise may give very many boxes: only the best are compared
_GREY: Final = 114
_SAME: Final = 0.45
_STRIDES: Final = (8, 16, 32)

Box = tuple[float, float, float, float]  # x, y, width, height in pixels of the picture


@dataclass(frozen=True, slots=True)
class Seen:
    """A box of the detector with its class and score."""

    box: Box
    kind: int
    score: float


class Detector:
    """The network of a role: by default YOLOX-Nano, or what an operator put there. One for each thread."""

    def __init__(self, networks: Networks, *, role: str = GENERAL, threads: int = 1) -> None:
        self.session = networks.open(networks.named(role).name, threads=threads)
        asked = self.session.get_inputs()[0]
        self._input = asked.name
        self._output = self.session.get_outputs()[0].name
        self._side_px = int(asked.shape[-1])
        self._cells, self._strides = _grid(self._side_px)

    def prepare(self, picture: Picture) -> tuple[NDArray[np.float32], float]:
        """The picture fitted top left, the rest grey, and by how much it was scaled."""
        side = self._side_px
        ratio = side / max(picture.shape[:2])
        small = cv2.resize(picture, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_LINEAR)[:side, :side]
        fitted = np.full((side, side, 3), _GREY, np.uint8)
        fitted[: small.shape[0], : small.shape[1]] = small
        return np.asarray(cv2.dnn.blobFromImage(fitted), dtype=np.float32), ratio

    def look(self, picture: Picture, *, least_score: float = 0.3) -> list[Seen]:
        """What is seen with at least this score, the surest first, at most `MOST_OBJECTS`, doubles left out."""
        asked, ratio = self.prepare(picture)
        raw = self.session.run([self._output], {self._input: asked})[0][0]
        likely = np.flatnonzero(raw[:, 4] >= least_score)  # a score is never more than its objectness
        scores = raw[likely, 4:5] * raw[likely, 5:]
        best = scores.max(axis=1, initial=0.0)
        chosen = np.argsort(-best, kind="stable")[:_MOST_CANDIDATES]
        chosen = chosen[best[chosen] >= least_score]
        if not chosen.size:
            return []
        rows, kinds, best = likely[chosen], scores[chosen].argmax(axis=1), best[chosen]
        middle = (raw[rows, :2] + self._cells[rows]) * self._strides[rows]
        size = np.exp(np.minimum(raw[rows, 2:4], 10.0)) * self._strides[rows]
        boxes = np.concatenate([middle - size / 2, size], axis=1) / ratio
        kept = cv2.dnn.NMSBoxes(boxes.tolist(), best.tolist(), least_score, _SAME)
        found = []
        for each in np.asarray(kept, dtype=int).ravel()[:MOST_OBJECTS]:
            x, y, width, height = (float(value) for value in boxes[each])
            found.append(Seen((x, y, width, height), int(kinds[each]), float(best[each])))
        return found


def overlap(first: Box, second: Box) -> float:
    """Area of both over area of either, of two boxes."""
    both = shared(first, second)
    total = first[2] * first[3] + second[2] * second[3] - both
    return both / total if total > 0 else 0.0


def shared(first: Box, second: Box) -> float:
    """The area that two boxes have in common."""
    wide = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    high = min(first[1] + first[3], second[1] + second[3]) - max(first[1], second[1])
    return max(0.0, wide) * max(0.0, high)


def middle_of(box: Box) -> tuple[float, float]:
    """The centre of a box."""
    return box[0] + box[2] / 2, box[1] + box[3] / 2


def _grid(side_px: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    cells, strides = [], []
    for stride in _STRIDES:
        side = side_px // stride
        rows, columns = np.indices((side, side))
        cells.append(np.stack([columns.ravel(), rows.ravel()], axis=1))
        strides.append(np.full((side * side, 1), stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(strides).astype(np.float32)

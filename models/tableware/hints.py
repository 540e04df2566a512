"""Bowls and cups that a general detector sees: a hint for the search by edges, never alone a thing to charge."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.dish.picture import Picture
from models.registry import Networks
from models.tableware.ware import Box

ROLE: Final = "object-detector"
CUP: Final = 41  # classes of COCO
BOWL: Final = 45
_SIDE_PX: Final = 416
_GREY: Final = 114
_SAME: Final = 0.45


@dataclass(frozen=True, slots=True)
class Seen:
    """A box of the detector with its class and score."""

    box: Box
    kind: int
    score: float


class Detector:
    """YOLOX-Nano, or what an operator put in its role. One for each thread."""

    def __init__(self, networks: Networks, *, threads: int = 1) -> None:
        self.session = networks.open(networks.named(ROLE).name, threads=threads)
        self._input = self.session.get_inputs()[0].name
        self._output = self.session.get_outputs()[0].name
        self._cells, self._strides = _grid()

    def prepare(self, picture: Picture) -> tuple[NDArray[np.float32], float]:
        """The picture fitted top left, the rest grey, and by how much it was scaled."""
        ratio = _SIDE_PX / max(picture.shape[:2])
        small = cv2.resize(picture, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_LINEAR)[:_SIDE_PX, :_SIDE_PX]
        fitted = np.full((_SIDE_PX, _SIDE_PX, 3), _GREY, np.uint8)
        fitted[: small.shape[0], : small.shape[1]] = small
        return np.asarray(cv2.dnn.blobFromImage(fitted), dtype=np.float32), ratio

    def look(self, picture: Picture, *, least_score: float = 0.3) -> list[Seen]:
        """What is seen with at least this score, doubles left out."""
        asked, ratio = self.prepare(picture)
        raw = self.session.run([self._output], {self._input: asked})[0][0]
        scores = raw[:, 4:5] * raw[:, 5:]
        kinds, best = scores.argmax(axis=1), scores.max(axis=1)
        keep = best >= least_score
        middle = (raw[keep, :2] + self._cells[keep]) * self._strides[keep]
        size = np.exp(np.minimum(raw[keep, 2:4], 10.0)) * self._strides[keep]
        boxes = np.concatenate([middle - size / 2, size], axis=1) / ratio
        chosen = cv2.dnn.NMSBoxes(boxes.tolist(), best[keep].tolist(), least_score, _SAME)
        found = []
        for each in np.asarray(chosen, dtype=int).ravel():
            x, y, width, height = (float(value) for value in boxes[each])
            found.append(Seen((x, y, width, height), int(kinds[keep][each]), float(best[keep][each])))
        return found


def bowl_boxes(picture: Picture, networks: Networks) -> list[Box]:
    """The bowl boxes of a picture; none where the detector is not in the store."""
    if not networks.has(networks.named(ROLE).name):
        return []
    return [seen.box for seen in Detector(networks).look(picture) if seen.kind == BOWL]


def _grid() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    cells, strides = [], []
    for stride in (8, 16, 32):
        side = _SIDE_PX // stride
        rows, columns = np.indices((side, side))
        cells.append(np.stack([columns.ravel(), rows.ravel()], axis=1))
        strides.append(np.full((side * side, 1), stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(strides).astype(np.float32)

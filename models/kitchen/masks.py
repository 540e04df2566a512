"""Finds faces with and without a mask: an SSD over a picture squeezed to 360 x 360."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.dish.picture import Picture
from models.kitchen.kinds import MASKS
from models.objects import Box
from models.registry import Networks

MOST_FACES: Final = 64
LEAST_SCORE: Final = 0.5
_SIDE_PX: Final = 360
_SAME: Final = 0.4
_MOST_CANDIDATES: Final = 1000
_VARIANCE: Final = 0.1, 0.2  # of centre and of size
_MAPS: Final = ((45, 0.04, 0.056), (23, 0.08, 0.11), (12, 0.16, 0.22), (6, 0.32, 0.45), (4, 0.64, 0.72))
_RATIOS: Final = (0.62, 0.42)


@dataclass(frozen=True, slots=True)
class MaskedFace:
    """A face: its box in pixels, whether a mask covers it, and how sure that is."""

    box: Box
    masked: bool
    score: float


class MaskDetector:
    """The network of the role `mask-detector`. One for each thread."""

    def __init__(self, networks: Networks, *, threads: int = 1) -> None:
        self.session = networks.open(networks.named(MASKS).name, threads=threads)
        self._input = self.session.get_inputs()[0].name
        self._anchors = anchors()

    @staticmethod
    def prepare(picture: Picture) -> NDArray[np.float32]:
        """The whole picture squeezed, RGB, 0 to 1."""
        small = cv2.resize(picture, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_LINEAR)
        return np.asarray(cv2.dnn.blobFromImage(small, 1 / 255.0, swapRB=True), dtype=np.float32)

    def look(self, picture: Picture, *, least_score: float = LEAST_SCORE) -> list[MaskedFace]:
        """Faces, the surest first, at most `MOST_FACES`, doubles left out over both classes."""
        places, classes = self.session.run(["loc", "cls"], {self._input: self.prepare(picture)})
        best = classes[0].max(axis=1)
        rows = np.flatnonzero(best >= least_score)
        rows = rows[np.argsort(-best[rows], kind="stable")][:_MOST_CANDIDATES]
        if not rows.size:
            return []
        anchor, place = self._anchors[rows], places[0, rows]
        middle = place[:, :2] * _VARIANCE[0] * anchor[:, 2:] + anchor[:, :2]
        size = np.exp(np.minimum(place[:, 2:] * _VARIANCE[1], 4.0)) * anchor[:, 2:]
        height, width = picture.shape[:2]
        boxes = np.concatenate([middle - size / 2, size], axis=1) * (width, height, width, height)
        kept = cv2.dnn.NMSBoxes(boxes.tolist(), best[rows].tolist(), least_score, _SAME)
        masked = classes[0, rows, 0] >= classes[0, rows, 1]
        found = []
        for each in np.asarray(kept, dtype=int).ravel()[:MOST_FACES]:
            x, y, wide, high = (float(value) for value in boxes[each])
            found.append(MaskedFace((x, y, wide, high), bool(masked[each]), float(best[rows[each]])))
        return found


def anchors() -> NDArray[np.float32]:
    """The 11,000 boxes the answers are relative to: centre and size in shares of the picture, row by row."""
    found = []
    for cells, small, large in _MAPS:
        sizes = [(small, small), (large, large)] + [(small * r**0.5, small / r**0.5) for r in _RATIOS]
        rows, columns = np.indices((cells, cells))
        middle = np.stack([(columns.ravel() + 0.5) / cells, (rows.ravel() + 0.5) / cells], axis=1)
        each = np.concatenate([np.repeat(middle, len(sizes), 0), np.tile(sizes, (cells * cells, 1))], axis=1)
        found.append(each)
    return np.concatenate(found).astype(np.float32)

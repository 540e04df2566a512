"""Finds faces with YuNet. Where the network's raw maps become boxes, after OpenCV's FaceDetectorYN."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.face.picture import Face, Picture, is_picture
from models.registry import Networks

ROLE: Final = "face-detector"
MOST_FACES: Final = 128
MOST_SIDE_PX: Final = 640
SMALL_SIDE_PX: Final = 448
MOST_GROWTH: Final = 4.0
_STRIDES: Final = (8, 16, 32)
_BLOCK: Final = 32
_MOST_CANDIDATES: Final = 2000
_SHAPES_KEPT: Final = 4


class FaceDetector:
    """YuNet over one session. It keeps its input buffers: use one detector in each thread."""

    def __init__(
        self,
        networks: Networks,
        *,
        score: float = 0.6,
        overlap: float = 0.3,
        most_side_px: int = MOST_SIDE_PX,
        threads: int = 1,
    ) -> None:
        self._session = networks.open(networks.named(ROLE).name, threads=threads)
        self._input = self._session.get_inputs()[0].name
        self._names = [f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in _STRIDES]
        self._score = score
        self._overlap = overlap
        self._most_side_px = most_side_px
        self._buffers: dict[tuple[int, int], NDArray[np.float32]] = {}
        self._grids: dict[tuple[int, int], list[NDArray[np.float32]]] = {}

    def detect(self, picture: Picture) -> list[Face]:
        """Faces by falling score, at most `MOST_FACES`; none in what is no picture. Coordinates are the picture's."""
        if not is_picture(picture):
            return []
        ratio = detection_ratio(picture.shape[1], picture.shape[0], self._most_side_px)
        scaled = self.fit(picture, ratio)
        buffer = self._fill(scaled)
        outputs = self._session.run(self._names, {self._input: buffer})
        return [face.scaled(1.0 / ratio) for face in self._decode(outputs, buffer.shape[3], buffer.shape[2])]

    @staticmethod
    def fit(picture: Picture, ratio: float) -> Picture:
        """The picture as large as the network is to see it."""
        if ratio == 1.0:
            return picture
        size = (max(1, round(picture.shape[1] * ratio)), max(1, round(picture.shape[0] * ratio)))
        # an area mean costs three times a linear one and matters only where much is thrown away
        how = cv2.INTER_AREA if ratio < 0.5 else cv2.INTER_LINEAR  # noqa: PLR2004
        return np.asarray(cv2.resize(picture, size, interpolation=how), dtype=np.uint8)

    def _fill(self, scaled: Picture) -> NDArray[np.float32]:
        """The network's input; kept between calls, for fresh memory costs more than the network."""
        height, width = scaled.shape[:2]
        shape = (-(-height // _BLOCK) * _BLOCK, -(-width // _BLOCK) * _BLOCK)
        buffer = self._buffers.get(shape)
        if buffer is None:
            if len(self._buffers) >= _SHAPES_KEPT:
                self._buffers.clear()
                self._grids.clear()
            buffer = self._buffers[shape] = np.zeros((1, 3, *shape), np.float32)
        buffer[0, :, height:, :] = 0
        buffer[0, :, :, width:] = 0
        for channel, plane in enumerate(cv2.split(scaled)):
            buffer[0, channel, :height, :width] = plane
        return buffer

    def _grid(self, width: int, height: int) -> list[NDArray[np.float32]]:
        found = self._grids.get((height, width))
        if found is None:
            found = self._grids[(height, width)] = [
                np.stack(np.meshgrid(np.arange(width // s), np.arange(height // s)), -1)
                .reshape(-1, 2)
                .astype(np.float32)
                for s in _STRIDES
            ]
        return found

    def _decode(self, outputs: list[NDArray[np.float32]], width: int, height: int) -> list[Face]:
        boxes, points, scores = [], [], []
        for level, (stride, cells) in enumerate(zip(_STRIDES, self._grid(width, height), strict=True)):
            classes, objects, raw_boxes, raw_points = (outputs[kind * 3 + level][0] for kind in range(4))
            score = np.sqrt(np.clip(classes[:, 0], 0, 1) * np.clip(objects[:, 0], 0, 1))
            kept = np.flatnonzero(score >= self._score)
            if not kept.size:
                continue
            cell, box = cells[kept], raw_boxes[kept]
            centre, size = (cell + box[:, :2]) * stride, np.exp(np.minimum(box[:, 2:], 8.0)) * stride
            boxes.append(np.concatenate([centre - size / 2, size], 1))
            points.append((raw_points[kept].reshape(-1, 5, 2) + cell[:, None, :]) * stride)
            scores.append(score[kept])
        if not boxes:
            return []
        return self._thinned(np.concatenate(boxes), np.concatenate(points), np.concatenate(scores))

    def _thinned(
        self, boxes: NDArray[np.float32], points: NDArray[np.float32], scores: NDArray[np.float32]
    ) -> list[Face]:
        """One face where several boxes overlap; noise may give very many boxes, so only the best are compared."""
        best = np.argsort(-scores, kind="stable")[:_MOST_CANDIDATES]
        kept = cv2.dnn.NMSBoxes(boxes[best].tolist(), scores[best].tolist(), self._score, self._overlap)
        chosen = best[np.asarray(kept, dtype=np.int64).reshape(-1)][:MOST_FACES]
        return [
            Face(x, y, width, height, tuple((float(left), float(top)) for left, top in points[i]), float(scores[i]))
            for i, (x, y, width, height) in zip(chosen, boxes[chosen].astype(float).tolist(), strict=True)
        ]


def detection_ratio(width: int, height: int, most_side_px: int = MOST_SIDE_PX) -> float:
    """By how much a picture is resized before detection: large ones down, small ones up to four times."""
    longest = max(width, height)
    if longest > most_side_px:
        return most_side_px / longest
    if longest < SMALL_SIDE_PX:
        return min(MOST_GROWTH, SMALL_SIDE_PX / longest)
    return 1.0


def nearest(faces: list[Face], *, ratio: float = 1.5) -> tuple[Face | None, bool]:
    """The largest face, and whether it is alone in front: `ratio` times as large as the next."""
    if not faces:
        return None, False
    by_size = sorted(faces, key=lambda face: face.area_px, reverse=True)
    return by_size[0], len(by_size) == 1 or by_size[0].area_px >= ratio * by_size[1].area_px

"""What the parts of `models.face` hand to one another: pictures, found faces and embeddings."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]  # H x W x 3, BGR
Embedding = NDArray[np.float32]  # of length 1
DIMENSIONS: Final = 128
LEAST_SIDE_PX: Final = 16


@dataclass(frozen=True, slots=True)
class Face:
    """A face in a picture: box and points in pixels; points are right eye, left eye, nose, right and left mouth."""

    x: float
    y: float
    width: float
    height: float
    points: tuple[tuple[float, float], ...]
    score: float

    @property
    def area_px(self) -> float:
        """Of the box."""
        return self.width * self.height

    @property
    def eye_distance_px(self) -> float:
        """Between the two eyes."""
        (right_x, right_y), (left_x, left_y) = self.points[0], self.points[1]
        return float(np.hypot(left_x - right_x, left_y - right_y))

    def scaled(self, ratio: float, *, left: float = 0.0, top: float = 0.0) -> "Face":
        """The same face in a picture `ratio` times as large, after cutting `left` and `top` off this one."""
        return Face(
            (self.x - left) * ratio,
            (self.y - top) * ratio,
            self.width * ratio,
            self.height * ratio,
            tuple(((x - left) * ratio, (y - top) * ratio) for x, y in self.points),
            self.score,
        )


def is_picture(picture: object) -> bool:
    """Whether this can be looked at at all: three channels of bytes, not smaller than a face can be."""
    return (
        isinstance(picture, np.ndarray)
        and picture.dtype == np.uint8
        and picture.ndim == 3  # noqa: PLR2004  rows, columns, channels
        and picture.shape[2] == 3  # noqa: PLR2004  blue, green, red
        and min(picture.shape[:2]) >= LEAST_SIDE_PX
    )

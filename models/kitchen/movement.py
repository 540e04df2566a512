"""Small things that move before a still camera, as rats do at night: places to look at, never alone an alarm."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.dish.picture import Picture
from models.objects import Box

WORK_PX: Final = 320
MOST_PLACES: Final = 16
_STEP: Final = 18  # grey levels above the background
_LEARN: Final = 0.05  # how fast the background follows the light
_LEAST: Final = 0.0002  # of the picture's area
_MOST: Final = 0.03
_TOO_MUCH: Final = 0.25  # of the picture moving at once: the light or the camera changed


class Movement:
    """Compares each frame with the slow mean of those before it. One for each camera."""

    def __init__(self) -> None:
        self._usual: NDArray[np.float32] | None = None

    def places(self, picture: Picture) -> list[Box]:
        """Boxes of what moves and is small, the larger ones first; none in the first frame, none when all changes."""
        ratio = WORK_PX / picture.shape[1]
        small = cv2.resize(picture, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA)
        grey = cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), (0, 0), 1.5).astype(np.float32)
        usual = self._usual
        if usual is None or usual.shape != grey.shape:
            self._usual = grey
            return []
        moved = (np.abs(grey - usual) > _STEP).astype(np.uint8)
        cv2.accumulateWeighted(grey, usual, _LEARN)
        if moved.mean() > _TOO_MUCH:
            self._usual = grey
            return []
        _, _, found, _ = cv2.connectedComponentsWithStats(cv2.dilate(moved, np.ones((3, 3), np.uint8)))
        area = grey.size
        small_ones = [row for row in found[1:] if _LEAST * area <= row[cv2.CC_STAT_AREA] <= _MOST * area]
        small_ones.sort(key=lambda row: -int(row[cv2.CC_STAT_AREA]))
        boxes = [(float(x), float(y), float(wide), float(high)) for x, y, wide, high, _ in small_ones[:MOST_PLACES]]
        return [(x / ratio, y / ratio, wide / ratio, high / ratio) for x, y, wide, high in boxes]

"""Looks at a part of the picture with a network of our own training: the head for a hat, the mouth for a cigarette."""

from typing import Final

import cv2
import numpy as np

from models.dish.picture import Picture
from models.errors import RegistryMalformed
from models.kitchen.kinds import ROLES, Kind
from models.objects import Box
from models.registry import Networks

MOST_CROPS: Final = 32  # of one frame, so that 40 people do not hold the camera up
SIZE_PX: Final = 64
_LEAST_CROP_PX: Final = 12
# how far the part reaches beyond the face's box, in shares of it: left, top, right, bottom
_AROUND: Final = {
    Kind.NO_HAT: (0.35, 1.0, 0.35, -0.45),
    Kind.SMOKING: (0.4, -0.45, 0.4, 0.35),
    Kind.RAT: (0.25, 0.25, 0.25, 0.25),
}


class CropClassifier:
    """The network of a kind: [n,3,64,64] float32, RGB, 0..255, to [n,2] shares that sum to 1, 1 = raise the alarm."""

    def __init__(self, networks: Networks, kind: Kind, *, threads: int = 1) -> None:
        """Raises as `Networks.open`, and RegistryMalformed for a network of another form."""
        entry = networks.named(ROLES[kind])
        self.kind = kind
        self.session = networks.open(entry.name, threads=threads)
        asked = self.session.get_inputs()[0]
        if list(asked.shape[1:]) != [3, SIZE_PX, SIZE_PX]:
            raise RegistryMalformed(f"{entry.name}: takes {asked.shape}, not [n,3,{SIZE_PX},{SIZE_PX}]")
        self._input = asked.name

    def scores(self, picture: Picture, boxes: list[Box]) -> list[tuple[Box, float]]:
        """The parts looked at, at most `MOST_CROPS`, each with its share for the alarm; too small ones left out."""
        parts = [(box, cut) for box in boxes[:MOST_CROPS] if (cut := crop(picture, box, self.kind)) is not None]
        if not parts:
            return []
        asked = np.asarray(cv2.dnn.blobFromImages([cut for _, cut in parts], swapRB=True), dtype=np.float32)
        shares = self.session.run(None, {self._input: asked})[0]
        return [(box, float(share[1])) for (box, _), share in zip(parts, shares, strict=True)]


def crop(picture: Picture, box: Box, kind: Kind) -> Picture | None:
    """The part that a kind is told by, squeezed to 64 x 64; None where too little of it lies in the picture."""
    x, y, width, height = box
    left, top, right, bottom = _AROUND[kind]
    first_x, last_x = round(x - left * width), round(x + width * (1 + right))
    first_y, last_y = round(y - top * height), round(y + height * (1 + bottom))
    part = picture[max(0, first_y) : max(0, last_y), max(0, first_x) : max(0, last_x)]
    if part.size == 0 or min(part.shape[:2]) < _LEAST_CROP_PX:
        return None
    return np.asarray(cv2.resize(part, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_AREA), dtype=np.uint8)

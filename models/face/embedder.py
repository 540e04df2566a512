"""A face as 128 numbers: aligned by its five points, then MobileFaceNet or what an operator put in its role."""

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.errors import RegistryMalformed
from models.face.picture import Embedding, Face, Picture
from models.registry import Network, Networks

ROLE: Final = "face-embedder"
_LEAST_NORM: Final = 1e-6


class FaceEmbedder:
    """The embedding network over one session, with the input its registry entry describes. One for each thread."""

    def __init__(self, networks: Networks, *, threads: int = 1) -> None:
        self.network = networks.named(ROLE)
        self._session = networks.open(self.network.name, threads=threads)
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[0].name
        self.dimensions = int(self._session.get_outputs()[0].shape[-1])
        settings = self.network.settings
        self._size_px = int(_setting(self.network, "size_px"))
        self._points = np.asarray(_setting(self.network, "points"), np.float64)
        scale, red_first = float(_setting(self.network, "scale")), settings.get("order") == "RGB"
        mean = np.asarray(_setting(self.network, "mean"), np.float32)
        deviation = np.asarray(_setting(self.network, "deviation"), np.float32)
        self._gain = (1.0 / (scale * deviation)).astype(np.float32)
        self._shift = (-mean / deviation).astype(np.float32)
        self._order = (2, 1, 0) if red_first else (0, 1, 2)
        self._buffer = np.zeros((1, 3, self._size_px, self._size_px), np.float32)

    def align(self, picture: Picture, face: Face) -> Picture | None:
        """The face turned and scaled so that its points lie where the network learnt them; None where they cannot."""
        matrix = alignment(face, self._points)
        if matrix is None:
            return None
        return np.asarray(cv2.warpAffine(picture, matrix, (self._size_px, self._size_px)), dtype=np.uint8)

    def embed(self, aligned: Picture) -> Embedding | None:
        """The embedding of an aligned face, of length 1; None where the network gives nothing that has a direction."""
        for place, channel in enumerate(self._order):
            plane = self._buffer[0, place]
            np.multiply(aligned[:, :, channel], self._gain[place], out=plane)
            plane += self._shift[place]
        raw = self._session.run([self._output], {self._input: self._buffer})[0].reshape(-1)
        norm = float(np.linalg.norm(raw))
        if not np.isfinite(norm) or norm < _LEAST_NORM:
            return None
        return np.asarray(raw / np.float32(norm), dtype=np.float32)


def alignment(face: Face, wanted: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """The similarity transform from the face's points to the wanted ones, by least median of squares."""
    found = np.asarray(face.points, np.float64)
    if not np.isfinite(found).all() or face.eye_distance_px < 1.0:
        return None
    matrix, _ = cv2.estimateAffinePartial2D(found, wanted, method=cv2.LMEDS)
    return None if matrix is None else np.asarray(matrix, dtype=np.float64)


def _setting(network: Network, name: str) -> Any:
    if name not in network.settings:
        raise RegistryMalformed(f"[{network.name}.settings] lacks {name}, which a face embedder needs")
    return network.settings[name]

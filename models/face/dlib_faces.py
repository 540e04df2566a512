"""Faces with dlib and the models of face_recognition: slower and weaker, but pip brings all of it."""

import importlib
import importlib.util
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from models.errors import NetworkUnavailable
from models.face.picture import Embedding, Face, Picture, is_picture
from models.registry import sha256_of

CHIP_PX: Final = 150
MOST_SIDE_PX: Final = 480
LEAST_SIDE_PX: Final = 320
_LANDMARKS: Final = "shape_predictor_68_face_landmarks.dat"
_CHIP_LANDMARKS: Final = "shape_predictor_5_face_landmarks.dat"
_EMBEDDER: Final = "dlib_face_recognition_resnet_model_v1.dat"
_RIGHT_EYE, _LEFT_EYE, _NOSE, _RIGHT_MOUTH, _LEFT_MOUTH = range(36, 42), range(42, 48), 30, 48, 54


def installed() -> bool:
    """Whether both packages are there."""
    return all(importlib.util.find_spec(name) is not None for name in ("dlib", "face_recognition_models"))


def _dlib() -> Any:
    if not installed():
        raise NetworkUnavailable("dlib and face_recognition_models are not installed: pip install them, or fetch YuNet")
    return importlib.import_module("dlib")


def _file(name: str) -> Path:
    found = importlib.util.find_spec("face_recognition_models")
    if found is None or not found.submodule_search_locations:
        raise NetworkUnavailable("face_recognition_models is not installed")
    path = Path(found.submodule_search_locations[0]) / "models" / name
    if not path.is_file():
        raise NetworkUnavailable(f"face_recognition_models lacks {name}")
    return path


class DlibDetector:
    """HOG detection, and five points out of dlib's sixty-eight."""

    def __init__(self) -> None:
        self._dlib = _dlib()
        self._detector = self._dlib.get_frontal_face_detector()
        self._landmarks = self._dlib.shape_predictor(str(_file(_LANDMARKS)))

    def detect(self, picture: Picture) -> list[Face]:
        """Faces by falling score; none in what is no picture. Profiles and small faces are not found."""
        if not is_picture(picture):
            return []
        longest = max(picture.shape[:2])
        ratio = min(MOST_SIDE_PX / longest, max(1.0, LEAST_SIDE_PX / longest))
        size = (max(1, round(picture.shape[1] * ratio)), max(1, round(picture.shape[0] * ratio)))
        small = np.ascontiguousarray(cv2.cvtColor(cv2.resize(picture, size), cv2.COLOR_BGR2RGB))
        boxes, scores, _ = self._detector.run(small, 0, 0.0)
        faces = [self._face(small, box, float(score)) for box, score in zip(boxes, scores, strict=True)]
        return [face.scaled(1.0 / ratio) for face in sorted(faces, key=lambda face: -face.score)]

    def _face(self, small: Any, box: Any, score: float) -> Face:
        shape = self._landmarks(small, box)

        def middle(parts: range) -> tuple[float, float]:
            points = [shape.part(index) for index in parts]
            return sum(p.x for p in points) / len(points), sum(p.y for p in points) / len(points)

        def at(index: int) -> tuple[float, float]:
            return float(shape.part(index).x), float(shape.part(index).y)

        points = (middle(_RIGHT_EYE), middle(_LEFT_EYE), at(_NOSE), at(_RIGHT_MOUTH), at(_LEFT_MOUTH))
        # HOG's score is a distance to a plane, from 0 to about 2.5; as a share it reads like the other detector's
        return Face(
            float(box.left()),
            float(box.top()),
            float(box.width()),
            float(box.height()),
            points,
            min(1.0, 0.8 + score / 10),
        )


class DlibEmbedder:
    """dlib's 128 numbers, brought to length 1 so that one gallery and one search serve both networks."""

    def __init__(self) -> None:
        self._dlib = _dlib()
        self._landmarks = self._dlib.shape_predictor(str(_file(_CHIP_LANDMARKS)))
        self._network = self._dlib.face_recognition_model_v1(str(_file(_EMBEDDER)))
        self.dimensions = 128
        self.digest = bytes.fromhex(sha256_of(_file(_EMBEDDER)))

    def align(self, picture: Picture, face: Face) -> Picture | None:
        """The face as dlib cuts it out, 150 x 150."""
        if face.eye_distance_px < 1.0 or not is_picture(picture):
            return None
        box = self._dlib.rectangle(
            round(face.x), round(face.y), round(face.x + face.width), round(face.y + face.height)
        )
        colours = np.ascontiguousarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
        shape = self._landmarks(colours, box)
        chip = self._dlib.get_face_chip(colours, shape, size=CHIP_PX)
        return np.asarray(cv2.cvtColor(chip, cv2.COLOR_RGB2BGR), dtype=np.uint8)

    def embed(self, aligned: Picture) -> Embedding | None:
        """The embedding of an aligned face, of length 1."""
        colours = np.ascontiguousarray(cv2.cvtColor(aligned, cv2.COLOR_BGR2RGB))
        raw = np.asarray(self._network.compute_face_descriptor(colours), dtype=np.float64)
        norm = float(np.linalg.norm(raw))
        return None if not np.isfinite(norm) or norm == 0 else np.asarray(raw / norm, dtype=np.float32)

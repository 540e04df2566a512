"""What the camera sees: a drawn tray, a drawn face, or a picture of a folder, under a light and perhaps an attack.

A pure state machine over a seed: the same orders give the same pictures. Orders, any of them together:
    {"tray": [3, 7]}        dishes by number, [] an empty counter        {"face": 2}  {"face": null} nobody
    {"show": "a.jpg"}       a picture of the folder, squeezed to the frame   {"black": true}  a covered lens
    {"noise": 2.0, "blur": 0.0, "light": 1.0, "occluded": 0.0}           grain, softness, light, share covered
    {"attack": ""|"print"|"screen"}                                       what is shown is shown on paper or a screen
    {"frozen": true}                                                      the very same picture again and again
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from firmware_sim.camera import drawing
from firmware_sim.camera.drawing import Picture
from firmware_sim.core.device import WrongActError

_NUMBERS: Final = {"noise": (0.0, 120.0), "blur": (0.0, 20.0), "light": (0.05, 3.0), "occluded": (0.0, 0.95)}
_ATTACKS: Final = ("", "print", "screen")
_JPEG_QUALITY: Final = 85
_JPEG_420: Final = 0x221111
_SHIFT: Final = 64

Grain = NDArray[np.int8]


@dataclass
class Scene:
    """One camera's view. `folder` is where pictures to show are; without one everything is drawn."""

    seed: int
    folder: Path | None = None
    width: int = drawing.WIDTH_PX
    height: int = drawing.HEIGHT_PX
    dishes: tuple[int, ...] = ()
    face: int | None = None
    show: str = ""
    attack: str = ""
    black: bool = False
    frozen: bool = False
    numbers: dict[str, float] = field(
        default_factory=lambda: {"noise": 2.0, "blur": 0.0, "light": 1.0, "occluded": 0.0}
    )
    _taken: int = 0
    _placed: int = 0
    _kept: bytes = b""
    _drawn: Picture | None = None
    _grain: tuple[float, Grain] | None = None

    def act(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Change the scene; WrongActError, and then nothing is changed."""
        changes = {name: self._checked(name, value) for name, value in order.items()}
        if not changes:
            raise WrongActError(
                "a camera is told tray, face, show, black, frozen, attack, noise, blur, light, occluded"
            )
        for name, value in changes.items():
            if name in _NUMBERS:
                self.numbers[name] = value
            else:
                setattr(self, {"tray": "dishes"}.get(name, name), value)
        if {"tray", "face", "show"} & changes.keys():
            self._placed += 1
            self._drawn = None
            self.show = changes.get("show", "")
            self.face = changes.get("face")
            self.dishes = changes.get("tray", ())
        return {name: list(value) if isinstance(value, tuple) else value for name, value in changes.items()}

    def jpeg(self) -> bytes:
        """The next picture, coded."""
        if not (self.frozen and self._kept):
            quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, _JPEG_420]
            self._kept = cv2.imencode(".jpg", self.picture(), quality)[1].tobytes()
        return self._kept

    def picture(self) -> Picture:
        """The next picture."""
        self._taken += 1
        chance = np.random.default_rng((self.seed, self._taken))
        if self.black:
            return np.zeros((self.height, self.width, 3), np.uint8)
        seen = self._attacked(self._subject(), chance)
        if self.numbers["occluded"]:
            seen[:, : int(self.width * self.numbers["occluded"])] = (60, 60, 60)
        if self.numbers["blur"]:
            seen = np.asarray(cv2.GaussianBlur(seen, (0, 0), self.numbers["blur"]), dtype=np.uint8)
        lit = np.asarray(cv2.convertScaleAbs(seen, alpha=self.numbers["light"]), dtype=np.uint8)
        level = self.numbers["noise"]
        return self._grainy(lit, level, chance) if level else lit

    def _grainy(self, seen: Picture, level: float, chance: np.random.Generator) -> Picture:
        """Grain made once and laid elsewhere each time: a camera at rest never sends the same bytes twice."""
        if self._grain is None or self._grain[0] != level:
            made = np.random.default_rng(self.seed).normal(0.0, level, (self.height + _SHIFT, self.width + _SHIFT, 3))
            self._grain = level, np.asarray(np.clip(made, -127, 127), dtype=np.int8)
        down, right = (int(each) for each in chance.integers(0, _SHIFT, 2))
        laid = self._grain[1][down : down + self.height, right : right + self.width]
        return np.asarray(cv2.add(seen, np.ascontiguousarray(laid), dtype=cv2.CV_8U), dtype=np.uint8)

    def _subject(self) -> Picture:
        if self._drawn is None or self.face is not None:
            self._drawn = self._draw()
        return self._drawn.copy()

    def _draw(self) -> Picture:
        placed = np.random.default_rng((self.seed, self._placed))
        if self.show:
            found = cv2.imread(str((self.folder or Path()) / self.show))
            drawn = np.asarray(found, dtype=np.uint8)
        elif self.face is not None:
            drawn = drawing.face(self.face, np.random.default_rng((self.seed, self._taken)))
        else:
            drawn = drawing.tray(self.dishes, placed)
        if drawn.shape[:2] != (self.height, self.width):
            drawn = np.asarray(cv2.resize(drawn, (self.width, self.height), interpolation=cv2.INTER_AREA), np.uint8)
        return drawn

    def _attacked(self, seen: Picture, chance: np.random.Generator) -> Picture:
        """The same on paper (flat, pale, with an edge) or on a screen (stripes, blue, with a frame)."""
        if not self.attack:
            return seen
        margin = self.width // 10
        room = np.full_like(seen, (120, 130, 140))
        small = cv2.resize(seen, (self.width - 2 * margin, self.height - 2 * margin), interpolation=cv2.INTER_AREA)
        flat = small.astype(np.float32)
        if self.attack == "print":
            flat = flat * 0.75 + 50 + chance.normal(0, 4, flat.shape)
        else:
            flat *= np.array([1.12, 1.0, 0.92], np.float32)
            flat[::3] *= 0.8
            flat[:, ::4] *= 0.92
            cv2.rectangle(
                room, (margin - 14, margin - 14), (self.width - margin + 14, self.height - margin + 14), 0, -1
            )
        room[margin : self.height - margin, margin : self.width - margin] = np.clip(flat, 0, 255).astype(np.uint8)
        return room

    def _checked(self, name: str, value: Any) -> Any:
        if name in _NUMBERS and isinstance(value, int | float) and not isinstance(value, bool):
            low, high = _NUMBERS[name]
            if low <= value <= high:
                return float(value)
        elif name == "tray" and isinstance(value, list) and len(value) <= drawing.MOST_DISHES:
            return tuple(int(each) for each in value)
        elif (
            (name == "face" and (value is None or isinstance(value, int)))
            or (name in ("black", "frozen") and isinstance(value, bool))
            or (name == "attack" and value in _ATTACKS)
        ) or (name == "show" and isinstance(value, str) and self._there(value)):
            return value
        raise WrongActError(f"{name} cannot be {value!r}")

    def _there(self, name: str) -> bool:
        """Only a picture inside the folder."""
        if self.folder is None:
            return False
        path = (self.folder / name).resolve()
        return path.is_relative_to(self.folder.resolve()) and path.is_file() and cv2.haveImageReader(str(path))

"""The taught pictures on disk, with who taught or corrected what and when: appended, never rewritten."""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

import cv2
import numpy as np

from models.dish.embedder import Describer
from models.dish.errors import AlbumTorn
from models.dish.picture import Picture, Vector

Why = Literal["taught", "corrected", "withdrawn"]
LONG_SIDE_PX: Final = 512
_QUALITY: Final = 92


@dataclass(frozen=True, slots=True)
class Lesson:
    """One line of the trail: who says which dish a picture shows. `said` is what was told before a correction."""

    dish: str
    picture: str
    who: str
    at_ms: int
    why: Why
    said: str | None = None


class Album:
    """Lessons and pictures in one folder, with one writer. A lesson is on disk before `add` returns."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._pictures, self._trail = folder / "pictures", folder / "lessons.jsonl"
        self._pictures.mkdir(parents=True, exist_ok=True)
        self._lessons = list(self._read())

    @property
    def trail(self) -> Sequence[Lesson]:
        """Every lesson ever given, the withdrawn ones too, in order."""
        return tuple(self._lessons)

    def lessons(self) -> list[Lesson]:
        """The lessons that hold: the last word on each picture, unless it was withdrawn."""
        last = {lesson.picture: lesson for lesson in self._lessons}
        return [lesson for lesson in last.values() if lesson.why != "withdrawn"]

    def add(self, picture: Picture, *, dish: str, who: str, at_ms: int, why: Why, said: str | None = None) -> Lesson:
        """Store the picture, then the line about it."""
        coded = _coded(picture)
        digest = hashlib.sha256(coded).hexdigest()
        path = self._pictures / f"{digest}.jpg"
        if not path.is_file():
            _write(path, coded)
        return self._append(Lesson(dish, digest, who, at_ms, why, said))

    def withdraw(self, lesson: Lesson, *, who: str, at_ms: int) -> Lesson:
        """The picture counts no more and is erased; the line about it stays."""
        written = self._append(Lesson(lesson.dish, lesson.picture, who, at_ms, "withdrawn"))
        for path in self._pictures.glob(f"{lesson.picture}.*"):
            path.unlink()
        return written

    def picture(self, lesson: Lesson) -> Picture:
        """The picture of a lesson. Raises AlbumTorn where it is gone."""
        found = cv2.imread(str(self._pictures / f"{lesson.picture}.jpg"))
        if found is None:
            raise AlbumTorn(f"the picture {lesson.picture} of {lesson.dish} is gone or damaged")
        return np.asarray(found, dtype=np.uint8)

    def vector(self, lesson: Lesson, describer: Describer) -> Vector:
        """The description of a lesson's picture, made once for each describer and kept beside it."""
        path = self._pictures / f"{lesson.picture}.{hashlib.sha256(describer.name.encode()).hexdigest()[:12]}.npy"
        try:
            return np.asarray(np.load(path, allow_pickle=False), dtype=np.float32)
        except (OSError, ValueError, EOFError):  # not made yet, or torn by a power cut: make it
            vector = describer.describe(self.picture(lesson))
            with path.open("wb") as file:
                np.save(file, vector)
            return vector

    def _append(self, lesson: Lesson) -> Lesson:
        with self._trail.open("ab") as file:
            file.write(json.dumps(asdict(lesson), ensure_ascii=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._lessons.append(lesson)
        return lesson

    def _read(self) -> Iterator[Lesson]:
        if not self._trail.is_file():
            return
        whole = self._trail.read_bytes()
        kept = whole[: whole.rfind(b"\n") + 1]
        if len(kept) < len(whole):  # cut off while it was written: nobody was told that it is stored
            os.truncate(self._trail, len(kept))
        for number, line in enumerate(kept.splitlines(), 1):
            try:
                yield Lesson(**json.loads(line))
            except (ValueError, TypeError) as error:
                raise AlbumTorn(f"line {number} of {self._trail.name} cannot be read: {error}") from error


def _coded(picture: Picture) -> bytes:
    ratio = LONG_SIDE_PX / max(picture.shape[:2])
    small = cv2.resize(picture, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA) if ratio < 1 else picture
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()


def _write(path: Path, content: bytes) -> None:
    half = path.with_suffix(".part")
    with half.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)

"""Teaching a dish from pictures, and telling the dish of a picture: known, to be asked about, or unknown."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from models.dish.album import Album, Lesson
from models.dish.calibration import Calibration
from models.dish.embedder import Describer
from models.dish.errors import NothingTaught, PictureUnusable
from models.dish.picture import Picture, Vector, unit

Outcome = Literal["known", "ask", "unknown"]
CANDIDATES: Final = 5
MOST_PICTURES: Final = 32  # of one dish in use, the latest; older ones stay in the album


@dataclass(frozen=True, slots=True)
class Told:
    """The answer. `dish` is the best candidate and may be charged only where `outcome` is known; `sure` is 0 to 1."""

    dish: str | None
    sure: float
    second: str | None
    outcome: Outcome
    candidates: tuple[tuple[str, float], ...] = ()
    reason: str = ""


class Gallery:
    """The dishes in memory: the mean direction of each dish's pictures."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._means: NDArray[np.float32] = np.zeros((0, 0), np.float32)

    def replace(self, vectors: Mapping[str, Sequence[Vector]]) -> None:
        """All dishes at once."""
        self._names = sorted(name for name, each in vectors.items() if each)
        means = [unit(np.mean(vectors[name][-MOST_PICTURES:], axis=0)) for name in self._names]
        self._means = np.stack(means) if means else np.zeros((0, 0), np.float32)

    def __len__(self) -> int:
        return len(self._names)

    def likenesses(self, vector: Vector, menu: Collection[str] | None = None) -> list[tuple[str, float]]:
        """Dish and cosine, the most alike first, of the dishes of the menu (of all where there is none)."""
        if not self._names:
            return []
        rows = [row for row, name in enumerate(self._names) if menu is None or name in menu]
        # not by a BLAS, which wakes its threads for so small a product and waits for them on a busy machine
        found = np.einsum("ij,j->i", self._means[rows], vector)
        pairs = [(self._names[row], float(value)) for row, value in zip(rows, found, strict=True)]
        return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))


class Recogniser:
    """Tells dishes. One for each thread; `reload` after the album changed elsewhere."""

    def __init__(self, describer: Describer, album: Album, calibration: Calibration) -> None:
        self.describer, self.album, self.calibration = describer, album, calibration
        self.gallery = Gallery()
        self.reload()

    def reload(self) -> None:
        """Take the album as it is now."""
        found: dict[str, list[Vector]] = {}
        for lesson in self.album.lessons():
            found.setdefault(lesson.dish, []).append(self.album.vector(lesson, self.describer))
        self.gallery.replace(found)

    def tell(self, picture: Picture, menu: Collection[str] | None = None) -> Told:
        """The dish in a picture, among the menu of the day. A picture of nothing is unknown, with the reason."""
        try:
            vector = self.describer.describe(picture)
        except PictureUnusable as error:
            return Told(None, 0.0, None, "unknown", reason=str(error))
        return judge(self.gallery.likenesses(vector, menu), self.calibration)


class Teacher:
    """Adds taught pictures and corrections to the album and to what the recogniser knows."""

    def __init__(self, recogniser: Recogniser, *, now_ms: Callable[[], int]) -> None:
        self._recogniser, self._now_ms = recogniser, now_ms

    def teach(self, dish: str, pictures: Sequence[Picture], *, who: str) -> list[Lesson]:
        """Teach a dish from one or more pictures (3 to 10 are good). Raises NothingTaught or PictureUnusable first."""
        if not pictures:
            raise NothingTaught(f"no picture of {dish} was given")
        for picture in pictures:
            self._recogniser.describer.describe(picture)
        return [self._learn(picture, dish=dish, who=who, said=None, corrected=False) for picture in pictures]

    def correct(self, picture: Picture, told: Told, dish: str, *, who: str) -> Lesson:
        """A person said at the screen which dish it is: the picture is taught, with what was told before beside it."""
        self._recogniser.describer.describe(picture)
        return self._learn(picture, dish=dish, who=who, said=told.dish, corrected=True)

    def withdraw(self, lesson: Lesson, *, who: str) -> None:
        """A picture taught by mistake counts no more; the trail keeps who gave it and who took it back."""
        self._recogniser.album.withdraw(lesson, who=who, at_ms=self._now_ms())
        self._recogniser.reload()

    def _learn(self, picture: Picture, *, dish: str, who: str, said: str | None, corrected: bool) -> Lesson:
        album = self._recogniser.album
        why: Literal["corrected", "taught"] = "corrected" if corrected else "taught"
        lesson = album.add(picture, dish=dish, who=who, at_ms=self._now_ms(), why=why, said=said)
        self._recogniser.reload()
        return lesson


def judge(likenesses: Sequence[tuple[str, float]], calibration: Calibration) -> Told:
    """Known, ask or unknown, from the likeness of each dish, best first; pure."""
    if not likenesses:
        return Told(None, 0.0, None, "unknown", reason="nothing taught")
    (dish, first), rest = likenesses[0], likenesses[1:]
    second = rest[0] if rest else (None, calibration.floor)
    sure = calibration.sure(first, second[1])
    outcome: Outcome = "known" if sure >= calibration.accept else "ask" if sure >= calibration.ask else "unknown"
    return Told(dish, sure, second[0], outcome, tuple(likenesses[:CANDIDATES]))

"""Exact search among the people of one site: one dot product with every template, no index that forgets some."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.face.picture import DIMENSIONS, Embedding

MOST_CANDIDATES: Final = 8
_LEAST_ROOM: Final = 64


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person and the cosine of their best template."""

    person: int
    score: float


@dataclass(frozen=True, slots=True)
class _Rows:
    """What a search reads: replaced as a whole, so that a search under way never sees half a change."""

    vectors: NDArray[np.float32]
    persons: NDArray[np.int64]
    count: int


class Gallery:
    """Templates as rows of one float32 matrix. Searching from several threads is safe; one thread may change it."""

    def __init__(self, vectors: NDArray[np.float32], persons: NDArray[np.int64]) -> None:
        if vectors.ndim != 2 or len(vectors) != len(persons):  # noqa: PLR2004  rows and numbers
            raise ValueError("one row of numbers and one person for each template")
        rows = np.ascontiguousarray(vectors, dtype=np.float32)
        self._rows = _Rows(rows, np.ascontiguousarray(persons, dtype=np.int64), len(rows))

    @classmethod
    def empty(cls) -> "Gallery":
        """Nobody yet."""
        return cls(np.zeros((0, DIMENSIONS), np.float32), np.zeros(0, np.int64))

    def __len__(self) -> int:
        return self._rows.count

    @property
    def people(self) -> int:
        """How many different people."""
        return len(np.unique(self._rows.persons[: self._rows.count]))

    def search(self, query: Embedding, *, most: int = 2) -> list[Candidate]:
        """The best people by falling cosine, each once; fewer where there are fewer."""
        rows = self._rows
        if rows.count == 0:
            return []
        persons = rows.persons[: rows.count]
        scores = rows.vectors[: rows.count] @ query
        found: list[Candidate] = []
        for _ in range(min(most, MOST_CANDIDATES)):
            best = int(scores.argmax())
            if not np.isfinite(scores[best]):
                break
            person = int(persons[best])
            found.append(Candidate(person, float(scores[best])))
            scores[persons == person] = -np.inf
        return found

    def add(self, person: int, vectors: NDArray[np.float32]) -> None:
        """More templates of a person; a search sees all of them or none."""
        rows, more = self._rows, len(vectors)
        needed = rows.count + more
        if needed > len(rows.vectors):
            room = max(_LEAST_ROOM, needed + needed // 2)
            grown = np.zeros((room, rows.vectors.shape[1] if rows.count else vectors.shape[1]), np.float32)
            owners = np.zeros(room, np.int64)
            if rows.count:
                grown[: rows.count], owners[: rows.count] = rows.vectors[: rows.count], rows.persons[: rows.count]
            rows = _Rows(grown, owners, rows.count)
        rows.vectors[rows.count : needed] = vectors
        rows.persons[rows.count : needed] = person
        self._rows = _Rows(rows.vectors, rows.persons, needed)

    def remove(self, person: int) -> int:
        """Forget a person, also in memory; answers how many templates went."""
        rows = self._rows
        persons = rows.persons[: rows.count]
        kept = persons != person
        gone = rows.count - int(kept.sum())
        if gone:
            self._rows = _Rows(rows.vectors[: rows.count][kept], persons[kept], int(kept.sum()))
            rows.vectors[: rows.count][~kept] = 0
        return gone

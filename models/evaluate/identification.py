"""Who is this, or a stranger? Each person is left out of the gallery once, in five turns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.evaluate.report import Figure, wilson
from models.face.gallery import Gallery

TURNS = 5
Row = tuple[str, int, NDArray[np.float32] | None, str]  # person, number of the picture, embedding, file


@dataclass(frozen=True, slots=True)
class Outcome:
    """One query: the person answered (None: a stranger), the best cosine, and whether the person was enrolled."""

    file: str
    person: str
    answer: str | None
    best: str | None
    score: float
    enrolled: bool


def identify(
    rows: Sequence[Row], thresholds: Mapping[str, float], *, enrolled: int
) -> tuple[dict[str, Figure], list[Outcome]]:
    """Enrol the first pictures of each person, ask for the rest. The threshold is the one of the person asked for."""
    persons = sorted({row[0] for row in rows})
    turns = min(TURNS, len(persons))
    outcomes: list[Outcome] = []
    for turn in range(turns):
        strangers = {person for place, person in enumerate(persons) if place % turns == turn and len(persons) > 1}
        outcomes += _one_turn(rows, persons, strangers, thresholds, enrolled)
    return _figures(outcomes), outcomes


def _one_turn(
    rows: Sequence[Row], persons: list[str], strangers: set[str], thresholds: Mapping[str, float], enrolled: int
) -> list[Outcome]:
    gallery, queries = Gallery.empty(), []
    for person in persons:
        own = sorted((row for row in rows if row[0] == person), key=lambda row: row[1])
        vectors = [row[2] for row in own[:enrolled] if row[2] is not None]
        if person not in strangers and vectors:
            gallery.add(persons.index(person), np.stack(vectors))
        queries += own if person in strangers else own[enrolled:]
    return [_ask(row, persons, strangers, gallery, thresholds[row[0]]) for row in queries]


def _ask(row: Row, persons: list[str], strangers: set[str], gallery: Gallery, threshold: float) -> Outcome:
    person, _, vector, file = row
    found = [] if vector is None else gallery.search(vector, most=1)
    best = persons[found[0].person] if found else None
    score = found[0].score if found else -1.0
    return Outcome(file, person, best if score >= threshold else None, best, score, person not in strangers)


def _figures(outcomes: Sequence[Outcome]) -> dict[str, Figure]:
    known = [each for each in outcomes if each.enrolled]
    strangers = [each for each in outcomes if not each.enrolled]
    return {
        "rank_1": wilson(sum(each.best == each.person for each in known), len(known)),
        "true_accept": wilson(sum(each.answer == each.person for each in known), len(known)),
        "wrong_person": wilson(sum(each.answer not in {None, each.person} for each in known), len(known)),
        "strangers_rejected": wilson(sum(each.answer is None for each in strangers), len(strangers)),
    }

"""Same person or not: error rates of cosines, with intervals drawn over persons, whose pairs hang together."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from models.evaluate.report import Curve

FAR_WANTED = 0.001
PERSONS_TO_TRUST = 10


@dataclass(frozen=True, slots=True)
class Pairs:
    """Cosines of all pairs of pictures; `first` and `second` are the numbers of the persons they show."""

    scores: NDArray[np.float64]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    persons: int

    @property
    def same(self) -> NDArray[np.bool_]:
        """Which pairs show one person."""
        return np.equal(self.first, self.second)

    @property
    def genuine(self) -> NDArray[np.float64]:
        """Cosines of pairs of one person."""
        return self.scores[self.same]

    @property
    def impostor(self) -> NDArray[np.float64]:
        """Cosines of pairs of two persons."""
        return self.scores[~self.same]


def pairs_of(vectors: NDArray[np.float32], persons: Sequence[str]) -> Pairs:
    """Every pair of pictures once."""
    names = sorted(set(persons))
    number = np.array([names.index(person) for person in persons], np.int64)
    first, second = np.triu_indices(len(number), 1)
    scores = (vectors @ vectors.T)[first, second].astype(np.float64) if len(number) else np.zeros(0)
    return Pairs(scores, number[first], number[second], len(names))


class Rates:
    """False accepts and false rejects at every threshold, with the persons weighted as a bootstrap draws them."""

    def __init__(self, pairs: Pairs) -> None:
        order = np.argsort(pairs.scores, kind="stable")
        self._scores = pairs.scores[order]
        self._first, self._second = pairs.first[order], pairs.second[order]
        self._same = pairs.same[order]
        self._persons = pairs.persons

    def equal_error(self, drawn: NDArray[np.int64] | None = None) -> float:
        """Where false accepts and false rejects are equal."""
        accepts, rejects = self._curves(drawn)
        if accepts is None or rejects is None:
            return float("nan")
        at = int(np.argmin(np.abs(accepts - rejects)))
        return float((accepts[at] + rejects[at]) / 2)

    def true_accepts(self, drawn: NDArray[np.int64] | None = None) -> float:
        """The share of genuine pairs accepted at the lowest threshold with at most `FAR_WANTED` false accepts."""
        accepts, rejects = self._curves(drawn)
        if accepts is None or rejects is None:
            return float("nan")
        return float(1.0 - rejects[int(np.argmax(accepts <= FAR_WANTED))])

    def det(self, name: str) -> Curve:
        """False rejects over false accepts, thinned for a plot."""
        accepts, rejects = self._curves(None)
        if accepts is None or rejects is None:
            return Curve(name, ())
        changed = np.flatnonzero(np.diff(accepts, prepend=2.0) != 0)
        chosen = changed[:: max(1, len(changed) // 400)]
        return Curve(name, [(float(accepts[i]), float(rejects[i])) for i in chosen if accepts[i] > 0])

    def _curves(self, drawn: NDArray[np.int64] | None) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
        """At each place between sorted scores: what lies above is accepted."""
        times = np.ones(self._persons) if drawn is None else np.bincount(drawn, minlength=self._persons)
        weight = np.where(self._same, times[self._first], times[self._first] * times[self._second])
        impostor, genuine = weight * ~self._same, weight * self._same
        if impostor.sum() == 0 or genuine.sum() == 0:
            return None, None
        accepts = 1.0 - np.concatenate([[0.0], np.cumsum(impostor)]) / impostor.sum()
        rejects = np.concatenate([[0.0], np.cumsum(genuine)]) / genuine.sum()
        # a sum of shares may miss the whole by a rounding error
        return np.clip(np.where(accepts < 1e-12, 0.0, accepts), 0, 1), np.clip(rejects, 0, 1)  # noqa: PLR2004


def threshold_of(impostor: NDArray[np.float64], *, persons: int, start: float) -> float:
    """A threshold for `FAR_WANTED` from the pairs of few persons.

    The counted and the normal-tail one, whichever is stricter; then drawn towards `start`, the more so the fewer
    persons there were, for five people say little about the next five.
    """
    if len(impostor) == 0:
        return float("nan")
    counted = float(np.quantile(impostor, 1 - FAR_WANTED, method="higher"))
    tail = float(impostor.mean() + impostor.std() * NormalDist().inv_cdf(1 - FAR_WANTED))
    trust = persons / (persons + PERSONS_TO_TRUST)
    return trust * max(counted, tail) + (1 - trust) * start

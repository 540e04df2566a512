"""How sure an answer is: how much nearer the best dish is than the second, weighed on the tuning half."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.dish.embedder import Describer

_STEPS: Final = 80
_SHRINK: Final = 1e-3  # pulls the weight towards nothing, where few cases part without a mistake
_LEAST_DISTANCE: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Case:
    """One answer on a picture whose dish is known: likeness of first and second, and whether the first was right."""

    first: float
    second: float
    right: bool

    @property
    def nearer(self) -> float:
        """How many times nearer the first is than the second, as a logarithm."""
        return nearer(self.first, self.second)


@dataclass(frozen=True, slots=True)
class Calibration:
    """sure = 1 / (1 + exp(-(base + weight * log(distance of the second / distance of the first)))).

    Accepted from `accept` on, asked about from `ask` on, unknown below. Below `floor` of likeness it is unknown
    however much nearer; the floor also stands for the second where only one dish is on the menu.
    """

    base: float
    weight: float
    accept: float = 0.8
    ask: float = 0.3
    floor: float = 0.5

    def sure(self, first: float, second: float) -> float:
        """The chance that the first is right."""
        if first < self.floor:
            return 0.0
        return 1.0 / (1.0 + math.exp(-(self.base + self.weight * nearer(first, second))))


def nearer(first: float, second: float) -> float:
    """The logarithm of the ratio of the two distances; a distance is one minus the cosine."""
    return math.log(max(1.0 - second, _LEAST_DISTANCE) / max(1.0 - first, _LEAST_DISTANCE))


def calibrate(sets: Sequence[Sequence[Case]]) -> tuple[float, float]:
    """Base and weight by logistic regression, each set counting alike. Raises ValueError where all are right."""
    cases = [case for each in sets for case in each]
    share = np.array([1.0 / len(each) for each in sets for _ in each]) * 100
    wanted = np.array([case.right for case in cases], float)
    if not 0 < wanted.sum() < len(wanted):
        raise ValueError("calibration needs right and wrong answers")
    rows = np.array([[1.0, case.nearer] for case in cases])
    weights, hold = np.zeros(2), np.diag([0.0, _SHRINK])
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-rows @ weights))
        slope = rows.T @ ((chance - wanted) * share) + hold @ weights
        bend = (rows * (chance * (1 - chance) * share)[:, None]).T @ rows + hold + 1e-9 * np.eye(2)
        weights = weights - np.linalg.solve(bend, slope)
    return float(weights[0]), float(weights[1])


FETCHED: Final = Calibration(base=-2.13, weight=4.44)
OWN: Final = Calibration(base=-2.29, weight=4.38)


def calibration_of(describer: Describer) -> Calibration:
    """The weights for this describer, found on the tuning half by `python -m models.dish.training.calibrate`."""
    return OWN if describer.name.startswith("small") else FETCHED

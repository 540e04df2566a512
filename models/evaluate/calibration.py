"""Thresholds for galleries of several sizes, with the false-accept rate they stand for and how well that is known."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.evaluate.report import Curve, Plot, Report, Table, upper_95
from models.evaluate.verification import Pairs
from models.face.decision import Impostors, accept_for

GALLERIES = (100, 500, 2_000, 10_000, 50_000, 200_000)
WANTED = 1e-3


def impostors_of(pairs: Iterable[Pairs]) -> Impostors:
    """Mean and deviation of the cosines of different people, over all sets."""
    scores = np.concatenate([each.impostor for each in pairs])
    if not len(scores):
        return Impostors(0.0, 0.0, 0)
    return Impostors(float(scores.mean()), float(scores.std()), len(scores))


def calibration_table(
    report: Report, impostors: Impostors, pairs: Mapping[str, Pairs], *, networks: str, least: float
) -> dict[str, Any]:
    """One row a gallery size: threshold, what was counted above it with its bound, and what the normal tail says."""
    different = np.concatenate([each.impostor for each in pairs.values()])
    same = np.concatenate([each.genuine for each in pairs.values()])
    if not len(different) or not len(same):
        return {"note": "needs pairs of one person and of two"}
    found = [_gallery(people, impostors, different, same, least) for people in GALLERIES]
    report.tables.append(
        Table(
            f"Accepting thresholds of {networks} by gallery size, for one stranger in {1 / WANTED:.0f} let in. Only "
            "the counted bound is measured; the normal tail is an extrapolation",
            list(found[0]),
            [list(each.values()) for each in found],
        )
    )
    report.plots.append(
        Plot(
            "faces-asking",
            "What is asked for a second factor as the gallery grows",
            "people in the gallery",
            "share of own pairs below the threshold",
            [Curve("asked", [(float(each["people"]), 1.0 - float(each["own_pairs_accepted"])) for each in found])],
            log_x=True,
        )
    )
    return {
        "impostor_mean": round(impostors.mean, 5),
        "impostor_deviation": round(impostors.deviation, 5),
        "pairs": impostors.pairs,
        "galleries": found,
    }


def _gallery(
    people: int, impostors: Impostors, different: NDArray[np.float64], same: NDArray[np.float64], least: float
) -> dict[str, float]:
    """One gallery size: its threshold, and what that stands for."""
    accept = accept_for(people, impostors, wanted=WANTED, least=least)
    above = int((different >= accept).sum())
    bound = upper_95(above, len(different))
    return {
        "people": people,
        "accept": round(accept, 4),
        "false_accepts_counted": above,
        "pairs": len(different),
        "per_pair_upper_95": round(bound, 7),
        "per_search_upper_95": round(-float(np.expm1(people * np.log1p(-bound))), 6) if bound < 1 else 1.0,
        "per_search_normal_tail": WANTED,
        "own_pairs_accepted": round(float((same >= accept).mean()), 4),
    }

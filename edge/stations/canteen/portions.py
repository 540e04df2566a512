"""What a portion of each dish weighs with its plate, learnt while dishes are taught at a counter with a scale."""

import json
import os
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from edge.core.log import logger
from models.fusion.decision import Expected

_MOST_KEPT: Final = 30
_LEAST_SPREAD: Final = 0.08  # of the mean: no cook ladles more evenly than that

_log = logger("canteen.portions")


class Portions:
    """Grams by dish, in one small file beside the taught pictures. `expected` is replaced whole at each change."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._grams = _read(path)
        self.expected: Mapping[str, Expected] = _expected(self._grams)

    def learn(self, dish: int, grams: Sequence[float]) -> None:
        """Weights of a few portions; on disk before this returns."""
        kept = [*self._grams.get(str(dish), ()), *(round(one, 1) for one in grams)][-_MOST_KEPT:]
        self._grams = {**self._grams, str(dish): kept}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        half = self._path.with_suffix(".part")
        with half.open("w", encoding="utf-8") as file:
            json.dump(self._grams, file)
            file.flush()
            os.fsync(file.fileno())
        half.replace(self._path)
        self.expected = _expected(self._grams)


def _expected(grams: Mapping[str, Sequence[float]]) -> dict[str, Expected]:
    found = {}
    for dish, each in grams.items():
        mean = statistics.fmean(each)
        spread = statistics.stdev(each) if len(each) > 1 else 0.0
        found[dish] = Expected(mean, max(spread, _LEAST_SPREAD * mean))
    return found


def _read(path: Path) -> dict[str, list[float]]:
    """What is there; a file that cannot be read is as none: then the scale has no say until dishes are taught anew."""
    try:
        return {str(dish): [float(one) for one in each] for dish, each in json.loads(path.read_text()).items() if each}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        _log.error("the weights of portions cannot be read and are left out: %s", error)
        return {}

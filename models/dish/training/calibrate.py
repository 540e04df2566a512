"""Finds the weights of `calibration.py` on the tuning half: `python -m models.dish.training.calibrate DATA STORE`."""

import sys
from pathlib import Path

from models.dish.calibration import calibrate
from models.evaluate import dishes, products
from models.evaluate.few_shot import described, systems
from models.evaluate.open_set import cases, trials
from models.registry import Networks


def weights(data: Path, store: Path) -> dict[str, tuple[float, float]]:
    """Base and weight for each describer that is there, dishes and products counting alike."""
    found: dict[str, tuple[float, float]] = {}
    for label, describer in systems(Networks(store), base_line=False).items():
        gathered = []
        for read in (dishes.read, products.read):
            items = [item for item in read(data) if item.role != "iconic"]
            gathered.append(cases(trials(described(describer, items), [item.name for item in items]), "tune"))
        found[label] = calibrate(gathered)
    return found


if __name__ == "__main__":
    for label, (base, weight) in weights(Path(sys.argv[1]), Path(sys.argv[2])).items():
        print(f"{label}: base={base:.2f}, weight={weight:.2f}")  # noqa: T201

"""From a frame of a tray to the decision about it, over the bare networks' time for the same frame."""

import time
from collections.abc import Iterator
from itertools import count

import cv2
import numpy as np

from models.dish.calibration import calibration_of
from models.dish.embedder import fetched
from models.dish.picture import views
from models.dish.recogniser import Gallery, judge
from models.fusion.decision import Sight, decide
from models.objects import BOWL, Detector
from models.tableware.food import FoodFinder
from models.tableware.tray import cut_out, find_portions
from tests.bench.harness import Pair, Run, alternate, bench
from tests.support.dishes import tray
from tests.support.networks import network_folder, require_networks, sample_folder

_DISHES = 60
_MENU = 12


@bench("dish_pipeline", target=1.2, better="lower")
def dish_pipeline(run: Run) -> Iterator[Pair]:
    """Ware, food, dishes and the decision, over the detector and the picture network alone on prepared input."""
    cv2.setNumThreads(1)
    if network_folder() is None:
        run.note("the fetched networks are not here: nothing measured")
        return
    networks = require_networks()
    describer, detector, finder = fetched(networks), Detector(networks), FoodFinder.shipped()
    picture = _picture()
    gallery, menu = _gallery(len(describer.describe(picture)))
    calibration = calibration_of(describer)

    def whole() -> float:
        begun = time.perf_counter()
        hints = [seen.box for seen in detector.look(picture) if seen.kind == BOWL]
        portions = find_portions(picture, finder, hints=hints)
        told = [
            judge(gallery.likenesses(describer.describe(cut_out(picture, portion)), menu), calibration)
            for portion in portions
        ]
        sights = [Sight(None, each.dish, each.outcome, each.second) for each in told]
        decide(None, sights, None, expected={}, menu=dict.fromkeys(menu, ("plate", 800)))
        return time.perf_counter() - begun

    hints = [seen.box for seen in detector.look(picture) if seen.kind == BOWL]
    portions = find_portions(picture, finder, hints=hints)
    asked = [views(cut_out(picture, portion), 224) for portion in portions]
    fitted, _ = detector.prepare(picture)
    detector_in, picture_in = detector.session.get_inputs()[0].name, describer.session.get_inputs()[0].name

    def bare() -> float:
        begun = time.perf_counter()
        detector.session.run(None, {detector_in: fitted})
        for each in asked:
            describer.session.run(["embedding"], {picture_in: each})
        return time.perf_counter() - begun

    run.note(f"{len(portions)} portions, {_DISHES} dishes taught, {_MENU} on the menu, one thread")
    yield from alternate(run, ours=whole, bare=bare)


def _picture() -> np.ndarray:
    samples = sample_folder()
    if samples is not None:
        return np.asarray(cv2.imread(str(samples / "trays/tray6/food_image.jpg")), dtype=np.uint8)
    return tray([(320, 300, (30, 40, 200), 1.0), (900, 500, (40, 150, 60), 1.0), (450, 760, (30, 60, 110), 1.0)])


def _gallery(width: int) -> tuple[Gallery, set[str]]:
    chance, number = np.random.default_rng(1), count()
    gallery = Gallery()
    gallery.replace({f"d{next(number)}": [chance.random(width, dtype=np.float32)] for _ in range(_DISHES)})
    return gallery, {f"d{place}" for place in range(_MENU)}

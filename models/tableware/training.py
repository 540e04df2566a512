"""Learns which pixels are food from trays marked by hand: `python -m models.tableware.training DATA STORE`.

Plain numpy: 433 weights. Besides the weights from all trays, a set is made without each tray, so that the evaluation
never measures a picture by weights that have seen it.
"""

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.dish.picture import Picture
from models.registry import Networks
from models.tableware.food import WEIGHTS_FILE, Weights, patch_of
from models.tableware.hints import bowl_boxes
from models.tableware.ware import find_ware

_HIDDEN: Final = 24
_STEPS: Final = 2500
_BATCH: Final = 1024
_OF_ONE: Final = 4000  # pixels of one ware
_SHAKE: Final = 0.3  # in deviations of each feature
_DECAY: Final = 1e-3
_SEED: Final = 20261120


@dataclass(frozen=True, slots=True)
class Marked:
    """The pixels of one ware, and which of them are food."""

    tray: str
    rows: NDArray[np.float32]
    food: NDArray[np.bool_]


def marked_wares(data: Path, networks: Networks) -> tuple[list[Marked], dict[str, str]]:
    """Every ware found in trays.jsonl with its pixels marked, and the tray of each picture by its file's SHA-256."""
    found: list[Marked] = []
    digests: dict[str, str] = {}
    for line in (data / "trays/trays.jsonl").read_text(encoding="utf-8").splitlines():
        row: dict[str, Any] = json.loads(line)
        path, tray = data / row["file"], f"without-{row['tray']}"
        digests[hashlib.sha256(path.read_bytes()).hexdigest()] = tray
        picture: Picture = np.asarray(cv2.imread(str(path)), dtype=np.uint8)
        mask = cv2.imread(str(data / row["mask"]), cv2.IMREAD_GRAYSCALE)
        food = np.where(np.asarray(mask) > 0, 255, 0).astype(np.uint8)
        for ware in find_ware(picture, bowl_boxes(picture, networks)):
            patch = patch_of(picture, ware)
            high, wide = patch.inside.shape
            part = food[patch.top :, patch.left :][: round(high / patch.ratio), : round(wide / patch.ratio)]
            small = cv2.resize(part, (wide, high), interpolation=cv2.INTER_AREA)
            inside = patch.inside.ravel()
            found.append(Marked(tray, patch.rows()[inside], small.ravel()[inside] > 127))  # noqa: PLR2004  half of 255
    return found, digests


def learn(wares: Sequence[Marked]) -> Weights:
    """The weights, by Adam on the logistic loss; the features are shaken a little and scaled in the first layer."""
    chance = np.random.default_rng(_SEED)
    picks = [chance.choice(len(ware.rows), min(len(ware.rows), _OF_ONE), replace=False) for ware in wares]
    rows = np.concatenate([ware.rows[pick] for ware, pick in zip(wares, picks, strict=True)]).astype(np.float64)
    food = np.concatenate([ware.food[pick] for ware, pick in zip(wares, picks, strict=True)]).astype(np.float64)
    mean, deviation = rows.mean(axis=0), rows.std(axis=0) + 1e-3
    rows = (rows - mean) / deviation
    width = rows.shape[1]
    layers = [
        chance.normal(0, width**-0.5, (width, _HIDDEN)),
        np.zeros(_HIDDEN),
        chance.normal(0, _HIDDEN**-0.5, (_HIDDEN, 1)),
        np.zeros(1),
    ]
    speed, power = [np.zeros_like(layer) for layer in layers], [np.zeros_like(layer) for layer in layers]
    for step in range(1, _STEPS + 1):
        pick = chance.integers(0, len(rows), _BATCH)
        slopes = _slopes(layers, rows[pick] + chance.normal(0, _SHAKE, (_BATCH, width)), food[pick])
        for place, slope in enumerate(slopes):
            speed[place] = 0.9 * speed[place] + 0.1 * slope
            power[place] = 0.99 * power[place] + 0.01 * slope**2
            move = speed[place] / (1 - 0.9**step) / (np.sqrt(power[place] / (1 - 0.99**step)) + 1e-8)
            layers[place] = layers[place] - 1e-2 * (1 - step / _STEPS) * move
    layers[0] = layers[0] / deviation[:, None]
    layers[1] = layers[1] - mean @ layers[0]
    return Weights(*(layer.astype(np.float32) for layer in layers))


def _slopes(
    layers: Sequence[NDArray[np.float64]], rows: NDArray[np.float64], food: NDArray[np.float64]
) -> list[NDArray[np.float64]]:
    first, first_bias, second, second_bias = layers
    hidden = np.maximum(rows @ first + first_bias, 0)
    said = 1 / (1 + np.exp(-(hidden @ second + second_bias)[:, 0]))
    wrong = ((said - food) / len(food))[:, None]
    back = wrong @ second.T * (hidden > 0)
    return [rows.T @ back + _DECAY * first, back.sum(axis=0), hidden.T @ wrong + _DECAY * second, wrong.sum(axis=0)]


def store(path: Path, sets: dict[str, Weights], digests: dict[str, str]) -> None:
    """Write the weights as `FoodFinder.shipped` reads them."""
    parts: dict[str, Any] = {"names": np.array(sorted(sets))}
    for name, weights in sets.items():
        for place, part in enumerate((weights.first, weights.first_bias, weights.second, weights.second_bias)):
            parts[f"{name}/{place}"] = part
    parts |= {"digests": np.array(list(digests)), "without": np.array(list(digests.values()))}
    np.savez_compressed(path, **parts)


if __name__ == "__main__":
    every, files = marked_wares(Path(sys.argv[1]), Networks(Path(sys.argv[2])))
    made = {"all": learn(every)}
    made |= {tray: learn([ware for ware in every if ware.tray != tray]) for tray in sorted(set(files.values()))}
    store(WEIGHTS_FILE, made, files)

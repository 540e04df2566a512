"""Trains the network of one kind: `python -m models.kitchen.training.classifier KIND FOLDER OUT.onnx [--seconds N]`.

FOLDER is in the form of `labelled.py`. The groups whose name's digest says `tune` are learnt from, the others reported;
the threshold is the lowest at which at most one in a hundred of the tuning pictures in order would be told as a breach.
Prints the entry for an operator's registry.toml, its figures with their 95 % bounds. Needs torch, which is in
requirements/train.in: nothing that runs at a canteen imports this file.
"""

import argparse
import hashlib
import sys
import time
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from models.dish.picture import Picture
from models.evaluate.halves import half
from models.evaluate.report import Figure, upper_95, wilson
from models.kitchen.crops import SIZE_PX, crop
from models.kitchen.kinds import OWN_TRAINING, ROLES, Kind
from models.kitchen.labelled import RIGHT, LabelsMalformed, Marked, read

_CHANNELS: Final = (24, 48, 96, 128)
_BATCH: Final = 64
_SEED: Final = 20261120
_FALSE_WANTED: Final = 0.01
_JITTER: Final = 0.08  # of a box: no detector's box sits as a person's does
_COPIES: Final = 6  # cuts of each marked box


class Small(nn.Module):  # type: ignore[misc]  # torch is not there where types are checked
    """[n,3,64,64] RGB 0..255 -> [n,2] shares, 1 = breach."""

    def __init__(self) -> None:
        super().__init__()
        before, layers = 3, []
        for after in _CHANNELS:
            layers += [nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
            layers += [nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
            before = after
        self.body = nn.Sequential(*layers)
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(before, 2)

    def logits(self, picture: Tensor) -> Tensor:
        """Before the softmax; the scaling of the bytes is inside."""
        return self.head(self.drop(self.body(picture / 127.5 - 1.0).mean((2, 3))))

    def forward(self, picture: Tensor) -> Tensor:
        """The two shares."""
        return functional.softmax(self.logits(picture), dim=1)


def cuts(rows: list[Marked], kind: Kind, *, copies: int, seed: int = _SEED) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    """The parts of the marked boxes, each `copies` times a little moved, and whether each is a breach."""
    chance = np.random.default_rng(seed)
    parts: list[Picture] = []
    breach: list[int] = []
    for row in rows:
        picture = cv2.imread(str(row.path))
        if picture is None:
            raise LabelsMalformed(f"{row.path} is no picture")
        seen = np.asarray(picture, dtype=np.uint8)
        for label, is_breach in ((kind.value, 1), (RIGHT[kind], 0)):
            for x, y, width, height in row.of(label):
                for copy in range(copies):
                    moved = chance.normal(0, _JITTER, 4) * (width, height, width, height) * (copy > 0)
                    part = crop(seen, (x + moved[0], y + moved[1], width + moved[2], height + moved[3]), kind)
                    if part is not None:
                        parts.append(part)
                        breach.append(is_breach)
    return np.array(parts, dtype=np.uint8).reshape(-1, SIZE_PX, SIZE_PX, 3), np.array(breach, dtype=np.int64)


def train(pictures: NDArray[np.uint8], breach: NDArray[Any], *, seconds: float) -> Small:
    """Train for so long, breaches and order drawn equally often; the rate falls to nothing at the end."""
    torch.manual_seed(_SEED)
    torch.set_num_threads(1)
    chance = np.random.default_rng(_SEED)
    places = [np.flatnonzero(breach == each) for each in (0, 1)]
    if not all(len(each) for each in places):
        raise LabelsMalformed("the tuning groups hold no breach, or nothing but breaches")
    network = Small()
    rule = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.02)
    begun, batches = time.monotonic(), 0
    while (spent := (time.monotonic() - begun) / seconds) < 1:
        rule.param_groups[0]["lr"] = 2e-3 * min(1.0, batches / 50 + 0.05) * (1 - spent) ** 0.9
        chosen = np.concatenate([chance.choice(each, _BATCH // 2) for each in places])
        loss = functional.cross_entropy(
            network.logits(_shaken(pictures[chosen], chance)), torch.from_numpy(breach[chosen])
        )
        rule.zero_grad()
        loss.backward()
        rule.step()
        batches += 1
    network.eval()
    return network


def told(network: Small, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The share for a breach, of each."""
    with torch.no_grad():
        return np.asarray(network(_tensor(pictures)).numpy()[:, 1], dtype=np.float32)


def threshold(shares: NDArray[np.float32], breach: NDArray[Any]) -> float:
    """The lowest share from which at most `_FALSE_WANTED` of what is in order counts as a breach; at least a half."""
    fine = np.sort(shares[breach == 0])
    return float(np.clip(np.quantile(fine, 1 - _FALSE_WANTED) + 1e-3, 0.5, 0.99))


def export(network: Small, out: Path) -> None:
    """Write the ONNX file, without a path or a date of this machine in it."""
    torch.onnx.export(
        network, (torch.zeros(1, 3, SIZE_PX, SIZE_PX),), str(out), input_names=["image"], output_names=["prob"],
        dynamic_axes={"image": {0: "n"}, "prob": {0: "n"}}, opset_version=17, dynamo=False,
    )  # fmt: skip


def entry(kind: Kind, out: Path, *, start: float, found: Figure, wrong: Figure) -> str:
    """The entry of a trained network for the registry.toml in an operator's store, where the file lies too."""
    digest, role = hashlib.sha256(out.read_bytes()).hexdigest(), ROLES[kind]
    false_upper = upper_95(round(wrong.value * wrong.n), wrong.n)
    return f"""\
[{role}]
role = "{role}"
file = "{role}/{out.name}"
use = "{kind.value}, trained on our own pictures"
sha256 = "{digest}"
size_bytes = {out.stat().st_size}
licence = "own"
input = "[n,3,{SIZE_PX},{SIZE_PX}] float32, RGB, 0..255"
output = "prob [n,2]: 1 = breach"
conversion = "none"

[{role}.source]
repository = "own/training"
commit = "own"
path = "{out.name}"
sha256 = "{digest}"
licence_path = "LICENSE"

[{role}.settings]
start = {start:.3f}
measured_cases = {found.n + wrong.n}
found = {found.value:.3f}
found_low = {found.low:.3f}
false = {wrong.value:.3f}
false_upper = {false_upper:.3f}
"""


def _shaken(pictures: NDArray[np.uint8], chance: np.random.Generator) -> Tensor:
    """Mirrored at times, with other light, contrast and noise."""
    batch = _tensor(pictures)
    if chance.random() < 0.5:  # noqa: PLR2004  as often mirrored as not
        batch = batch.flip(3)
    light = torch.from_numpy(chance.uniform(0.55, 1.35, (len(pictures), 1, 1, 1)).astype(np.float32))
    shift = torch.from_numpy(chance.uniform(-25, 25, (len(pictures), 3, 1, 1)).astype(np.float32))
    grain = torch.from_numpy(chance.normal(0, 5, batch.shape).astype(np.float32))
    return (batch * light + shift + grain).clamp(0, 255)


def _tensor(pictures: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pictures[..., ::-1].transpose(0, 3, 1, 2))).float()


def main(arguments: list[str]) -> int:
    """Train, export, measure on the groups not learnt from, and print the entry."""
    parser = argparse.ArgumentParser(prog="python -m models.kitchen.training.classifier")
    parser.add_argument("kind", choices=sorted(kind.value for kind in OWN_TRAINING))
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=600.0)
    options = parser.parse_args(arguments)
    kind, rows = Kind(options.kind), read(options.folder)
    learnt = cuts([row for row in rows if half(row.group) == "tune"], kind, copies=_COPIES)
    held = cuts([row for row in rows if half(row.group) == "report"], kind, copies=1)
    network = train(*learnt, seconds=options.seconds)
    start = threshold(told(network, learnt[0]), learnt[1])
    hits = told(network, held[0]) >= start
    found = wilson(int(hits[held[1] == 1].sum()), int((held[1] == 1).sum()))
    wrong = wilson(int(hits[held[1] == 0].sum()), int((held[1] == 0).sum()))
    export(network, options.out)
    sys.stdout.write(entry(kind, options.out, start=start, found=found, wrong=wrong))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

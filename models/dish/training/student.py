"""Trains the small embedding to repeat the teacher's: `python -m models.dish.training.student SAMPLES OUT`.

Needs torch, which is a development dependency alone: nothing that runs at a canteen imports this file. The loss is
one minus the cosine to the teacher's embedding turned into `WIDTH` principal numbers, plus the squared difference of
the likenesses within a batch; both are what the nearest-dish search uses.
"""

import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTH: Final = 192
_CHANNELS: Final = (24, 48, 96, 160)
_BATCH: Final = 64
_SEED: Final = 20261120


class Step(nn.Module):  # type: ignore[misc]  # torch is not there where types are checked
    """Halves the picture, then adds one convolution to its own input."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU())
        self.on = nn.Sequential(nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after))

    def forward(self, picture: Tensor) -> Tensor:
        """The features of half the size."""
        halved = self.down(picture)
        return functional.relu(halved + self.on(halved))


class Student(nn.Module):  # type: ignore[misc]  # torch is not there where types are checked
    """[n,3,96,96] RGB 0..255 -> [n,192], of length 1."""

    def __init__(self) -> None:
        super().__init__()
        first, *_ = _CHANNELS
        self.stem = nn.Sequential(nn.Conv2d(3, first, 3, 2, 1, bias=False), nn.BatchNorm2d(first), nn.ReLU())
        self.steps = nn.Sequential(*(Step(a, b) for a, b in pairwise(_CHANNELS)))
        last = _CHANNELS[-1]
        self.deep = nn.Sequential(Step(last, last), nn.Conv2d(last, 384, 1, bias=False), nn.BatchNorm2d(384), nn.ReLU())
        self.head = nn.Linear(384, WIDTH)

    def forward(self, picture: Tensor) -> Tensor:
        """The embedding; the scaling of the bytes is inside."""
        features = self.deep(self.steps(self.stem(picture / 127.5 - 1.0)))
        return functional.normalize(self.head(features.mean((2, 3))), dim=1)


def targets(said: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The teacher's embeddings at length 1 in their first principal directions, not centred, so that cosines stay."""
    unit = said / np.linalg.norm(said, axis=1, keepdims=True)
    _, directions = np.linalg.eigh(unit.T @ unit)
    turned = unit @ directions[:, ::-1][:, :WIDTH]
    return np.asarray(turned / np.linalg.norm(turned, axis=1, keepdims=True), dtype=np.float32)


def train(samples: Path, *, seconds: float) -> Student:
    """Train for so long on one core; the rate falls to nothing at the end of the time."""
    torch.manual_seed(_SEED)
    torch.set_num_threads(1)
    with np.load(samples) as stored:
        pictures, wanted = torch.from_numpy(stored["pictures"]), torch.from_numpy(targets(stored["said"].astype("f4")))
    student = Student()
    student.to(memory_format=torch.channels_last)
    rule = torch.optim.AdamW(student.parameters(), lr=2e-3, weight_decay=0.02)
    begun, seen, kept = time.monotonic(), 0, 0.0
    held = len(pictures) // 20
    while (spent := (time.monotonic() - begun) / seconds) < 1:
        rule.param_groups[0]["lr"] = 2e-3 * min(1.0, seen / 100 + 0.05) * (1 - spent) ** 0.9
        chosen = torch.randint(held, len(pictures), (_BATCH,))
        loss = _loss(student, pictures[chosen], wanted[chosen])
        rule.zero_grad()
        loss.backward()
        rule.step()
        seen, kept = seen + 1, 0.98 * kept + 0.02 * loss.item()
        if seen % 100 == 0:
            shown = f"loss {kept / (1 - 0.98**seen):.4f}, held {_held(student, pictures, wanted, held):.4f}"
            sys.stderr.write(f"{seen} batches, {shown}\n")
    student.eval()
    return student


def export(student: Student, out: Path) -> None:
    """Write the ONNX file, without a path or a date of this machine in it."""
    torch.onnx.export(
        student, (torch.zeros(1, 3, 96, 96),), str(out), input_names=["image"], output_names=["embedding"],
        dynamic_axes={"image": {0: "n"}, "embedding": {0: "n"}}, opset_version=17, dynamo=False,
    )  # fmt: skip


def _loss(student: Student, pictures: Tensor, wanted: Tensor) -> Tensor:
    bytes_in = pictures.permute(0, 3, 1, 2).flip(1).float()
    if torch.rand(()) < 0.5:  # noqa: PLR2004  mirrored every second time
        bytes_in = bytes_in.flip(3)
    said = student(bytes_in.contiguous(memory_format=torch.channels_last))
    near = (1 - (said * wanted).sum(1)).mean()
    alike = ((said @ said.T - wanted @ wanted.T) ** 2).mean()
    return near + 2.0 * alike


def _held(student: Student, pictures: Tensor, wanted: Tensor, held: int) -> float:
    student.eval()
    with torch.no_grad():
        said = student(pictures[:held].permute(0, 3, 1, 2).flip(1).float())
    student.train()
    return float((said * wanted[:held]).sum(1).mean())


if __name__ == "__main__":
    export(train(Path(sys.argv[1]), seconds=float(sys.argv[3])), Path(sys.argv[2]))

"""Where the pretrained networks and the sample pictures are on this machine, for tests that cannot do without."""

import os
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.face.picture import Picture
from models.registry import Networks
from tools.environment import ROOT

SHARED = ROOT.parent / "shared"
NETWORKS_FROM = "QUARTERMASTER_NETWORKS"
SAMPLES_FROM = "QUARTERMASTER_SAMPLES"


def network_folder() -> Path | None:
    """A folder that `python -m models fetch --from` can read, or None."""
    named = os.environ.get(NETWORKS_FROM)
    for folder in (Path(named) if named else SHARED / "models", ROOT / "var" / "models"):
        if (folder / "yunet").is_dir():
            return folder
    return None


def sample_folder() -> Path | None:
    """The folder of the sample data, or None."""
    folder = Path(os.environ.get(SAMPLES_FROM) or SHARED / "data")
    return folder if folder.is_dir() else None


def require_networks() -> Networks:
    """The networks, or a skip that says how to get them; under CI=true their absence is a failure."""
    folder = network_folder()
    if folder is None:
        _absent(f"needs the pretrained networks: set {NETWORKS_FROM}, or run `python -m models fetch`")
    assert folder is not None
    return Networks(folder)


def require_samples() -> Path:
    """The sample data, or a skip that says how to get it; under CI=true its absence is a failure."""
    folder = sample_folder()
    if folder is None:
        _absent(f"needs the sample data: set {SAMPLES_FROM}")
    assert folder is not None
    return folder


@cache
def photo(name: str) -> Picture:
    """One of the sample photographs of faces."""
    picture = cv2.imread(str(require_samples() / "faces" / name))
    assert picture is not None, f"{name} is not among the samples"
    return np.asarray(picture, dtype=np.uint8)


def random_people(count: int, *, seed: int = 1, templates: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Made-up templates, `templates` of each person, and whose they are: for speed and storage, not for accuracy."""
    chance = np.random.default_rng(seed)
    vectors = chance.standard_normal((count * templates, 128)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors, np.repeat(np.arange(count, dtype=np.int64), templates)


def _absent(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)

"""A picture as one vector to compare by dot product: what a network sees of it joined with its colours."""

import hashlib
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from models.dish.colour import colours
from models.dish.picture import Picture, Vector, unit, usable, views
from models.errors import NetworkDamaged
from models.registry import Networks
from models.runtime import open_session

ROLE: Final = "picture-embedder"
FETCHED_PX: Final = 224
COLOUR_WEIGHT: Final = 0.7  # beside 1 for the network, chosen on all sample pictures; see docs/models/dish.md
OWN_FILE: Final = Path(__file__).with_name("small.onnx")
OWN_SHA256: Final = "caf3a1b7e0161efaa1b34a2b306b9a6bac98ff7224747a7afb7f9d6a556c24fb"
OWN_PX: Final = 96
OWN_COLOUR_WEIGHT: Final = 1.2


class Describer(Protocol):
    """Turns a picture into a vector of length 1. `name` and `known` say by what: vectors of two names never compare."""

    name: str

    def describe(self, picture: Picture) -> Vector:
        """The vector. Raises PictureUnusable."""


class NetworkDescriber:
    """A network over four views of the picture, joined with the colours. One for each thread."""

    def __init__(self, name: str, path: Path, *, size_px: int, colour_weight: float, threads: int = 1) -> None:
        self.name = f"{name}+colour-{colour_weight:g}"
        self.session = open_session(path, threads=threads)
        self._input = self.session.get_inputs()[0].name
        self._size_px, self._colour_weight = size_px, colour_weight

    def describe(self, picture: Picture) -> Vector:
        """The mean direction over the views and the colours. Raises PictureUnusable."""
        seen = self.see(views(usable(picture), self._size_px))
        return unit(np.concatenate([seen, self._colour_weight * colours(picture)]))

    def see(self, asked: NDArray[np.float32]) -> Vector:
        """What the network says of prepared views, at length 1."""
        said = self.session.run(["embedding"], {self._input: asked})[0]
        lengths = np.maximum(np.linalg.norm(said, axis=1, keepdims=True), 1e-9)
        return unit((said / lengths).sum(axis=0))


def fetched(networks: Networks, *, threads: int = 1) -> NetworkDescriber:
    """By the network in the role of picture embedder. Raises NetworkMissing or NetworkDamaged."""
    entry = networks.named(ROLE)
    size_px = int(entry.settings.get("size_px", FETCHED_PX))
    weight = float(entry.settings.get("colour_weight", COLOUR_WEIGHT))
    path = networks.path(entry.name)
    return NetworkDescriber(
        f"{entry.name}-{entry.sha256[:8]}", path, size_px=size_px, colour_weight=weight, threads=threads
    )


def own(*, threads: int = 1) -> NetworkDescriber:
    """By the small network of our own, which lies beside this file and needs no download. Raises NetworkDamaged."""
    found = hashlib.sha256(OWN_FILE.read_bytes()).hexdigest() if OWN_FILE.is_file() else "no file"
    if found != OWN_SHA256:
        raise NetworkDamaged(f"{OWN_FILE.name} has the SHA-256 {found}, not {OWN_SHA256}: it is not used")
    return NetworkDescriber(
        f"small-{OWN_SHA256[:8]}", OWN_FILE, size_px=OWN_PX, colour_weight=OWN_COLOUR_WEIGHT, threads=threads
    )


def best(networks: Networks, *, threads: int = 1) -> NetworkDescriber:
    """The fetched one where it is there and whole, else our own. Raises NetworkDamaged where neither can be used."""
    if networks.has(networks.named(ROLE).name):
        return fetched(networks, threads=threads)
    return own(threads=threads)

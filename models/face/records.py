"""The bytes inside one sealed frame of the gallery: templates, consents and tombstones as fixed-size records."""

import struct
from dataclasses import dataclass, field
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.face.errors import GalleryTorn
from models.face.picture import DIMENSIONS

EVERYWHERE: Final = -1
CONSENT: Final = np.dtype(
    [("person", "<i8"), ("place", "<i8"), ("given_ms", "<i8"), ("wording", "<u4"), ("spare", "<u4")]
)
TOMBSTONE: Final = np.dtype([("person", "<i8"), ("place", "<i8")])
_COUNTS: Final = struct.Struct("<III")
Records = NDArray[np.void]


@cache
def template_of(dimensions: int) -> np.dtype[np.void]:
    """The record of a template with so many numbers."""
    return np.dtype(
        [
            ("person", "<i8"),
            ("enrolled_ms", "<i8"),
            ("number", "<u4"),
            ("quality", "<f4"),
            ("vector", "<f4", (dimensions,)),
        ]
    )


TEMPLATE: Final = template_of(DIMENSIONS)


def none_of(kind: np.dtype[np.void]) -> Records:
    """No record of a kind."""
    return np.zeros(0, kind)


@dataclass(frozen=True, slots=True)
class Frame:
    """What one write of the gallery says. Its tombstones come first, then consents and templates."""

    templates: Records = field(default_factory=lambda: none_of(TEMPLATE))
    consents: Records = field(default_factory=lambda: none_of(CONSENT))
    tombstones: Records = field(default_factory=lambda: none_of(TOMBSTONE))

    def pack(self) -> bytes:
        """The frame as bytes."""
        counts = _COUNTS.pack(len(self.templates), len(self.consents), len(self.tombstones))
        return b"".join((counts, self.templates.tobytes(), self.consents.tobytes(), self.tombstones.tobytes()))


def unpack(payload: bytes, dimensions: int = DIMENSIONS) -> Frame:
    """Undo `pack`, without copying. Raises GalleryTorn where counts and length differ."""
    if len(payload) < _COUNTS.size:
        raise GalleryTorn("a frame is shorter than its counts")
    counts = _COUNTS.unpack_from(payload)
    kinds = (template_of(dimensions), CONSENT, TOMBSTONE)
    sizes = [count * kind.itemsize for count, kind in zip(counts, kinds, strict=True)]
    if _COUNTS.size + sum(sizes) != len(payload):
        raise GalleryTorn("the counts of a frame do not fit its length")
    parts, offset = [], _COUNTS.size
    for count, kind, size in zip(counts, kinds, sizes, strict=True):
        parts.append(np.frombuffer(payload, kind, count, offset))
        offset += size
    return Frame(*parts)


@dataclass(frozen=True, slots=True)
class People:
    """What all frames together say: the templates and consents that stand, and whether something waits for erasure."""

    templates: Records = field(default_factory=lambda: none_of(TEMPLATE))
    consents: Records = field(default_factory=lambda: none_of(CONSENT))
    erasing: frozenset[int] = frozenset()

    def after(self, frame: Frame) -> "People":
        """With one more frame."""
        return gathered([Frame(self.templates, self.consents), frame], erasing=self.erasing)

    def of(self, person: int) -> Records:
        """The templates of one person."""
        found: Records = self.templates[self.templates["person"] == person]
        return found

    def places_of(self, person: int) -> frozenset[int]:
        """Where a person consented."""
        return frozenset(self.consents["place"][self.consents["person"] == person].tolist())

    def at(self, places: frozenset[int]) -> Records:
        """The templates that may be compared at these places."""
        allowed = np.isin(self.consents["place"], np.asarray(sorted(places), np.int64))
        consenting = np.unique(self.consents["person"][allowed])
        persons = self.templates["person"]
        if len(consenting) == 0:
            return none_of(TEMPLATE)
        place = np.minimum(np.searchsorted(consenting, persons), len(consenting) - 1)
        kept = consenting[place] == persons
        return self.templates if kept.all() else self.templates[kept]


def gathered(frames: list[Frame], *, erasing: frozenset[int] = frozenset()) -> People:
    """The frames in order; a tombstone takes what came before it, at one place or everywhere."""
    templates: list[Records] = []
    consents: list[Records] = []
    for frame in frames:
        for person, place in frame.tombstones.tolist():
            consents = [each[(each["person"] != person) | _elsewhere(each, place)] for each in consents]
            if not any((each["person"] == person).any() for each in consents):
                templates = [each[each["person"] != person] for each in templates]
            erasing |= {person}
        templates.append(frame.templates)
        consents.append(frame.consents)
    return People(_joined(templates, TEMPLATE), _joined(consents, CONSENT), erasing)


def _elsewhere(consents: Records, place: int) -> NDArray[np.bool_]:
    return np.zeros(len(consents), np.bool_) if place == EVERYWHERE else consents["place"] != place


def _joined(parts: list[Records], kind: np.dtype[np.void]) -> Records:
    full = [part for part in parts if len(part)]
    if len(full) == 1:
        return full[0]
    return np.concatenate(full) if full else none_of(kind)

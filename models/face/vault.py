"""The people of a gateway: their templates and consents, sealed on disk, open in memory, erased when withdrawn."""

import fcntl
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from models.face.errors import EnrolmentRefused, GalleryBusy, GalleryTorn
from models.face.gallery import Gallery
from models.face.picture import DIMENSIONS
from models.face.records import (
    CONSENT,
    EVERYWHERE,
    TEMPLATE,
    TOMBSTONE,
    Frame,
    People,
    gathered,
    none_of,
    template_of,
    unpack,
)
from models.face.sealed import (
    FRAMES_AT,
    Commit,
    Disk,
    FileDisk,
    Header,
    Random,
    Sealer,
    new_head,
    read_frames,
    read_head,
)

MOST_TEMPLATES: Final = 10
MOST_PEOPLE: Final = 1_000_000
MOST_AT_ONCE: Final = 50_000
_A_FRAME: Final = 4096
_GALLERIES_KEPT: Final = 8
_ID_SIZE: Final = 16
_LENGTH_ERROR: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Consent:
    """A person agreed at a place, to a numbered wording, at a time (UTC, milliseconds)."""

    place: int
    wording: int
    given_ms: int


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One person's templates with the consents without which they are not stored."""

    person: int
    vectors: NDArray[np.float32]
    consents: tuple[Consent, ...]
    enrolled_ms: int
    quality: float = 1.0


@dataclass(frozen=True, slots=True)
class Erasure:
    """The proof of a withdrawal, for the cloud to confirm: the file before and after it, and what stands of the person.

    `templates_left` is 0 unless the person still consents at another place.
    """

    person: int
    place: int
    gallery: str
    generation: int
    templates_erased: int
    templates_left: int
    digest_before: str
    digest_after: str


class FaceVault:
    """One gallery file, owned by one process. Every change is on disk when its method returns."""

    def __init__(
        self, path: Path, file: BinaryIO, key: bytes, random: Random, disk_of: Callable[[BinaryIO], Disk]
    ) -> None:
        """Use `open`."""
        self._path = path
        self._file = file
        self._disk = disk_of(file)
        self._disk_of = disk_of
        self._key = key
        self._random = random
        self._people = People()
        self._commit = Commit()
        self._sealer: Sealer | None = None
        self._galleries: dict[frozenset[int], Gallery] = {}
        self.dropped_bytes = 0

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        key: bytes,
        network: bytes,
        random: Random,
        dimensions: int = DIMENSIONS,
        disk_of: Callable[[BinaryIO], Disk] = FileDisk,
    ) -> "FaceVault":
        """The gallery at a path, new and empty where there is none.

        What a power cut left of one enrolment is cut off (`dropped_bytes`); what a cut left of one withdrawal is
        finished. Raises GalleryTorn, GalleryOfAnotherNetwork, GalleryBusy.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        file = _locked(path)
        try:
            for left in path.parent.glob(f".{path.name}.*.part"):
                left.unlink()
            vault = cls(path, file, key, random, disk_of)
            data = file.read()
            if data:
                vault._load(data, network, dimensions)
            else:
                vault._replace_by(Header(random(_ID_SIZE), 1, network, dimensions))
            if vault._people.erasing:
                vault._rewrite()
            return vault
        except BaseException:
            file.close()
            raise

    def close(self) -> None:
        """Give the file back and forget the templates."""
        self._people = People()
        self._galleries.clear()
        self._file.close()

    @property
    def header(self) -> Header:
        """Which gallery this is, and how often it was rewritten."""
        return self._sealing.header

    @property
    def digest(self) -> str:
        """SM3 of what is committed, in hexadecimal: for the daily comparison with the cloud."""
        return self._commit.digest(self.header).hex()

    @property
    def templates(self) -> int:
        """How many templates."""
        return len(self._people.templates)

    @property
    def people(self) -> frozenset[int]:
        """Who is enrolled."""
        return frozenset(np.unique(self._people.templates["person"]).tolist())

    def places_of(self, person: int) -> frozenset[int]:
        """Where a person consented to be recognised."""
        return self._people.places_of(person)

    def at(self, *places: int) -> Gallery:
        """The gallery of those who consented at one of the places; the same object until somebody changes."""
        wanted = frozenset(places)
        found = self._galleries.get(wanted)
        if found is None:
            if len(self._galleries) >= _GALLERIES_KEPT:
                self._galleries.pop(next(iter(self._galleries)))
            records = self._people.at(wanted)
            found = Gallery(np.ascontiguousarray(records["vector"]), records["person"].astype(np.int64))
            self._galleries[wanted] = found
        return found

    def enrol(self, enrolments: Iterable[Enrolment]) -> None:
        """Store people, all of them or none. Who is there already is replaced. Raises EnrolmentRefused."""
        given = list(enrolments)
        for each in given:
            _check(each, self.header.dimensions)
        if len({each.person for each in given}) != len(given):
            raise EnrolmentRefused("a person stands twice in one enrolment")
        known = self.people
        if len(known) + len(given) > MOST_PEOPLE:
            raise EnrolmentRefused(f"a gallery holds {MOST_PEOPLE} people")
        replaced = [each.person for each in given if each.person in known]
        frame = Frame(
            np.concatenate([_templates(each) for each in given]) if given else none_of(TEMPLATE),
            np.concatenate([_consents(each) for each in given]) if given else none_of(CONSENT),
            np.array([(person, EVERYWHERE) for person in replaced], TOMBSTONE),
        )
        if len(frame.templates) > MOST_AT_ONCE:
            raise EnrolmentRefused(f"at most {MOST_AT_ONCE} templates at once")
        self._append(frame)
        if replaced:
            self._rewrite()

    def withdraw(self, person: int, *, place: int = EVERYWHERE) -> Erasure:
        """Take back a person's consent and erase them from the file, unless another place's consent stands.

        A tombstone is on disk at once; then the file is written anew under a fresh key and the old key is overwritten.
        A power cut in between is finished by the next `open`.
        """
        before, count = self.digest, len(self._people.of(person))
        self._append(Frame(tombstones=np.array([(person, place)], TOMBSTONE)))
        self._rewrite()
        left = len(self._people.of(person))
        return Erasure(
            person, place, self.header.gallery.hex(), self.header.generation, count - left, left, before, self.digest
        )

    @property
    def _sealing(self) -> Sealer:
        if self._sealer is None:
            raise RuntimeError("use FaceVault.open")
        return self._sealer

    def _load(self, data: bytes, network: bytes, dimensions: int) -> None:
        self._sealer = read_head(data, key=self._key, network=network, dimensions=dimensions, random=self._random)
        frames: list[Frame] = []
        try:
            for payload, commit in read_frames(self._sealer, data):
                frames.append(unpack(payload, dimensions))
                self._commit = commit
        except GalleryTorn as error:
            raise GalleryTorn(str(error), readable=sum(len(frame.templates) for frame in frames)) from error
        self._people = gathered(frames)
        self.dropped_bytes = len(data) - self._commit.length
        if self.dropped_bytes:
            self._disk.truncate(self._commit.length)
        self._write_slot()

    def _append(self, frame: Frame) -> None:
        data, commit = self._sealing.frame(self._commit, frame.pack())
        self._disk.write(self._commit.length, data)
        self._disk.sync()
        self._commit = commit
        self._write_slot()
        self._people = self._people.after(frame)
        self._galleries.clear()

    def _write_slot(self) -> None:
        self._disk.write(*self._sealing.slot(self._commit))
        self._disk.sync()

    def _rewrite(self) -> None:
        """Write what stands into a new file under a fresh key, and make the old one unreadable."""
        self._replace_by(replace(self.header, generation=self.header.generation + 1))

    def _replace_by(self, header: Header) -> None:
        part = self._path.with_name(f".{self._path.name}.{self._random(4).hex()}.part")
        file = _locked(part)
        disk = self._disk_of(file)
        head, sealer = new_head(header, key=self._key, random=self._random)
        disk.write(0, head)
        commit = Commit()
        for frame in _frames_of(self._people):
            data, after = sealer.frame(commit, frame.pack())
            disk.write(commit.length, data)
            commit = after
        disk.write(*sealer.slot(commit))
        disk.sync()
        part.replace(self._path)
        _sync_folder(self._path.parent)
        self._disk.write(0, bytes(FRAMES_AT))  # the key of what was erased
        self._disk.sync()
        self._file.close()
        self._file, self._disk, self._sealer, self._commit = file, disk, sealer, commit
        self._people = People(self._people.templates, self._people.consents)
        self._galleries.clear()


def _locked(path: Path) -> BinaryIO:
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    file = os.fdopen(handle, "r+b", buffering=0)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise GalleryBusy(f"{path} is open in another process") from error
    return file


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _check(enrolment: Enrolment, dimensions: int) -> None:
    vectors = enrolment.vectors
    if not enrolment.consents:
        raise EnrolmentRefused(f"person {enrolment.person} consented nowhere")
    if enrolment.person < 0 or any(consent.place < 0 for consent in enrolment.consents):
        raise EnrolmentRefused("ids of people and places are not negative")
    if vectors.ndim != 2 or vectors.shape[1] != dimensions:  # noqa: PLR2004  rows and numbers
        raise EnrolmentRefused(f"a template has {dimensions} numbers here")
    if not 1 <= len(vectors) <= MOST_TEMPLATES:
        raise EnrolmentRefused(f"a person has 1 to {MOST_TEMPLATES} templates")
    if not np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=_LENGTH_ERROR):
        raise EnrolmentRefused("a template has length 1")


def _templates(enrolment: Enrolment) -> NDArray[np.void]:
    records = np.zeros(len(enrolment.vectors), template_of(enrolment.vectors.shape[1]))
    records["person"] = enrolment.person
    records["enrolled_ms"] = enrolment.enrolled_ms
    records["number"] = np.arange(len(records))
    records["quality"] = enrolment.quality
    records["vector"] = enrolment.vectors
    return records


def _consents(enrolment: Enrolment) -> NDArray[np.void]:
    return np.array(
        [(enrolment.person, each.place, each.given_ms, each.wording, 0) for each in enrolment.consents], CONSENT
    )


def _frames_of(people: People) -> Iterable[Frame]:
    """What stands, in frames of a size that a small gateway seals in one piece."""
    if len(people.consents):
        yield Frame(consents=people.consents)
    for start in range(0, len(people.templates), _A_FRAME):
        yield Frame(templates=people.templates[start : start + _A_FRAME])

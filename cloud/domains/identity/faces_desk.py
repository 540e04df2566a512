"""Looks at pictures of faces in a thread of its own, one request at a time; holds no picture and no template."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from cloud.core.errors import Conflict, TooMany
from cloud.domains.identity.faces_pictures import read_picture
from models.errors import NetworkDamaged, NetworkUnavailable, NetworkUnknown, RegistryMalformed
from models.face.decision import Impostors, Policy, accept_for
from models.face.embedder import ROLE
from models.face.gallery import Gallery
from models.face.parts import DLIB, FaceParts, Likeness, open_parts
from models.face.picture import DIMENSIONS
from models.face.pipeline import FacePipeline, Sight
from models.registry import Networks

_WAITING_MOST: Final = 8
T = TypeVar("T")


class NetworksMissing(Conflict):
    """This core has no network to look at faces with, until somebody fetches one as the message says."""

    code = "face_networks_missing"
    title = "The recognition networks are not stored on this server"


class FaceDeskBusy(TooMany):
    """Too many pictures wait to be looked at."""

    code = "face_desk_busy"
    title = "Other pictures are being looked at just now"


@dataclass(frozen=True, slots=True)
class Seen:
    """What the pictures showed: a sight, or a word where one could not be read. `network` made the embeddings."""

    network: str
    sights: tuple[Sight | str, ...]
    sizes: tuple[tuple[int, int], ...]


class FaceDesk:
    """Networks are opened at first need and kept. `store` is the folder that `python -m models fetch` fills."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="faces")
        self._room = threading.BoundedSemaphore(_WAITING_MOST)
        self._parts: FaceParts | None = None
        self._pipeline: FacePipeline | None = None

    async def look(self, contents: Sequence[bytes]) -> Seen:
        """The nearest face of each picture. Raises NetworksMissing, FaceDeskBusy."""
        return await self.run(lambda: self._look(contents))

    async def run(self, job: Callable[[], T]) -> T:
        """Do `job` in the thread, after what waits there. Raises FaceDeskBusy."""
        if not self._room.acquire(blocking=False):
            raise FaceDeskBusy
        made: Future[T] = self._thread.submit(job)
        made.add_done_callback(lambda _: self._room.release())
        return await asyncio.wrap_future(made)

    async def dimensions(self, network: str) -> int:
        """How many numbers a template of a network has: as its file says, else as the usual ones have."""
        try:
            parts, _ = await self.run(self._opened)
        except NetworksMissing:
            return DIMENSIONS
        return parts.dimensions if parts.name == network else DIMENSIONS

    def policy(self, network: str, *, people: int) -> Policy | None:
        """The thresholds of a network among so many people; None where the registry does not know it."""
        likeness = self._likeness(network)
        if likeness is None:
            return None
        accept = accept_for(people, likeness.impostors, least=likeness.accept)
        return Policy(accept, likeness.doubt, likeness.margin, needs_liveness=False)

    def _likeness(self, network: str) -> Likeness | None:
        if network == "dlib":
            return DLIB
        try:
            entry = Networks(self._store).entry(network)
        except (NetworkUnknown, RegistryMalformed):
            return None
        needed = ("accept", "doubt", "margin", "impostor_mean", "impostor_deviation", "impostor_pairs")
        if entry.role != ROLE or any(name not in entry.settings for name in needed):
            return None
        accept, doubt, margin, mean, deviation, pairs = (float(entry.settings[name]) for name in needed)
        return Likeness(accept, doubt, margin, Impostors(mean, deviation, int(pairs)))

    def _look(self, contents: Sequence[bytes]) -> Seen:
        parts, pipeline = self._opened()
        nobody, policy = Gallery.empty(), parts.policy(people=1, cap_fen=0, needs_liveness=False)
        sights: list[Sight | str] = []
        sizes: list[tuple[int, int]] = []
        for content in contents:
            picture = read_picture(content)
            if isinstance(picture, str):
                sights.append(picture)
                sizes.append((1, 1))
            else:
                sights.append(pipeline.look(picture, nobody, policy))
                sizes.append((picture.shape[1], picture.shape[0]))
        return Seen(parts.name, tuple(sights), tuple(sizes))

    def _opened(self) -> tuple[FaceParts, FacePipeline]:
        if self._parts is None or self._pipeline is None:
            try:
                self._parts = open_parts(Networks(self._store))
            except (NetworkUnavailable, NetworkDamaged, NetworkUnknown, RegistryMalformed) as error:
                raise NetworksMissing(str(error)) from error
            # An operator sees the person: whether the face is alive is asked where it pays, at the lane.
            self._pipeline = FacePipeline(
                detector=self._parts.detector, embedder=self._parts.embedder, limits=self._parts.limits
            )
        return self._parts, self._pipeline

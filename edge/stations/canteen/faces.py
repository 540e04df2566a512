"""Faces that may pay here: the networks, the gallery out of the replica, and what a frame says (SET-07).

The gallery follows the replica: who withdrew is out of it at once, before the change is acknowledged. Networks are
opened in the looking thread at the first camera that looks at faces; without them face payment is not available, every
other way is.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge.core.log import logger
from edge.stations.canteen.seeing import Looking
from models.errors import NetworkDamaged, RecognitionError
from protocols.payments.reference import FaceRecord

if TYPE_CHECKING:
    from models.face.decision import Policy
    from models.face.enrolment import EnrolmentSession
    from models.face.gallery import Gallery
    from models.face.parts import FaceParts
    from models.face.pipeline import Encounter, FacePipeline, Sight

LOADING: Final = "loading"
READY: Final = "ready"
ABSENT: Final = "absent"
DAMAGED: Final = "damaged"

_log = logger("canteen.faces")


@dataclass(frozen=True, slots=True)
class _Opened:
    parts: "FaceParts"
    pipeline: "FacePipeline"


@dataclass(frozen=True, slots=True)
class _Held:
    """The gallery in use and the policy for its size; replaced as a whole."""

    gallery: "Gallery"
    policy: "Policy"
    records: dict[int, FaceRecord]


class Faces:
    """One of each gateway. `state` says whether faces can pay: loading, ready, absent (no network) or damaged."""

    def __init__(
        self,
        looking: Looking,
        networks: Path,
        records: Callable[[], list[Any]],
        *,
        cap_fen: int,
        needs_motion: bool = False,
    ) -> None:
        self.state = LOADING
        self.cap_fen = cap_fen
        self.of_another_network = 0
        self._looking, self._networks, self._records = looking, networks, records
        self._needs_motion = needs_motion
        self._opened: _Opened | None = None
        self._held: _Held | None = None
        self._opening = asyncio.Lock()
        self._stale = asyncio.Event()

    @property
    def people(self) -> int:
        """How many people the gallery holds."""
        return len(self._held.records) if self._held else 0

    async def open(self) -> None:
        """Open the networks and the gallery, once; `state` says how it went."""
        async with self._opening:
            if self._opened is not None or self.state in (ABSENT, DAMAGED):
                return
            try:
                self._opened = await self._looking.run(self._open)
            except RecognitionError as error:
                self.state = DAMAGED if isinstance(error, NetworkDamaged) else ABSENT
                _log.warning("nobody can pay by face here: %s", error)
                return
            await self._rebuild()
            self.state = READY
            _log.info("%d people can pay by face, by %s", self.people, self._opened.parts.name)

    def changed(self) -> None:
        """The collection changed: whoever withdrew is forgotten before this returns; `run` takes in the rest."""
        held = self._held
        if held is None:
            return
        for person in held.records.keys() - {record.person for record in self._records()}:
            held.gallery.remove(person)
            del held.records[person]
        self._stale.set()

    async def run(self) -> None:
        """Keep the gallery as the replica has it, until cancelled."""
        while True:
            await self._stale.wait()
            self._stale.clear()
            await self._rebuild()

    def holds(self, person: int) -> bool:
        """Whether the gallery has this person now."""
        return self._held is not None and person in self._held.records

    @property
    def network(self) -> str:
        """The embedding network's name in the registry; empty while none is open."""
        return self._opened.parts.name if self._opened else ""

    def enrolment(self, person: int) -> "EnrolmentSession | None":
        """To gather pictures of a person; None while there are no networks."""
        from models.face.enrolment import EnrolmentSession  # noqa: PLC0415

        opened, held = self._opened, self._held
        if opened is None or held is None:
            return None
        return EnrolmentSession(person, held.gallery, held.policy, limits=opened.parts.limits)

    @staticmethod
    def templates(session: "EnrolmentSession") -> tuple[bytes, ...] | None:
        """What was gathered, as a FaceRecord holds it; None where it makes no enrolment."""
        from models.face.errors import EnrolmentRefused  # noqa: PLC0415
        from models.face.vault import Consent  # noqa: PLC0415

        try:
            made = session.enrolment(
                (Consent(0, 0, 0),), 0
            )  # the consent goes with the templates, which the cloud checks
        except EnrolmentRefused:
            return None
        return tuple(row.astype("<f4").tobytes() for row in made.vectors)

    def encounter(self) -> "Encounter":
        """For whoever steps before a camera."""
        from models.face.pipeline import Encounter  # noqa: PLC0415

        return Encounter(needs_motion=self._needs_motion)

    async def look(self, picture: Any, *, amount_fen: int) -> "Sight | None":
        """One frame; None while faces cannot pay. The gallery holds this site's people alone."""
        opened, held = self._opened, self._held
        if opened is None or held is None or self.state != READY:
            return None
        return await self._looking.run(
            lambda: opened.pipeline.look(picture, held.gallery, held.policy, amount_fen=amount_fen)
        )

    def _open(self) -> _Opened:
        # Imported only now: a gateway without a camera for faces needs none of it.
        import cv2  # noqa: PLC0415

        from models.face.parts import open_parts  # noqa: PLC0415
        from models.registry import Networks  # noqa: PLC0415

        cv2.setNumThreads(1)
        parts = open_parts(Networks(self._networks))
        return _Opened(parts, parts.pipeline())

    async def _rebuild(self) -> None:
        """A gallery of what the replica holds now; who withdraws while it is made never comes into use."""
        opened = self._opened
        if opened is None:
            return
        while True:
            rows = self._records()
            records = {record.person: record for record in rows if record.network == opened.parts.name}
            self.of_another_network = len(rows) - len(records)
            if self._held is not None and self._held.records == records:
                return
            made = await self._looking.run(partial(_gallery, records, opened.parts.dimensions))
            policy = opened.parts.policy(people=len(records), cap_fen=self.cap_fen)
            if {record.person for record in self._records()} >= records.keys():
                self._held = _Held(made, policy, dict(records))


def _gallery(records: dict[int, FaceRecord], dimensions: int) -> "Gallery":
    """Templates of the right size alone; one that is not is left out, as if it had not been given."""
    import numpy as np  # noqa: PLC0415

    from models.face.gallery import Gallery  # noqa: PLC0415

    size = dimensions * 4
    rows = [(one.person, bytes(each)) for one in records.values() for each in one.templates if len(each) == size]
    vectors = np.frombuffer(b"".join(each for _, each in rows), dtype="<f4").reshape(len(rows), dimensions)
    return Gallery(vectors.astype(np.float32), np.array([person for person, _ in rows], np.int64))

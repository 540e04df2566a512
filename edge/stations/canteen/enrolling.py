"""Enrolling a face at a lane: an operator starts it, the person taps their card and looks at the camera.

The person reads the consent text on the diner's screen and agrees, or nothing is taken. Pictures live in memory alone,
for the seconds this takes: a power cut leaves nothing behind, here or in the cloud, and the person enrols anew.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from edge.core.errors import EdgeError, Rejected
from edge.core.log import logger
from edge.drivers.base import Frame
from edge.kiosk.server import Act
from edge.stations.canteen.desk import Desk
from edge.stations.canteen.faces import READY, Faces
from edge.stations.canteen.identify import Payer, Presented
from edge.stations.canteen.texts import denial
from protocols.canteen.reference import Lane, Operator
from protocols.sync.messages import FaceEnrolment

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from models.face.enrolment import EnrolmentSession

WANTED: Final = 5
_TAKING_MS: Final = 25_000
_SHOWN_MS: Final = 10_000
_READING_MS: Final = 120_000
_TRIES: Final = 3
_BETWEEN_TRIES_S: Final = 1.0

Answer = dict[str, Any]
Tap = Callable[[], Awaitable[Presented | None]]

_log = logger("canteen.enrolling")


class EnrollingLane(Protocol):
    """What of a lane enrolling needs (LaneShell has it)."""

    desk: Desk
    lane: Lane

    def show(self) -> None:
        """Publish what changed."""

    def spawn(self, work: "Coroutine[Any, Any, None]") -> None:
        """Run work beside the lane."""


@dataclass(frozen=True, slots=True)
class EnrolState:
    """`state`: "" none, "consent" (the text is on the diner's screen), "taking", "sending", "stored" or "failed".

    `word` is why it failed, or what to do better; `taken` good pictures so far; `wording` the text agreed to.
    """

    state: str = ""
    person: int = 0
    taken: int = 0
    word: str = ""
    until_ms: int = 0
    wording: int = 0


_NONE: Final = EnrolState()


class Enrolling:
    """One enrolment at a time at one lane's camera."""

    def __init__(self, lane: EnrollingLane, faces: Faces) -> None:
        self.state = _NONE
        self._lane, self._faces = lane, faces
        self._session: EnrolmentSession | None = None
        self._operator = 0

    @property
    def busy(self) -> bool:
        """Whether the camera is for the enrolment now, and pays for nobody."""
        return self.state.state in ("consent", "taking", "sending")

    def answered(self, wording: int) -> None:
        """The person's answer to the consent text; 0 no."""
        if self.state.state != "consent":
            return
        if not wording:
            self._end("failed", "declined")
            return
        self._session = self._faces.enrolment(self.state.person)
        until_ms = self._lane.desk.monotonic_ms() + _TAKING_MS
        self._tell(replace(self.state, state="taking", wording=wording, until_ms=until_ms))

    def acts(self, tap: Tap) -> Mapping[str, Callable[[Act, Operator], Awaitable[Answer]]]:
        """For operators."""

        async def enrol(_act: Act, operator: Operator) -> Answer:
            return await self._begin(tap, operator)

        async def stop(_act: Act, _operator: Operator) -> Answer:
            self._tell(_NONE)
            return {}

        return {"enrol": enrol, "enrol_stop": stop}

    def told(self) -> dict[str, Any] | None:
        """For the screens; None where nobody is being enrolled."""
        state = self.state
        if state.until_ms and self._lane.desk.monotonic_ms() >= state.until_ms:
            return None
        if not state.state:
            return None
        desk, lane = self._lane.desk, self._lane.lane
        canteen = desk.catalogue.canteen(lane.canteen, desk.now_ms()) or lane
        return {
            "state": state.state,
            "person": desk.shown_name(state.person),
            "place": {"zh": canteen.name_zh, "en": canteen.name_en},
            "taken": state.taken,
            "wanted": WANTED,
            "word": state.word,
        }

    async def frame(self, frame: Frame) -> None:
        """One more frame of whoever enrols."""
        session, desk = self._session, self._lane.desk
        if self.state.state == "consent" and desk.monotonic_ms() >= self.state.until_ms:
            self._end("failed", "declined")
        if session is None:
            return
        sight = await self._faces.look(frame.picture, amount_fen=0)
        if sight is None or session is not self._session:
            return
        progress = session.add(sight)
        taken = self.state.taken + progress.taken
        late = desk.monotonic_ms() >= self.state.until_ms
        if taken >= WANTED or (late and not progress.problems):
            self._lane.spawn(self._send(session))
        elif late:
            self._end("failed", str(progress.problems[0]))
        else:
            word = str(progress.hints[0]) if progress.hints else ""
            self._tell(replace(self.state, taken=taken, word=word))

    async def _begin(self, tap: Tap, operator: Operator) -> Answer:
        desk = self._lane.desk
        if self._faces.state != READY:
            return denial("no_face_networks")
        if desk.site.enrol is None or not desk.site.link.state.online:
            return denial("enrol_offline")
        tapped = await tap()
        payer = desk.identifier.at_once(tapped) if tapped is not None else None
        if payer is None:
            return denial("no_tap")
        if not isinstance(payer, Payer):
            return denial(str(payer.reason))
        self._session, self._operator = None, operator.id
        self._tell(EnrolState("consent", payer.person, until_ms=desk.monotonic_ms() + _READING_MS))
        return {"person": desk.shown_name(payer.person)}

    async def _send(self, session: "EnrolmentSession") -> None:
        """Hand the templates to the cloud; a try again after silence is the same enrolment."""
        self._tell(replace(self.state, state="sending", taken=WANTED, word="", until_ms=0))
        self._session = None
        desk = self._lane.desk
        templates = self._faces.templates(session)
        if templates is None or desk.site.enrol is None:
            self._end("failed", "unfit")
            return
        person = self.state.person
        network, now_ms = self._faces.network, desk.now_ms()
        sent = FaceEnrolment(
            secrets.token_hex(16), person, self._operator, network, templates, self.state.wording, now_ms
        )
        word = "enrol_offline"
        for attempt in range(_TRIES):
            try:
                word = (await desk.site.enrol(sent)).word
                break
            except Rejected as error:
                _log.error("the cloud refuses an enrolment: %s", error)
                word = "refused"
                break
            except EdgeError as error:
                _log.warning("an enrolment was not taken yet (%d): %s", attempt + 1, error)
                await asyncio.sleep(_BETWEEN_TRIES_S)
        self._end("stored" if word == "stored" else "failed", word)

    def _end(self, state: str, word: str) -> None:
        self._session = None
        until_ms = self._lane.desk.monotonic_ms() + _SHOWN_MS
        self._tell(replace(self.state, state=state, word=word, until_ms=until_ms))

    def _tell(self, state: EnrolState) -> None:
        if not state.state:
            self._session = None
        changed = state != self.state
        self.state = state
        if changed:
            self._lane.show()

"""A camera that looks at whoever stands before a lane while something is to be paid (刷脸支付).

A face alone pays only as a person of this site, under the cap, with liveness passed over several frames; anything less
asks for a PIN or a card, and every other way to pay stays open all the time. The same face pays a lane twice within a
while only with a PIN, for nobody is charged for standing there.
"""

from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from edge.drivers.base import Camera, Frame, Link
from edge.kiosk.server import Act
from edge.stations.canteen.desk import Desk
from edge.stations.canteen.enrolling import Enrolling
from edge.stations.canteen.faces import LOADING, READY, Faces
from edge.stations.canteen.identify import Presented
from protocols.canteen.reference import Lane

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from models.face.pipeline import Encounter

AGAIN_MS: Final = 5 * 60_000
_GAP_MS: Final = 150
_MOST_REMEMBERED: Final = 200
_CONFIRM_MS: Final = 15_000
_NO_PIN: Final = frozenset({"liveness_failed", "several_faces"})
_NOT_BY_FACE: Final = _NO_PIN | {"nobody_like_this", "close_candidates"}
_STILL_COUNTING: Final = {"liveness_absent"}  # too few frames yet, or no liveness at all: that shows after a while
_MOST_COUNTED: Final = 8
_ASKED_MS: Final = 15_000


class Watched(Protocol):
    """What of a lane the watch needs (LaneShell has it)."""

    desk: Desk
    lane: Lane

    @property
    def face_wanted(self) -> bool:
        """Whether a face may pay or enter now."""

    def total_fen(self) -> int:
        """Of what is to be paid."""

    def face_shown(self, presented: Presented) -> None:
        """Somebody is to pay by face."""

    def link(self, driver: Any, item: Link, *, needed: bool = True) -> None:
        """A device went away or came back."""

    def show(self) -> None:
        """Publish what changed."""

    def spawn(self, work: "Coroutine[Any, Any, None]") -> None:
        """Run work beside the lane."""


@dataclass(frozen=True, slots=True)
class FaceState:
    """What the screen says: "looking", "confirm" (the PIN of `person` is asked), "other" (another way), and why."""

    state: str = ""
    person: int = 0
    word: str = ""
    until_ms: int = 0


_QUIET: Final = FaceState()


class FaceWatch:
    """One camera of one lane."""

    def __init__(self, lane: Watched, faces: Faces, camera: Camera) -> None:
        self.state = _QUIET
        self._lane, self._faces, self._camera = lane, faces, camera
        self.enrolling = Enrolling(lane, faces)
        self._encounter: Encounter | None = None
        self._last_ms = 0
        self._asked_until_ms = 0
        self._counted = 0
        self._tried: set[int] = set()
        self._paid: dict[int, int] = {}

    async def run(self) -> None:
        """Watch until cancelled."""
        await self._faces.open()
        self._lane.show()
        async with aclosing(self._camera.frames()) as frames:
            async for item in frames:
                if isinstance(item, Link):
                    self._lane.link(self._camera, item, needed=False)
                else:
                    await self._frame(item)

    @property
    def asked(self) -> bool:
        """Whether somebody asked on the screen to be looked at."""
        return self._asked_until_ms > self._lane.desk.monotonic_ms()

    def act(self, act: Act) -> None:
        """An act of the diner's side: look at me, my PIN, or my answer to the consent text."""
        match act.name:
            case "face":
                self._asked_until_ms = self._lane.desk.monotonic_ms() + _ASKED_MS
                self._lane.show()
            case "face_pin" if self.state.state == "confirm" and self._faces.holds(self.state.person):
                digits = str(act.fields.get("digits", ""))[:12]
                self._lane.face_shown(Presented("face", str(self.state.person), digits))
            case "enrol_agree" | "enrol_decline":
                wording = act.fields.get("wording")
                self.enrolling.answered(wording if isinstance(wording, int) and act.name == "enrol_agree" else 0)

    def paid(self, person: int) -> None:
        """A payment by whomever stands: the same face does not pay again unasked."""
        self._asked_until_ms = 0
        now_ms = self._lane.desk.monotonic_ms()
        self._tried.discard(person)
        self._paid = {who: ms for who, ms in self._paid.items() if now_ms - ms < AGAIN_MS}
        if len(self._paid) < _MOST_REMEMBERED:
            self._paid[person] = now_ms

    def told(self) -> dict[str, Any] | None:
        """For the screen; None where nothing is to be paid, or nobody looks."""
        enrol = self.enrolling.told()
        if enrol is not None:
            return {**enrol, "state": f"enrol_{enrol['state']}"}
        if not self._lane.face_wanted:
            return None
        if self._faces.state not in (LOADING, READY):
            return {"state": "unavailable", "person": "", "word": self._faces.state}
        name = self._lane.desk.shown_name(self.state.person) if self.state.person else ""
        return {"state": self.state.state or "looking", "person": name, "word": self.state.word}

    async def _frame(self, frame: Frame) -> None:
        desk = self._lane.desk
        if self.enrolling.busy:
            await self.enrolling.frame(frame)
            return
        if not self._lane.face_wanted:
            self._encounter, self._tried = None, set()
            self._tell(_QUIET)
            return
        now_ms = desk.monotonic_ms()
        if now_ms - self._last_ms < _GAP_MS:
            return
        self._last_ms = now_ms
        sight = await self._faces.look(frame.picture, amount_fen=self._lane.total_fen())
        if sight is None or not self._lane.face_wanted:
            return
        if self._encounter is None:
            self._encounter = self._faces.encounter()
        decision = self._encounter.add(sight, desk.monotonic_ms())
        hint = str(sight.hints[0]) if sight.hints else ""
        self._decided(decision, hint, desk.monotonic_ms())

    def _decided(self, decision: Any, hint: str, now_ms: int) -> None:
        """Pay, ask for the PIN, or say why not; a frame alone never pays (`models.face` decides who does)."""
        reasons = {str(reason) for reason in decision.reasons}
        person, suggested = decision.person, decision.suggested
        if person is not None and self._faces.holds(person):
            if person in self._tried:
                self._tell(FaceState("other", word="tried"))
                return
            if now_ms - self._paid.get(person, -AGAIN_MS) >= AGAIN_MS:
                self._tried.add(person)
                self._asked_until_ms = 0
                self._tell(_QUIET)
                self._lane.face_shown(Presented("face", str(person)))
                return
            reasons, suggested = {"paid_before"}, (person,)
        self._counted = self._counted + 1 if reasons == _STILL_COUNTING else 0
        counting = reasons == _STILL_COUNTING and self._counted < _MOST_COUNTED
        if len(suggested) == 1 and not reasons & _NO_PIN and not counting:
            self._tell(FaceState("confirm", suggested[0], min(reasons, default=""), now_ms + _CONFIRM_MS))
        elif self.state.state == "confirm" and now_ms < self.state.until_ms:
            return  # whoever types a PIN looks down: what was asked stays for a while
        elif reasons & _NOT_BY_FACE:
            self._tell(FaceState("other", word=min(reasons & _NOT_BY_FACE)))
        else:
            self._tell(FaceState("looking", word=hint))

    def _tell(self, state: FaceState) -> None:
        before = self.state
        self.state = state
        if replace(before, until_ms=0) != replace(state, until_ms=0):
            self._lane.show()

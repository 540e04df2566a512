"""A lane's live state for its screens, as `edge/kiosk/__init__.py` documents it."""

from typing import Any, Protocol

from edge.stations.canteen.desk import Desk
from edge.stations.canteen.face_watch import FaceWatch
from edge.stations.canteen.history import Sale
from edge.stations.canteen.lanes.till import Till
from edge.stations.canteen.printing import PrintQueue
from edge.stations.canteen.receipts import Receipt
from edge.stations.canteen.texts import message
from protocols.canteen.reference import Lane


class Shown(Protocol):
    """What of a lane is shown (LaneShell has it)."""

    desk: Desk
    lane: Lane
    kind: str
    state: Any
    last_charge: Sale | None
    printing: PrintQueue | None
    changes: int
    operator_name: str
    sound: dict[str, Any] | None
    balances_of: tuple[int, int] | None
    faces: FaceWatch | None

    @property
    def taps_wanted(self) -> bool:
        """Whether the next card is for an operator's act."""

    def lines(self) -> list[dict[str, Any]]:
        """What is on the bill."""

    def total_fen(self) -> int:
        """What is to be paid."""

    def message_key(self) -> str:
        """What to do next."""

    def picture(self) -> dict[str, Any] | None:
        """What the camera sees."""

    def hints(self) -> list[dict[str, str]]:
        """What the operator should look at."""


def diner_state(shown: Shown) -> dict[str, Any]:
    """The diner's side, less its clock."""
    till: Till = shown.state.till
    phase = shown.state.phase
    receipt = till.receipt if phase == "paid" else None
    return {
        "lane": shown.lane.code,
        "kind": shown.kind,
        "name": {"zh": shown.lane.name_zh, "en": shown.lane.name_en},
        "phase": phase,
        "lines": shown.lines(),
        "total_fen": receipt.amount_fen if receipt else shown.total_fen(),
        "message": _message(shown, phase, till),
        "receipt": shown.desk.receipt(receipt) if receipt else None,
        "balances": _balances(shown, receipt, phase),
        "pin": {"amount_fen": till.pin_fen} if till.stage == "pin" else None,
        "face": shown.faces.told() if shown.faces is not None else None,
        "by_face": shown.faces is not None,
        "picture": shown.picture(),
        "last_charge": _last_charge(shown),
        "link": shown.desk.link(),
        "sound": shown.sound,
    }


def operator_state(shown: Shown, diner: dict[str, Any]) -> dict[str, Any]:
    """What the operator's page is told unasked; the rest is asked for by acts, signed in."""
    printing = shown.printing
    return {
        **diner,
        "changes": shown.changes,
        "operator": shown.operator_name,
        "waiting_for_tap": shown.taps_wanted,
        "printer": {"waiting": printing.waiting, "trouble": printing.trouble} if printing else None,
        "alerts": dict(shown.desk.alerts),
        "hints": shown.hints(),
    }


def waiting_state(code: str, kind: str, link: dict[str, Any]) -> dict[str, Any]:
    """A lane whose record has not come down yet."""
    return {
        "lane": code,
        "kind": kind,
        "name": {"zh": code, "en": code},
        "phase": "down",
        "lines": [],
        "total_fen": 0,
        "message": message("waiting"),
        "receipt": None,
        "balances": None,
        "pin": None,
        "face": None,
        "by_face": False,
        "picture": None,
        "last_charge": None,
        "link": link,
        "sound": None,
    }


def _message(shown: Shown, phase: str, till: Till) -> dict[str, str]:
    if till.stage == "pin":
        return message("pin_wrong" if till.refusal else "pin", amount_fen=till.pin_fen)
    if phase == "refused" and till.refusal is not None:
        return message(str(till.refusal.reason), amount_fen=till.refusal.amount_fen)
    if phase in ("paying", "paid"):
        return message(phase, kind=shown.kind)
    if shown.balances_of is not None and phase == "idle":
        return message("balances")
    return message(shown.message_key(), kind=shown.kind)


def _balances(shown: Shown, receipt: Receipt | None, phase: str) -> list[dict[str, Any]] | None:
    if receipt is not None:
        return shown.desk.balances(receipt.person)
    if shown.balances_of is not None and phase == "idle":
        return shown.desk.balances(shown.balances_of[0])
    return None


def _last_charge(shown: Shown) -> dict[str, Any] | None:
    if shown.last_charge is None:
        return None
    told = shown.desk.receipt(shown.last_charge.receipt)
    return {key: told[key] for key in ("entry", "receipt_no", "number", "amount_fen", "mark", "person", "clock_ms")}

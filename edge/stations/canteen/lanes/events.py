"""What happens to a lane, and what a lane wants done. Every event carries the steady clock's milliseconds."""

from dataclasses import dataclass, field
from typing import Any

from edge.stations.canteen.identify import Payer, Presented
from edge.stations.canteen.receipts import Receipt
from protocols.payments.facts import Line
from protocols.payments.refusals import Refusal

# Events


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed; sent when the lane's `wake_ms` has come."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class DeviceLink:
    """A device of the lane went away or came back; `needed` when the lane cannot work without it."""

    at_ms: int
    device: str
    up: bool
    needed: bool = True


@dataclass(frozen=True, slots=True)
class Shown:
    """A card, code or phone number was presented."""

    at_ms: int
    presented: Presented


@dataclass(frozen=True, slots=True)
class Known:
    """The answer to Identify."""

    at_ms: int
    attempt: str
    outcome: Payer | Refusal


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to Pay: durable when it is a Receipt. `pin_fen` > 0 asks for a PIN."""

    at_ms: int
    attempt: str
    outcome: Receipt | Refusal | None
    pin_fen: int = 0


@dataclass(frozen=True, slots=True)
class Acted:
    """Somebody did something on a screen of the lane; an operator's acts carry who."""

    at_ms: int
    name: str
    fields: dict[str, Any] = field(default_factory=dict)
    operator: int = 0


# Effects


@dataclass(frozen=True, slots=True)
class Identify:
    """Find out who this is; answered by Known."""

    attempt: str
    presented: Presented


@dataclass(frozen=True, slots=True)
class GivePin:
    """Check the PIN of a payer; answered by Known."""

    attempt: str
    payer: Payer
    pin: str


@dataclass(frozen=True, slots=True)
class Pay:
    """Take the payment; answered by Answered."""

    attempt: str
    payer: Payer
    lines: tuple[Line, ...]
    priced_fen: int
    operator: int = 0
    session: str = ""


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound for the diner: "ready", "paid", "refused" or "ask"."""

    name: str


@dataclass(frozen=True, slots=True)
class LookUp:
    """A card and nothing to pay: show what is left for its owner."""

    presented: Presented


Effect = Any

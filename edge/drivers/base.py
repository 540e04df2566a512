"""What stations hold in their hands: capabilities of devices, and the three errors that leave a driver.

How a station uses a device that speaks by itself (tray reader, scale, card reader, scanner, turnstile):

    async with aclosing(reader.rounds()) as rounds:
        async for item in rounds:
            match item:
                case Link(up=False, reason=reason): ...     # show "device gone"; the driver is reconnecting
                case Link(up=True): ...                     # it is back
                case InventoryRound(tags=tags): ...

- Such an iterator never ends by itself and never raises for a device that is away: the driver reconnects
  underneath with jittered back-off and tells it as `Link` items, in order with the readings. The first
  item is always a `Link`. Repeated failures while down are not repeated as items.
- One consumer per device. Nothing is queued in between: the consumer's pace is the pace of reading, and
  bytes wait in the operating system's buffer, so hand slow work to a task of your own. A camera keeps its
  newest picture alone and drops the others.
- Commands (`open`, `print_receipt`, `status`) are awaited calls with their own time-out and raise
  Unavailable (try again later), Refused (tell a person why) or ProtocolError (the device spoke nonsense).
- `at_monotonic_s` is the injected monotonic clock at the moment the reading was complete.
- `await driver.close()` releases the link; safe at any time and repeatedly.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import msgspec

from edge.transports.base import Transport

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MOST_LOGGED_BYTES = 64


class DriverError(Exception):
    """Parent of the three errors that leave a driver."""


class Unavailable(DriverError):
    """The device cannot be reached or does not answer: try again later."""


class Refused(DriverError):
    """The device is well but will not do it; `reason` is a stable code a screen can translate."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class ProtocolError(DriverError):
    """The device answered something its protocol does not allow; `raw` holds at most 64 of its bytes."""

    def __init__(self, message: str, raw: bytes = b"") -> None:
        self.raw = bytes(raw[:_MOST_LOGGED_BYTES])
        super().__init__(f"{message} [{self.raw.hex(' ')}]" if self.raw else message)


@dataclass(frozen=True, slots=True)
class Link:
    """The link to the device went up or down; `reason` is empty when up, a short English text when down."""

    up: bool
    reason: str
    at_monotonic_s: float


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag in the field: `uid` as upper-case hex (EPC or chip number); signal and antenna where told."""

    uid: str
    rssi: int | None = None
    antenna: int = 0


@dataclass(frozen=True, slots=True)
class InventoryRound:
    """All tags answered in one full round of the reader; no tags is an empty set, still a round.

    `complete` is false when the reader ran out of time or memory: the set may lack tags, never has wrong ones.
    """

    tags: frozenset[Tag]
    at_monotonic_s: float
    complete: bool = True

    @property
    def uids(self) -> frozenset[str]:
        """The distinct tag ids of the round."""
        return frozenset(tag.uid for tag in self.tags)


@dataclass(frozen=True, slots=True)
class WeightReading:
    """One reading in integer milligrams. `weight_mg` is net of `tare_mg` when `net`, gross otherwise.

    `weight_mg` has no meaning when `overload` or `underload`; `division_mg` is the step of the scale (d) as far as
    it is known. `sequence` rises by one a reading and starts at 1 again after each `Link(up=True)`.
    """

    weight_mg: int
    stable: bool
    overload: bool
    zero: bool
    net: bool
    tare_mg: int
    sequence: int
    at_monotonic_s: float
    division_mg: int | None = None
    underload: bool = False


@dataclass(frozen=True, slots=True)
class CardTap:
    """A card was presented: `uid` as upper-case hex, 4, 7 or 10 bytes (5 for low-frequency cards)."""

    uid: str
    at_monotonic_s: float


@dataclass(frozen=True, slots=True)
class Scan:
    """A code was read: its text without line end, never empty."""

    text: str
    at_monotonic_s: float


@dataclass(frozen=True, slots=True)
class Passage:
    """A person went through the gate; `count` is how many in all since the link came up."""

    count: int
    at_monotonic_s: float


@dataclass(frozen=True, slots=True)
class Frame:
    """A camera's picture, rows x columns x BGR bytes, the newest there was; `sequence` tells how many were dropped.

    `sequence` rises with every picture taken and starts at 1 again after each `Link(up=True)`.
    """

    picture: "NDArray[np.uint8]"
    sequence: int
    at_monotonic_s: float


LooksAt = Literal["tray", "face"]
Align = Literal["left", "center", "right"]


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """A line of print; `right` is set flush right on the same line (an amount). `scale` 2 is double size."""

    text: str
    right: str = ""
    align: Align = "left"
    bold: bool = False
    scale: Literal[1, 2] = 1


@dataclass(frozen=True, slots=True)
class ReceiptDocument:
    """What to print: lines, then an optional QR code text, then a cut."""

    lines: tuple[ReceiptLine, ...]
    qr: str = ""
    cut: bool = True


@dataclass(frozen=True, slots=True)
class PrinterStatus:
    """What the printer says of itself; `ready` when it can print now."""

    online: bool
    paper: bool
    paper_low: bool
    cover_closed: bool
    error: bool

    @property
    def ready(self) -> bool:
        """True when a receipt can be printed now."""
        return self.online and self.paper and self.cover_closed and not self.error


class Driver(Protocol):
    """What every driver has."""

    @property
    def name(self) -> str:
        """The name given in the settings, for logs and screens."""

    async def close(self) -> None:
        """Release the link; harmless when closed."""


@runtime_checkable
class TagReader(Driver, Protocol):
    """Reads all tags in its field, round after round."""

    def rounds(self) -> AsyncGenerator[InventoryRound | Link, None]:
        """Yield a round about every scan time (settings), for ever."""


@runtime_checkable
class WeightSensor(Driver, Protocol):
    """A scale that reports continuously."""

    def readings(self) -> AsyncGenerator[WeightReading | Link, None]:
        """Yield readings as the scale sends them (about 10 a second), for ever."""


@runtime_checkable
class CardReader(Driver, Protocol):
    """Reads cards held to it."""

    def taps(self) -> AsyncGenerator[CardTap | Link, None]:
        """Yield a tap per card presented; a card left lying is one tap (hold-off in the settings)."""


@runtime_checkable
class CodeScanner(Driver, Protocol):
    """Reads bar codes and QR codes."""

    def scans(self) -> AsyncGenerator[Scan | Link, None]:
        """Yield each code read; the same text within the hold-off of the settings is one scan."""


@runtime_checkable
class Printer(Driver, Protocol):
    """Prints receipts."""

    async def print_receipt(self, document: ReceiptDocument) -> None:
        """Print; returns when the printer took it all and still says it is ready.

        Refused("paper_out" | "cover_open" | "printer_error") before or after; after means it may be half printed:
        ask the person before printing again. Unavailable when it cannot be reached.
        """

    async def status(self) -> PrinterStatus:
        """Ask the printer; Unavailable when it does not answer."""


@runtime_checkable
class Door(Driver, Protocol):
    """A turnstile, gate or lock that opens for a while and counts who went through."""

    async def open(self, *, duration_s: float) -> None:
        """Unlock for `duration_s` (0.1 to 25), then lock again by itself even if this process dies."""

    def passages(self) -> AsyncGenerator[Passage | Link, None]:
        """Yield each passage, for ever."""


@runtime_checkable
class Camera(Driver, Protocol):
    """Sees what lies on the counter, or who stands before it."""

    @property
    def looks_at(self) -> LooksAt:
        """What it is there for."""

    def frames(self) -> AsyncGenerator[Frame | Link, None]:
        """Yield the newest picture each time one is asked for, for ever; those in between are dropped."""


AnyDriver = TagReader | WeightSensor | CardReader | CodeScanner | Printer | Door | Camera
Capability = Literal["tag_reader", "weight_sensor", "card_reader", "code_scanner", "printer", "door", "camera"]


class Log(Protocol):
    """The two calls a driver makes of a logger (the standard library's Logger fits)."""

    def info(self, msg: str, *args: object) -> None:
        """Tell of a change of state."""

    def warning(self, msg: str, *args: object) -> None:
        """Tell of trouble."""


@dataclass(frozen=True, slots=True)
class DriverContext:
    """What the world gives a driver; all injected so that tests and seeds can replay."""

    name: str
    monotonic_s: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    random: Random
    log: Log
    open_transport: Callable[[str], Transport]


@dataclass(frozen=True, slots=True)
class DriverInfo:
    """A driver's card in the registry; `settings` is a frozen msgspec Struct that refuses unknown fields."""

    kind: str
    capability: Capability
    settings: type[msgspec.Struct]
    make: Callable[[Any, DriverContext], AnyDriver]

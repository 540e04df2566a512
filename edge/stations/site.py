"""What a station stands on, handed down by `edge/__main__.py`, and the settings a station reads.

A station module offers `SCHEMA: Schema` (its own tables in the same store as the journal) and
`build_station(site: Site) -> list[Service]`, whose services the supervisor keeps running.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

from edge.core.clock import SiteTime
from edge.journal.identity import Identity
from edge.journal.journal import Journal
from edge.leases.book import LeaseBook
from edge.replica.replica import Replica
from edge.spool.spool import Spool
from edge.store.connection import Reader
from edge.store.writer import Writer
from edge.sync.commands import Commands
from edge.sync.link import Link
from protocols.settings.schema import required, section, setting
from protocols.sync.messages import FaceEnrolment, FaceEnrolmentAnswer

LANE_KINDS = ("plate", "weigh", "pos", "gate", "vision")


@dataclass(frozen=True)
class DeviceSettings:
    """A device of a lane: its driver, where it is, and what else the driver's own settings say."""

    name: str = required("a name for logs and screens, unique in its lane", low=1, high=40)
    driver: str = required("which driver, as `python -m edge drivers` lists them", low=1, high=40)
    url: str = required("where it is: serial:///dev/ttyUSB0?baud=57600, tcp://host:port or memory://name", low=1)
    options: dict[str, Any] = field(default_factory=dict)  # the driver's own settings, checked by it


@dataclass(frozen=True)
class LaneSettings:
    """A lane that this gateway serves."""

    code: str = required("the lane's short code, as the console gives it: A1", low=1, high=16)
    kind: str = required("what kind of lane it is; vision: a plate lane with a camera", choices=LANE_KINDS)
    device: tuple[DeviceSettings, ...] = setting((), "its devices, one [[lane.device]] each")


@dataclass(frozen=True)
class KioskSettings:
    """Screens of the lanes, served to browsers on the local network."""

    host: str = setting("127.0.0.1", "address to listen on; 0.0.0.0 for screens on other machines")
    port: int = setting(8090, "port to listen on; 0 takes a free one", low=0, high=65_535)
    language: str = setting("zh-CN", "language a screen starts in", choices=("zh-CN", "en"))


@dataclass(frozen=True)
class StationSettings:
    """How the canteen's lanes behave. Times that a diner waits for."""

    ask_timeout_s: float = setting(1.5, "longest a visiting diner waits for the cloud", unit="s", low=0.1, high=10)
    stable_rounds: int = setting(3, "reads of a tray that must agree", low=1, high=20)
    of_rounds: int = setting(5, "out of this many reads", low=1, high=40)
    read_timeout_s: float = setting(8.0, "longest a tray may take to settle down", unit="s", low=1, high=60)
    idle_timeout_s: float = setting(
        30.0, "after this a screen that nobody touches starts over", unit="s", low=5, high=600
    )
    meal_session_min: float = setting(
        20.0, "a weigh tray is settled after this long without a pick", unit="min", low=1, high=240
    )
    receipt_copies: int = setting(0, "receipts printed without being asked for", low=0, high=3)


@dataclass(frozen=True)
class RecognitionSettings:
    """Cameras: networks, faces that pay, dishes on trays."""

    networks: str = setting("var/models", "folder of the fetched networks (`python -m models fetch`)", low=1, high=400)
    face_cap_fen: int = setting(5_000, "most a face alone may pay; above it a PIN or a card", low=1, high=1_000_000)
    face_needs_motion: bool = setting(False, "whoever stands quite still before the camera is asked for a PIN too")
    tray_g: int = setting(0, "weight of an empty tray, on counters with a scale", unit="g", low=0, high=5_000)
    diner_chooses: bool = setting(True, "a diner may choose among the candidates for a dish in doubt")


@dataclass(frozen=True)
class SiteSettings:
    """The part of edge.toml that stations read."""

    kiosk: KioskSettings = section(KioskSettings)
    station: StationSettings = section(StationSettings)
    recognition: RecognitionSettings = section(RecognitionSettings)
    lane: tuple[LaneSettings, ...] = setting((), "the lanes, one [[lane]] each")


@dataclass(frozen=True)
class Site:
    """Everything a station uses. `time` is the only clock; `writer` the only way to keep a fact.

    `enrol` hands a face to the cloud and raises as its calls do.
    """

    identity: Identity
    zone: tzinfo
    writer: Writer
    reader: Reader
    journal: Journal
    leases: LeaseBook
    replica: Replica
    spool: Spool
    link: Link
    time: SiteTime
    settings: SiteSettings
    commands: Commands
    enrol: Callable[[FaceEnrolment], Awaitable[FaceEnrolmentAnswer]] | None = None

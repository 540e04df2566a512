"""edge.toml as a whole: every section, read once and handed down."""

from dataclasses import dataclass, replace
from pathlib import Path as OsPath
from zoneinfo import available_timezones

from edge.drivers.registry import WrongDeviceSettingsError, check_settings
from edge.stations.site import KioskSettings, LaneSettings, RecognitionSettings, SiteSettings, StationSettings
from edge.sync.settings import (
    BrokerSettings,
    ClockSettings,
    CloudSettings,
    LogSettings,
    SpoolSettings,
    StoreSettings,
    SyncSettings,
)
from protocols.settings.checker import Problem, load
from protocols.settings.lines import Path, find_lines
from protocols.settings.schema import section, setting


@dataclass(frozen=True)
class EdgeSettings:
    """Everything edge.toml may say."""

    time_zone: str = setting("Asia/Shanghai", "used only until the cloud has told the site's own", low=1, high=60)
    cloud: CloudSettings = section(CloudSettings)
    sync: SyncSettings = section(SyncSettings)
    store: StoreSettings = section(StoreSettings)
    broker: BrokerSettings = section(BrokerSettings)
    spool: SpoolSettings = section(SpoolSettings)
    clock: ClockSettings = section(ClockSettings)
    log: LogSettings = section(LogSettings)
    kiosk: KioskSettings = section(KioskSettings)
    station: StationSettings = section(StationSettings)
    recognition: RecognitionSettings = section(RecognitionSettings)
    lane: tuple[LaneSettings, ...] = setting((), "the lanes, one [[lane]] each")

    @property
    def site(self) -> SiteSettings:
        """The part that stations read."""
        return SiteSettings(kiosk=self.kiosk, station=self.station, recognition=self.recognition, lane=self.lane)


def read_settings(path: OsPath) -> EdgeSettings | list[Problem]:
    """The settings in a file, or every problem in it with line, key and reason."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return [Problem(0, "", f"it cannot be read: {error}")]
    settings = load(text, EdgeSettings)
    if isinstance(settings, list):
        return settings
    settings = _anchored(settings, path.parent)
    return _beyond_the_schema(settings, find_lines(text)) or settings


def state_folder(path: OsPath, settings: EdgeSettings) -> OsPath:
    """Where the store is: relative to the settings file."""
    return (path.parent / settings.store.folder).resolve()


def _anchored(settings: EdgeSettings, folder: OsPath) -> EdgeSettings:
    """Files are named relative to the settings file."""

    def place(name: str) -> str:
        return str(folder / name) if name else ""

    broker = settings.broker
    return replace(
        settings,
        recognition=replace(settings.recognition, networks=place(settings.recognition.networks)),
        cloud=replace(settings.cloud, ca_file=place(settings.cloud.ca_file)),
        broker=replace(broker, ca_file=place(broker.ca_file), password_file=place(broker.password_file)),
    )


def _beyond_the_schema(settings: EdgeSettings, lines: dict[Path, int]) -> list[Problem]:
    """What only the parts themselves can judge: time zones, files, lanes named twice, drivers' own settings."""
    found: list[Problem] = []

    def wrong(at: Path, key: str, reason: str) -> None:
        found.append(Problem(next((lines[at[:n]] for n in range(len(at), 0, -1) if at[:n] in lines), 0), key, reason))

    if settings.time_zone not in available_timezones():
        wrong(("time_zone",), "time_zone", f"{settings.time_zone!r} is no time zone of the IANA list")
    if not settings.cloud.url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
        wrong(("cloud", "url"), "cloud.url", "must begin with https:// (plain http only to this machine)")
    for section_name, file in (("cloud", settings.cloud.ca_file), ("broker", settings.broker.ca_file)):
        if file and not OsPath(file).is_file():
            wrong((section_name, "ca_file"), f"{section_name}.ca_file", f"there is no file {file}")
    codes: set[str] = set()
    for number, lane in enumerate(settings.lane):
        if lane.code in codes:
            wrong(("lane", number, "code"), f"lane[{number}].code", f"{lane.code!r} is named twice")
        codes.add(lane.code)
        for place, device in enumerate(lane.device):
            try:
                check_settings(device.driver, {"url": device.url, **device.options})
            except WrongDeviceSettingsError as error:
                wrong(("lane", number, "device", place), f"lane[{number}].device[{place}]", str(error))
    return found

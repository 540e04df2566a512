"""edge.toml as a whole: every section, read once and handed down."""

from dataclasses import dataclass
from pathlib import Path

from edge.stations.site import KioskSettings, LaneSettings, SiteSettings, StationSettings
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
    lane: tuple[LaneSettings, ...] = setting((), "the lanes, one [[lane]] each")

    @property
    def site(self) -> SiteSettings:
        """The part that stations read."""
        return SiteSettings(kiosk=self.kiosk, station=self.station, lane=self.lane)


def read_settings(path: Path) -> EdgeSettings | list[Problem]:
    """The settings in a file, or every problem in it with line, key and reason."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return [Problem(0, "", f"{path} cannot be read: {error}")]
    return load(text, EdgeSettings)


def state_folder(path: Path, settings: EdgeSettings) -> Path:
    """Where the store is: relative to the settings file."""
    return (path.parent / settings.store.folder).resolve()

"""Settings of the link to the cloud and of what is kept meanwhile; sections of edge.toml."""

from dataclasses import dataclass

from protocols.settings.schema import setting


@dataclass(frozen=True)
class CloudSettings:
    """The cloud this gateway belongs to."""

    url: str = setting("https://127.0.0.1:8443", "address of the cloud, https", low=8, high=200)
    ca_file: str = setting("", "certificate that alone may vouch for the cloud; empty takes the system's list")
    provisioning_code: str = setting("", "one-time code of the console; used once, then ignored", high=100)
    name: str = setting("gateway", "name this gateway gives itself when provisioned", low=1, high=60)
    connect_timeout_s: float = setting(5.0, "longest a connection may take", unit="s", low=0.1, high=60)
    timeout_s: float = setting(30.0, "longest one call may take", unit="s", low=1, high=300)


@dataclass(frozen=True)
class SyncSettings:
    """How facts go up and rights and reference come down."""

    poll_s: float = setting(0.25, "how often new facts are looked for", unit="s", low=0.05, high=10)
    heartbeat_s: float = setting(5.0, "time between heartbeats", unit="s", low=0.2, high=300)
    batch_entries: int = setting(1_000, "most entries a batch", low=1, high=5_000)
    batch_bytes: int = setting(1_048_576, "most bytes a batch", unit="bytes", low=65_536, high=4_194_304)
    retry_first_s: float = setting(
        0.5, "first wait after a failure; it doubles, with jitter", unit="s", low=0.05, high=60
    )
    retry_most_s: float = setting(30.0, "longest wait between tries", unit="s", low=0.1, high=600)
    keep_days: int = setting(
        40, "days that facts stay here after the cloud has them in a backup", unit="days", low=1, high=4_000
    )
    digest_hours: float = setting(
        24.0, "time between comparisons of a collection's digest", unit="h", low=0.01, high=168
    )


@dataclass(frozen=True)
class BrokerSettings:
    """MQTT, for commands, presence and samples. Trading and sync work without it."""

    host: str = setting("", "address of the broker; empty for none")
    port: int = setting(1883, "its port", low=1, high=65_535)
    tls: bool = setting(False, "whether it speaks TLS")
    ca_file: str = setting("", "certificate that alone may vouch for it; empty takes the system's list")
    username: str = setting("", "user name; empty for none")
    password_file: str = setting("", "file whose first line is the password; empty for none")
    keepalive_s: int = setting(20, "time after which a silent link counts as lost", unit="s", low=5, high=600)
    flush_s: float = setting(1.0, "how often samples are kept and sent", unit="s", low=0.05, high=60)
    ack_timeout_s: float = setting(
        30.0, "samples not acknowledged in this time are sent again", unit="s", low=1, high=600
    )


@dataclass(frozen=True)
class SpoolSettings:
    """Samples kept while the broker is away. Alarms stay whatever the bounds."""

    max_mb: int = setting(64, "most room they take", unit="MB", low=1, high=100_000)
    max_age_days: int = setting(30, "older ones go", unit="days", low=1, high=3_650)


@dataclass(frozen=True)
class StoreSettings:
    """Where and how facts are kept."""

    folder: str = setting(
        "var/gateways/gateway", "folder of the store and the device's key; relative to this file", low=1
    )
    minimum_free_mb: int = setting(200, "below this no new business is taken", unit="MB", low=1, high=1_000_000)
    reserve_mb: int = setting(32, "kept aside for facts in hand on a full disk", unit="MB", low=0, high=10_000)
    wal_soft_pages: int = setting(
        4_000, "log pages (4 KiB) after which they are moved to the database", low=100, high=100_000
    )
    wal_hard_pages: int = setting(16_000, "log pages at which a lane waits for that", low=1_000, high=1_000_000)


@dataclass(frozen=True)
class ClockSettings:
    """How far the machine's clock is trusted."""

    unanchored_uncertainty_s: float = setting(
        60.0, "error assumed before the cloud told the time", unit="s", low=0, high=86_400
    )
    drift_ppm: int = setting(100, "drift of the steady clock since then", unit="ppm", low=1, high=10_000)


@dataclass(frozen=True)
class LogSettings:
    """What is written to standard error."""

    level: str = setting("info", "least that is written", choices=("debug", "info", "warning", "error"))
    style: str = setting("text", "for people or one JSON object a line", choices=("text", "json"))

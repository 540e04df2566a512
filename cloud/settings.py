"""Every setting of the core with its default and unit. `cloud.toml` shows them all."""

from collections.abc import Mapping
from dataclasses import dataclass

from protocols.settings.checker import Problem
from protocols.settings.lines import Path
from protocols.settings.schema import section, setting

_DAY_S = 86_400


@dataclass(frozen=True)
class Server:
    """Where the core answers."""

    host: str = setting("127.0.0.1", "address the HTTPS port listens on; 0.0.0.0 for all", low=1)
    port: int = setting(8443, "HTTPS port of edges, API and console; 0 takes a free one", low=0, high=65535)
    console_port: int = setting(8080, "plain HTTP port on loopback in demo mode; 0 takes a free one", low=0, high=65535)
    names: tuple[str, ...] = setting(("localhost", "127.0.0.1"), "names and addresses the own certificate is made for")
    demo: bool = setting(False, "open the plain loopback port and the pull-the-plug page; never on a real site")
    campus_url: str = setting("", "with demo: the simulated campus that the pull-the-plug page disturbs", high=200)
    campus_token_file: str = setting("", "with campus_url: file with the campus's token")
    body_limit_bytes: int = setting(8_388_608, "largest request body", unit="bytes", low=65_536, high=1_073_741_824)
    request_timeout_s: float = setting(60.0, "longest a request may take", unit="s", low=1, high=3600)
    stop_timeout_s: float = setting(20.0, "longest wait for running requests at the end", unit="s", low=0, high=600)


@dataclass(frozen=True)
class DatabaseSettings:
    """PostgreSQL: the embedded one unless a DSN is given."""

    dsn: str = setting("", "address as the role quartermaster; empty starts the embedded PostgreSQL")
    owner_dsn: str = setting("", "address as the role quartermaster_owner, for migrations; needed with dsn")
    admin_dsn: str = setting("", "with dsn: a role past row-level security that makes databases, for backups")
    pool_least: int = setting(2, "connections kept open", low=1, high=200)
    pool_most: int = setting(20, "most connections of one process", low=2, high=500)
    acquire_timeout_s: float = setting(10.0, "longest wait for a free connection", unit="s", low=0.1, high=300)
    command_timeout_s: float = setting(60.0, "longest statement", unit="s", low=1, high=3600)


@dataclass(frozen=True)
class Security:
    """Sign-in, sessions and keys."""

    session_idle_s: int = setting(1800, "a session unused for so long ends", unit="s", low=60, high=7 * _DAY_S)
    session_most_s: int = setting(43_200, "a session ends after this in any case", unit="s", low=300, high=30 * _DAY_S)
    password_least: int = setting(10, "least length of a password", unit="characters", low=8, high=128)
    lockout_failures: int = setting(5, "wrong passwords before a user is locked", low=2, high=100)
    lockout_s: int = setting(900, "how long a lock lasts", unit="s", low=10, high=_DAY_S)
    scrypt_cost: int = setting(14, "password hashing cost as a power of two", low=10, high=20)
    master_key_file: str = setting("", "key that wraps the data keys; empty: keys/master.key in the state directory")


@dataclass(frozen=True)
class Broker:
    """MQTT for telemetry, commands and presence."""

    address: str = setting("", "host:port of a broker; empty starts the embedded one, loopback only")
    port: int = setting(0, "port of the embedded broker; 0 takes a free one", low=0, high=65535)
    connect_timeout_s: float = setting(10.0, "longest wait for the broker", unit="s", low=0.1, high=300)


@dataclass(frozen=True)
class Events:
    """News inside the core and live pages."""

    poll_s: float = setting(5.0, "look for undelivered events at least so often", unit="s", low=0.05, high=600)
    batch: int = setting(200, "events delivered in one go", low=1, high=10_000)
    attempts: int = setting(20, "tries before an event is set aside for a person", low=1, high=1000)
    keep_s: int = setting(7 * _DAY_S, "delivered events are kept so long", unit="s", low=60, high=400 * _DAY_S)
    stream_queue: int = setting(256, "events waiting for one live page before it reads anew", low=8, high=100_000)
    stream_clients: int = setting(500, "live pages of one process", low=1, high=100_000)


@dataclass(frozen=True)
class Jobs:
    """Work that is done later, on the same PostgreSQL."""

    workers: int = setting(2, "jobs run at a time by this process; 0 runs none here", low=0, high=100)
    poll_s: float = setting(5.0, "look for due jobs at least so often", unit="s", low=0.1, high=600)
    stop_timeout_s: float = setting(10.0, "longest wait for running jobs at the end", unit="s", low=0, high=600)


@dataclass(frozen=True)
class Backup:
    """Copies from which the core can be restored."""

    directory: str = setting("", "where backups lie; empty: backups in the state directory")
    every_s: int = setting(_DAY_S, "time between backups; 0 makes none by itself", unit="s", low=0, high=31 * _DAY_S)
    keep: int = setting(14, "verified backups kept", low=1, high=10_000)
    timeout_s: float = setting(3600.0, "longest a dump or restore may take", unit="s", low=10, high=_DAY_S)


@dataclass(frozen=True)
class Leases:
    """How much of each account an edge may hold."""

    visit_meals: int = setting(1, "meals a day moved to a site where a visit was announced", low=1, high=6)
    in_doubt_days: int = setting(30, "days before money of a lost site is released", unit="days", low=1, high=400)
    batch: int = setting(2000, "accounts sized in one transaction", low=1, high=100_000)


@dataclass(frozen=True)
class Sync:
    """What edges may send."""

    batch_entries: int = setting(1000, "entries of one batch", low=1, high=10_000)
    batch_bytes: int = setting(4_194_304, "bytes of one batch", unit="bytes", low=65_536, high=67_108_864)
    poison_run: int = setting(20, "like failures running before a stream is stopped", low=2, high=10_000)
    clock_tolerance_s: float = setting(300.0, "a clock off by more is shown", unit="s", low=1, high=_DAY_S)


@dataclass(frozen=True)
class Recognition:
    """Networks that look at faces when somebody is enrolled."""

    networks: str = setting("var/models", "folder that `python -m models fetch` fills", low=1)


@dataclass(frozen=True)
class Log:
    """What is written to the log."""

    level: str = setting("info", "least level", choices=("debug", "info", "warning", "error"))
    json: bool = setting(False, "one JSON object a line instead of text")


@dataclass(frozen=True)
class Settings:
    """The whole file."""

    state_directory: str = setting("var/cloud", "database, keys, certificate, backups", low=1)
    server: Server = section(Server)
    database: DatabaseSettings = section(DatabaseSettings)
    security: Security = section(Security)
    broker: Broker = section(Broker)
    events: Events = section(Events)
    jobs: Jobs = section(Jobs)
    backup: Backup = section(Backup)
    leases: Leases = section(Leases)
    sync: Sync = section(Sync)
    recognition: Recognition = section(Recognition)
    log: Log = section(Log)


def contradictions(settings: Settings, lines: Mapping[Path, int]) -> list[Problem]:
    """What each setting alone does not show: settings that do not go together."""
    host, _, port = settings.broker.address.rpartition(":")
    found = (
        (
            bool(settings.broker.address) and not (host and port.isdigit() and 0 < int(port) < 2**16),
            ("broker", "address"),
            "must be host:port",
        ),
        (
            bool(settings.database.dsn) and not settings.database.owner_dsn,
            ("database", "dsn"),
            "needs owner_dsn beside it, for migrations",
        ),
        (
            settings.database.pool_least > settings.database.pool_most,
            ("database", "pool_least"),
            "is above pool_most",
        ),
        (
            settings.security.session_idle_s > settings.security.session_most_s,
            ("security", "session_idle_s"),
            "is above session_most_s",
        ),
        (
            bool(settings.server.campus_url) and not settings.server.demo,
            ("server", "campus_url"),
            "is for demo = true only",
        ),
    )
    return [Problem(lines.get(at, 0), ".".join(at), reason) for wrong, at, reason in found if wrong]

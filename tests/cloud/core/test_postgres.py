"""The embedded PostgreSQL starts from nothing, survives kill -9, and goes when the core goes."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from cloud.core.errors import Unavailable
from cloud.core.postgres import EmbeddedPostgres, binary, database_of, renamed, run_tool

pytestmark = [pytest.mark.capability("PLT-12"), pytest.mark.timeout(180)]
QUICK = {"fsync": "off"}


@pytest.fixture
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="qm-pg-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o711)
        yield Path(name) / "postgres"


async def _one(dsn: str) -> int:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        return int(await connection.fetchval("SELECT 1"))
    finally:
        await connection.close()


def _pid(directory: Path) -> int:
    return int((directory / "data" / "postmaster.pid").read_text().splitlines()[0])


def _gone(pid: int, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


async def test_it_starts_from_nothing_stops_and_starts_again(directory: Path) -> None:
    for _ in range(2):
        server = EmbeddedPostgres(directory, settings=QUICK)
        address = await server.start()
        pid = _pid(directory)
        assert [await _one(dsn) for dsn in (address.dsn, address.owner_dsn, address.admin_dsn)] == [1, 1, 1]
        await server.stop()
        assert _gone(pid, 1)


async def test_it_is_reached_by_its_private_socket_only(directory: Path) -> None:
    server = EmbeddedPostgres(directory, settings=QUICK)
    address = await server.start()
    try:
        connection = await asyncpg.connect(address.admin_dsn)
        listening = await connection.fetchval("SHOW listen_addresses")
        socket = Path(await connection.fetchval("SHOW unix_socket_directories"))
        durable = await connection.fetchval("SHOW synchronous_commit")
        await connection.close()
        assert (listening, durable) == ("", "on")
        assert socket.stat().st_mode & 0o077 == 0
    finally:
        await server.stop()


async def test_a_killed_server_is_started_again_over_its_stale_pid_file(directory: Path) -> None:
    server = EmbeddedPostgres(directory, settings=QUICK)
    await server.start()
    os.kill(_pid(directory), signal.SIGKILL)
    again = EmbeddedPostgres(directory, settings=QUICK)
    address = await again.start()
    assert await _one(address.dsn) == 1
    await again.stop()


async def test_a_server_that_ended_by_itself_is_started_again_at_the_same_address(directory: Path) -> None:
    deep = directory.parent / ("d" * 60) / ("e" * 60)
    server = EmbeddedPostgres(deep, settings=QUICK)
    address = await server.start()
    watch = asyncio.create_task(server.keep_running())
    killed = _pid(deep)
    os.kill(killed, signal.SIGKILL)
    for _ in range(600):
        if _named(deep) not in {0, killed} and await _is_up(address.dsn):
            break
        await asyncio.sleep(0.1)
    assert await _one(address.dsn) == 1
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)
    await server.stop()


def _named(directory: Path) -> int:
    try:
        return _pid(directory)
    except (OSError, IndexError, ValueError):
        return 0  # gone, or being written


async def _is_up(dsn: str) -> bool:
    try:
        return await _one(dsn) == 1
    except (OSError, asyncpg.PostgresError):
        return False


async def test_a_pid_file_that_names_another_program_is_no_obstacle(directory: Path) -> None:
    server = EmbeddedPostgres(directory, settings=QUICK)
    await server.start()
    await server.stop()
    stale = f"{os.getpid()}\n{directory}/data\n1700000000\n5432\n{directory}/socket\n\n\nready\n"
    (directory / "data" / "postmaster.pid").write_text(stale)
    again = EmbeddedPostgres(directory, settings=QUICK)
    assert await _one((await again.start()).dsn) == 1
    await again.stop()


async def test_a_second_one_attaches_and_leaves_the_server_running(directory: Path) -> None:
    first = EmbeddedPostgres(directory, settings=QUICK)
    await first.start()
    second = EmbeddedPostgres(directory, settings=QUICK)
    address = await second.start()
    await second.stop()
    assert await _one(address.dsn) == 1
    await first.stop()


async def test_a_path_too_long_for_a_socket_is_no_obstacle(directory: Path) -> None:
    deep = directory.parent / ("d" * 60) / ("e" * 60)
    server = EmbeddedPostgres(deep, settings=QUICK)
    address = await server.start()
    assert await _one(address.dsn) == 1
    await server.stop()


async def test_a_cluster_half_made_is_made_anew(directory: Path) -> None:
    (directory / "data").mkdir(parents=True)
    (directory / "data" / "left-over").write_text("from a kill in the middle")
    server = EmbeddedPostgres(directory, settings=QUICK)
    assert await _one((await server.start()).dsn) == 1
    await server.stop()


_HOLDER = """
import asyncio, sys
from pathlib import Path
from cloud.core.postgres import EmbeddedPostgres

async def main():
    await EmbeddedPostgres(Path(sys.argv[1]), settings={"fsync": "off"}).start()
    print("up", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the signal at the parent's death is Linux's")
async def test_when_the_core_is_killed_the_server_ends_and_the_next_start_works(directory: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", _HOLDER, str(directory)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert await asyncio.to_thread(holder.stdout.readline) == b"up\n"
    pid = _pid(directory)
    holder.kill()
    holder.wait()
    holder.stdout.close()
    server = EmbeddedPostgres(directory, settings=QUICK)
    address = await server.start()
    assert await _one(address.dsn) == 1
    assert _pid(directory) != pid
    await server.stop()


_ONCE = """
import asyncio, sys
from pathlib import Path
from cloud.core.postgres import EmbeddedPostgres

async def main():
    server = EmbeddedPostgres(Path(sys.argv[1]), settings={"fsync": "off"})
    await server.start()
    await server.stop()

asyncio.run(main())
"""
_SYSTEM_PYTHON = Path(f"/usr/bin/python3.{sys.version_info.minor}")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user; an ordinary one shows it already")
@pytest.mark.skipif(not _SYSTEM_PYTHON.exists(), reason="needs a Python that another user may run")
def test_it_works_as_an_ordinary_user_too(directory: Path) -> None:
    directory.parent.chmod(0o777)
    path = ":".join(["."] + [entry for entry in sys.path if entry.endswith("site-packages")])
    done = subprocess.run(
        [str(_SYSTEM_PYTHON), "-B", "-c", _ONCE, str(directory)],
        capture_output=True,
        check=False,
        user="nobody",
        group="nogroup",
        env={"PYTHONPATH": path, "HOME": "/nonexistent"},
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]


async def test_an_account_without_a_name_is_told_in_words(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_uid: int) -> None:
        raise KeyError

    monkeypatch.setattr("pwd.getpwuid", unknown)
    with pytest.raises(Unavailable, match="account with a name"):
        await EmbeddedPostgres(directory, settings=QUICK).start()


def test_a_tool_that_fails_or_hangs_is_a_typed_error() -> None:
    with pytest.raises(Unavailable, match="ended with"):
        run_tool([str(binary("pg_restore")), "/no/such/file"], timeout_s=10)
    with pytest.raises(Unavailable, match="did not end"):
        run_tool(["sleep", "5"], timeout_s=0.1)


def test_addresses_can_name_another_database() -> None:
    assert renamed("postgresql://u@/a?host=/x&port=1", "b") == "postgresql://u@/b?host=/x&port=1"
    assert database_of("postgresql://u@h/a?x=1") == "a"

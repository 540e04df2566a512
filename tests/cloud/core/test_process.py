"""The core as a process: it tells where it answers, serves over TLS, stops on one signal, and checks its settings."""

import asyncio
import json
import os
import signal
import socket
import ssl
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from cloud.settings import Settings, contradictions
from protocols.settings.checker import load
from protocols.settings.lines import find_lines
from protocols.settings.render import render

pytestmark = [pytest.mark.capability("PLT-12"), pytest.mark.timeout(420)]
SESSION = "/api/v1/identity/session"
ROOT = Path(__file__).parents[3]
START_S = 120
STOP_S = 60


@pytest.fixture
def config() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="qm-core-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o711)
        path = Path(name) / "cloud.toml"
        state = json.dumps(str(Path(name) / "state"))
        path.write_text(f"state_directory = {state}\n[server]\nport = 0\nconsole_port = 0\ndemo = true\n")
        yield path


async def _run(config: Path, *arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cloud", *arguments, "--config", str(config), stdout=PIPE, stderr=PIPE, cwd=ROOT
    )
    async with asyncio.timeout(START_S):
        out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


@asynccontextmanager
async def _serving(config: Path) -> AsyncIterator[tuple[Process, dict[str, dict[str, Any]]]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cloud", "serve", "--config", str(config), stdout=PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    told: dict[str, dict[str, Any]] = {}
    try:
        async with asyncio.timeout(START_S):
            while "ready" not in told:
                line = json.loads(await process.stdout.readline())
                told[line["event"]] = line
        yield process, told
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STOP_S):
            await process.communicate()


async def test_it_serves_over_its_own_certificate_and_stops_on_one_signal(config: Path) -> None:
    async with _serving(config) as (process, told):
        trust = ssl.create_default_context(cafile=told["ready"]["authority_file"])
        async with httpx.AsyncClient(verify=trust, base_url=told["ready"]["https"]) as web:
            assert (await web.get("/health")).json() == {"ok": True, "database": True, "generation": 1, "broker": True}
            first = told["first_administrator"]
            entry = {"login": first["login"], "password": first["password"]}
            assert (await web.post(SESSION, json=entry)).status_code == 200
            assert (await web.get(SESSION)).json()["login"] == "admin"
            document = (await web.get("/api/v1/openapi.json")).json()
            assert SESSION in document["paths"]
        async with httpx.AsyncClient(base_url=told["ready"]["console"]) as plain:
            assert (await plain.get("/health")).status_code == 200
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(STOP_S):
            assert await process.wait() == 0


async def test_run_again_it_goes_on_and_prints_no_second_password(config: Path) -> None:
    async with _serving(config) as (_, told):
        password = told["first_administrator"]["password"]
    async with _serving(config) as (_, told):
        assert "first_administrator" not in told
        async with httpx.AsyncClient(base_url=told["ready"]["console"]) as web:
            answer = await web.post(SESSION, json={"login": "admin", "password": password})
            assert answer.status_code == 200


async def test_after_kill_9_it_starts_again(config: Path) -> None:
    async with _serving(config) as (process, _):
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
    async with _serving(config) as (_, told), httpx.AsyncClient(base_url=told["ready"]["console"]) as web:
        assert (await web.get("/health")).json()["ok"] is True


async def test_a_live_page_does_not_hold_up_the_stop(config: Path) -> None:
    async with _serving(config) as (process, told):
        first = told["first_administrator"]
        async with httpx.AsyncClient(base_url=told["ready"]["console"], timeout=START_S) as web:
            await web.post(SESSION, json={"login": first["login"], "password": first["password"]})
            async with web.stream("GET", "/api/v1/events") as stream:
                lines = stream.aiter_lines()
                assert await anext(lines) == "event: hello"
                process.send_signal(signal.SIGTERM)
                async with asyncio.timeout(10):
                    assert await process.wait() == 0


async def test_backup_verify_and_restore_by_command(config: Path) -> None:
    async with _serving(config) as (_, told):
        password = told["first_administrator"]["password"]
        code, out, err = await _run(config, "backup")
        assert code == 0, err
        name = json.loads(out)["name"]
        code, out, err = await _run(config, "verify", name)
        assert (code, json.loads(out)["name"]) == (0, name)
        code, _, err = await _run(config, "restore")
        assert (code, "core_runs" in err) == (1, True)
    code, out, err = await _run(config, "restore")
    assert (code, json.loads(out)["generation"]) == (0, 2), err
    async with _serving(config) as (_, told), httpx.AsyncClient(base_url=told["ready"]["console"]) as web:
        assert (await web.get("/health")).json()["generation"] == 2
        assert (await web.post(SESSION, json={"login": "admin", "password": password})).status_code == 200


async def test_keys_rotate_by_command(config: Path) -> None:
    async with _serving(config):
        pass
    for arguments in (("rotate-keys",), ("rotate-keys", "--master")):
        code, out, err = await _run(config, *arguments)
        assert code == 0, err
        assert json.loads(out)["event"].endswith("rotated")


async def test_check_names_the_line_and_the_reason(config: Path) -> None:
    config.write_text("[server]\nport = 70000\nbody_limit_bytes = 'x'\n\n[brokr]\n")
    code, _, err = await _run(config, "check")
    assert code == 2
    assert "line 2: server.port: 70000 is above the most, 65535" in err
    assert "line 3: server.body_limit_bytes: must be a whole number, not a text" in err
    assert "line 5: brokr: is not a setting here; did you mean broker?" in err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[broker]\naddress = 'mqtt'", "line 2: broker.address: must be host:port"),
        ("[broker]\naddress = 'mqtt:0'", "line 2: broker.address: must be host:port"),
        ("[database]\n\ndsn = 'postgresql://x'", "line 3: database.dsn: needs owner_dsn beside it, for migrations"),
        ("[database]\npool_least = 30", "line 2: database.pool_least: is above pool_most"),
        ("[security]\nsession_idle_s = 86400", "line 2: security.session_idle_s: is above session_most_s"),
        ("[server]\ncampus_url = 'http://127.0.0.1:1'", "line 2: server.campus_url: is for demo = true only"),
    ],
)
def test_settings_that_do_not_go_together_are_named(text: str, said: str) -> None:
    found = load(text, Settings)
    assert isinstance(found, Settings)
    assert [str(problem) for problem in contradictions(found, find_lines(text))] == [said]


async def test_a_taken_port_is_told_in_words(config: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        config.write_text(config.read_text().replace("port = 0", f"port = {port}", 1))
        code, _, err = await _run(config, "serve")
    assert code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in err


async def test_check_of_a_missing_file_says_so(tmp_path: Path) -> None:
    code, _, err = await _run(tmp_path / "none.toml", "check")
    assert (code, "cannot be read" in err) == (2, True)


def test_the_settings_file_shows_every_setting_with_its_default() -> None:
    text = (ROOT / "cloud.toml").read_text()
    assert load(text, Settings) == Settings()
    assert render(Settings) in text

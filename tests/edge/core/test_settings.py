"""edge.toml shows everything; a wrong setting is named by line and reason; the commands of the process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge.settings import EdgeSettings, read_settings, state_folder
from protocols.settings.checker import load
from protocols.settings.render import render
from tests.support.edge import open_edge

ROOT = Path(__file__).resolve().parents[3]


def edge_command(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edge", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_edge_toml_shows_every_setting_with_its_default() -> None:
    text = (ROOT / "edge.toml").read_text(encoding="utf-8")
    assert text.startswith(render(EdgeSettings))
    assert load(text, EdgeSettings) == EdgeSettings()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("[sync]\nheartbeat = 5", "line 2: sync.heartbeat: is not a setting here; did you mean heartbeat_s?"),
        ("[sync]\nheartbeat_s = 0.001", "line 2: sync.heartbeat_s: 0.001 is below the least"),
        ("[cloud]\nurl = 'http://cloud.example'", "line 2: cloud.url: must begin with https"),
        ("time_zone = 'Mars/Olympus'", "line 1: time_zone"),
        ("[kiosk]\nport = 'x'", "line 2: kiosk.port: must be a whole number"),
        ("[cloud]\nca_file = '/nowhere.pem'", "there is no file /nowhere.pem"),
        ("[[lane]]\ncode = 'A1'\nkind = 'plane'", "line 3: lane[0].kind: must be one of plate, weigh, pos, gate"),
        ("[[lane]]\ncode = 'A1'\nkind = 'pos'\n[[lane]]\ncode = 'A1'\nkind = 'pos'", "line 5: lane[1].code"),
        ("[[lane]]\nkind = 'pos'", "lane[0].code: must be given"),
        ("[cloud", "not TOML"),
    ],
)
def test_a_wrong_setting_is_named_by_line_key_and_reason(line: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "edge.toml"
    path.write_text(line)
    found = read_settings(path)
    assert isinstance(found, list)
    assert reason in str(found[0])


def test_a_device_with_a_wrong_driver_or_option_is_named(tmp_path: Path) -> None:
    path = tmp_path / "edge.toml"
    device = "[[lane.device]]\nname = 'p'\ndriver = '{}'\nurl = 'tcp://127.0.0.1:1'\noptions = {{ {} }}\n"
    path.write_text("[[lane]]\ncode = 'A1'\nkind = 'plate'\n" + device.format("tray_readr", ""))
    wrong_driver = read_settings(path)
    assert isinstance(wrong_driver, list)
    assert "tray_readr" in wrong_driver[0].reason
    path.write_text("[[lane]]\ncode = 'A1'\nkind = 'plate'\n" + device.format("tray_reader", "colour = 'red'"))
    wrong_option = read_settings(path)
    assert isinstance(wrong_option, list)
    assert "colour" in wrong_option[0].reason


def test_check_answers_with_status_2_and_the_line(tmp_path: Path) -> None:
    path = tmp_path / "edge.toml"
    path.write_text("[sync]\nheartbeat = 5\n")
    done = edge_command("check", "--config", str(path))
    assert done.returncode == 2
    assert "line 2: sync.heartbeat" in done.stderr
    path.write_text("")
    assert edge_command("check", "--config", str(path)).returncode == 0


def test_status_reads_a_store_while_another_process_has_it_open(tmp_path: Path) -> None:
    path = tmp_path / "edge.toml"
    path.write_text("[store]\nfolder = 'state'\n")
    settings = read_settings(path)
    assert isinstance(settings, EdgeSettings)
    before = json.loads(edge_command("status", "--json", "--config", str(path)).stdout)
    assert set(before.values()) == {0}
    edge = open_edge(state_folder(path, settings))
    try:
        said = json.loads(edge_command("status", "--json", "--config", str(path)).stdout)
    finally:
        edge.close()
    assert said == {
        "device": 7,
        "epoch": 1,
        "head_seq": 1,
        "applied_through": 0,
        "sum_fen": 0,
        "waiting_fen": 0,
        "waiting": 1,
    }


def test_running_a_store_that_another_process_has_says_so(tmp_path: Path) -> None:
    path = tmp_path / "edge.toml"
    path.write_text("[store]\nfolder = 'state'\n")
    edge = open_edge(tmp_path / "state")
    try:
        done = edge_command("run", "--config", str(path))
    finally:
        edge.close()
    assert done.returncode == 1
    assert "another process" in done.stderr


def test_running_without_identity_or_code_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "edge.toml"
    path.write_text("[store]\nfolder = 'state'\n")
    done = edge_command("run", "--config", str(path))
    assert done.returncode == 1
    assert "provision" in done.stderr

"""The networks of `make run`: fetched once, gone without where they cannot be had, and said so."""

import subprocess
from typing import Any

import pytest

from tools import networks


def answer(monkeypatch: pytest.MonkeyPatch, *, status: int, out: str = "", error: str = "") -> list[list[str]]:
    asked: list[list[str]] = []

    def run(command: list[str], **_options: Any) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        return subprocess.CompletedProcess(command, status, out, error)

    monkeypatch.setattr(subprocess, "run", run)
    return asked


def test_what_is_there_is_one_word(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answer(monkeypatch, status=0, out="yunet: there\n")
    assert networks.fetch() == "there"
    assert asked[0][1:3] == ["-m", "models"]
    assert asked[0][-2:] == ["--timeout", str(networks.FILE_TIMEOUT_S)]


def test_what_cannot_be_had_is_named_with_what_is_done_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(
        monkeypatch, status=1, out="yunet: there\n", error="mobilefacenet: no way there; the rest is not asked for\n"
    )
    said = networks.fetch()
    assert said.startswith("1 there; mobilefacenet cannot be had now")
    assert "不能刷脸" in said
    assert "--from DIR" in said


def test_a_slow_network_does_not_hold_up_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        raise subprocess.TimeoutExpired(command, options["timeout"])

    monkeypatch.setattr(subprocess, "run", run)
    assert "take too long" in networks.fetch()

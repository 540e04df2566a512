"""ruff and mypy over everything, as part of the tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.tree import PACKAGES
from tools.environment import ROOT

TIMEOUT_S = 560


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / words[0]), *words[1:]]
    return subprocess.run(
        command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=False, timeout=TIMEOUT_S
    )


def test_ruff_finds_nothing() -> None:
    done = run("ruff", "check", "--output-format=concise", ".")
    assert done.returncode == 0, done.stdout + done.stderr


def test_files_are_formatted() -> None:
    done = run("ruff", "format", "--check", ".")
    named = [line.split("-->")[1] for line in done.stdout.splitlines() if "-->" in line]
    assert done.returncode == 0, "run `ruff format .`\n" + "\n".join(named) + done.stderr


@pytest.mark.timeout(TIMEOUT_S + 20)
def test_types_are_strict(tmp_path: Path) -> None:
    folders = [str(folder.relative_to(ROOT)) for folder in PACKAGES.values() if folder.is_dir()]
    done = run("mypy", "--no-error-summary", *folders)
    if done.returncode:  # a cache from before a file came may still miss it
        done = run("mypy", "--no-error-summary", f"--cache-dir={tmp_path}", *folders)
    said = [line for line in done.stdout.splitlines() if ": note: " not in line]
    assert done.returncode == 0, "\n".join(said) + done.stderr

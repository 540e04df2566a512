"""The console's own checks (vue-tsc, eslint) and tests (vitest), as npm scripts `check` and `test`."""

import json
import re
import subprocess

import pytest

from tests.support.tree import files, name_of
from tools import console
from tools.environment import ROOT, find_node

TIMEOUT_S = 560
COLOUR = re.compile(r"#[0-9a-fA-F]{6}\b|#[0-9a-fA-F]{3}\b(?!\w)|\brgba?\(")


@pytest.mark.needs("node")
@pytest.mark.timeout(TIMEOUT_S + 20)
@pytest.mark.parametrize("script", ["check", "test"])
def test_the_consoles_own_script_passes(script: str) -> None:
    node = find_node()
    assert node is not None
    done = subprocess.run(
        [node.npm, "run", script],
        cwd=console.WEB,
        env={**node.environment(), "CI": "true"},
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-8000:]


def test_the_console_has_both_scripts() -> None:
    scripts = json.loads((console.WEB / "package.json").read_text(encoding="utf-8"))["scripts"]
    assert {"check", "test", "build"} <= set(scripts)


def test_npm_locks_hold_no_address() -> None:
    wrong = [
        name_of(path)
        for path in files(".json")
        if path.name == "package-lock.json" and '"resolved": "http' in path.read_text(encoding="utf-8")
    ]
    assert not wrong, "lock again with omit-lockfile-registry-resolved=true in the folder's .npmrc"


def test_colours_are_named_in_the_tokens_alone() -> None:
    screens = [
        path
        for path in files(".css", ".vue", ".ts", ".html", ".js")
        if path.is_relative_to(ROOT / "cloud" / "web") or path.is_relative_to(ROOT / "edge" / "kiosk")
    ]
    wrong = [
        f"{name_of(path)}:{number} {hit[0]}"
        for path in screens
        if not path.stem.startswith("tokens") and ".spec." not in path.name
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if (hit := COLOUR.search(line))
    ]
    assert not wrong, "name the colour in the tokens file and use its name:\n" + "\n".join(wrong)


def test_there_is_one_file_of_tokens() -> None:
    found = [name_of(path) for path in files(".css", ".scss", ".ts", ".json") if path.stem.startswith("tokens")]
    assert len(found) == 1, f"every surface reads one file of design tokens, found {found}"


def test_texts_of_views_stand_in_message_files() -> None:
    chinese = re.compile(r"[\u4e00-\u9fff]+")
    language_names = {"中文", "简体中文"}  # a language is offered under its own name in every language
    wrong = [
        f"{name_of(path)}:{number} {hit}"
        for path in files(".vue")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        for hit in chinese.findall(line)
        if hit not in language_names
    ]
    assert not wrong, "give the text a name in the area's texts, in both languages:\n" + "\n".join(wrong)

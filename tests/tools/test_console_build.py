from pathlib import Path

import pytest

from tools import console


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A console in a folder of its own, and what npm was asked to do; building leaves a page in dist."""
    made: list[str] = []

    def npm(*words: str, remedy: str) -> None:
        assert remedy
        made.append(" ".join(words[:2]))
        (tmp_path / "node_modules").mkdir(exist_ok=True)
        (tmp_path / "dist").mkdir(exist_ok=True)
        (tmp_path / "dist" / "index.html").write_text("built")

    for name, path in {"WEB": tmp_path, "BUILT": tmp_path / "dist", "MODULES": tmp_path / "node_modules"}.items():
        monkeypatch.setattr(console, name, path)
    monkeypatch.setattr(console, "_npm", npm)
    (tmp_path / "package.json").write_text("{}")
    (tmp_path / "package-lock.json").write_text("{}")
    (tmp_path / "main.ts").write_text("export {}")
    return made


def test_the_console_is_built_once(calls: list[str]) -> None:
    assert [console.packages(), console.build(), console.packages(), console.build()] == ["", "", "there", "there"]
    assert calls == ["ci --no-audit", "run build"]


def test_a_changed_source_builds_again_without_new_packages(calls: list[str]) -> None:
    console.packages()
    console.build()
    (console.WEB / "main.ts").write_text("export const a = 1")
    assert (console.packages(), console.build()) == ("there", "")
    assert calls == ["ci --no-audit", "run build", "run build"]


def test_a_build_that_was_removed_is_made_again(calls: list[str]) -> None:
    console.packages()
    console.build()
    (console.BUILT / "index.html").unlink()
    assert console.build() == ""


def test_without_a_console_nothing_is_asked(calls: list[str]) -> None:
    (console.WEB / "package-lock.json").unlink()
    assert (console.packages(), console.build()) == ("no console here", "no console here")
    assert calls == []

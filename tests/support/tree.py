"""The files of the working copy, for tests that judge the source itself."""

import ast
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tools.environment import ROOT

NOT_OURS = {
    ".git", ".venv", ".node", "node_modules", "dist", "var", "build", "__pycache__", ".mypy_cache", ".ruff_cache",
    ".pytest_cache", ".hypothesis", ".import_linter_cache", ".vite", ".schemathesis", "artifacts", "shared",
}  # fmt: skip
PACKAGES = {
    "protocols": ROOT / "protocols",
    "models": ROOT / "models",
    "edge": ROOT / "edge",
    "cloud": ROOT / "cloud",
    "firmware_sim": ROOT / "firmware-sim" / "firmware_sim",
    "tools": ROOT / "tools",
    "tests": ROOT / "tests",
}


def walk(folder: Path = ROOT) -> Iterator[Path]:
    """Every file of ours under a folder; `shared` is skipped only at the root, where it is a mount of the machine."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda each: each.name):
            if entry.name in NOT_OURS and (entry.name != "shared" or folder == ROOT):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from walk(Path(entry.path))
            elif entry.is_file(follow_symlinks=False):
                yield Path(entry.path)


@cache
def files(*suffixes: str) -> tuple[Path, ...]:
    """Every file of ours with one of the suffixes (none: every file)."""
    return tuple(path for path in walk() if not suffixes or path.suffix in suffixes)


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a Python file."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def name_of(path: Path) -> str:
    """The path as a person would write it."""
    return path.relative_to(ROOT).as_posix()


def package_of(path: Path) -> str | None:
    """Which of our top-level packages a file belongs to."""
    return next((name for name, folder in PACKAGES.items() if path.is_relative_to(folder)), None)


def folders_of(*parts: str) -> list[Path]:
    """The package folders right under a folder of the working copy; none where it is not there yet."""
    parent = ROOT.joinpath(*parts)
    if not parent.is_dir():
        return []
    return sorted(path for path in parent.iterdir() if path.is_dir() and any(path.glob("*.py")))


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full module name of every import in a file, also those inside functions."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)

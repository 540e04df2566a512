"""The console in cloud/web: its packages and its build, renewed only when their sources change."""

import os
from collections.abc import Iterator
from pathlib import Path

from tools.environment import ROOT, digest, find_node, is_stamped, write_stamp
from tools.steps import StepError, call

WEB = ROOT / "cloud" / "web"
BUILT = WEB / "dist"
MODULES = WEB / "node_modules"
NPM_TIMEOUT_S = 1200
UNREACHABLE = "Is the package registry reachable? npm's own settings (.npmrc, proxies) are used."
NOT_SOURCES = {"node_modules", "dist", "coverage", ".vite"}


def present() -> bool:
    """Whether there is a console to build."""
    return (WEB / "package-lock.json").exists()


def packages() -> str:
    """Run `npm ci` unless this very lock is in; answers a word for the progress line."""
    if not present():
        return "no console here"
    wanted = digest([WEB / "package.json", WEB / "package-lock.json"])
    stamp = MODULES / ".packages-stamp"
    if is_stamped(stamp, wanted):
        return "there"
    _npm("ci", "--no-audit", "--no-fund", "--loglevel=error", remedy=UNREACHABLE)
    write_stamp(stamp, wanted)
    return ""


def build() -> str:
    """Run `npm run build` unless these very sources are built; answers a word for the progress line."""
    if not present():
        return "no console here"
    wanted = digest(list(_sources(WEB)))
    stamp = MODULES / ".build-stamp"
    if is_stamped(stamp, wanted) and BUILT.is_dir() and any(BUILT.iterdir()):
        return "there"
    _npm("run", "build", remedy="The sources of the console do not build.")
    write_stamp(stamp, wanted)
    return ""


def _npm(*words: str, remedy: str) -> None:
    node = find_node()
    if node is None:
        message = "Node.js went missing between two steps: run it again."
        raise StepError(message)
    call(
        [node.npm, *words],
        folder=WEB,
        timeout_s=NPM_TIMEOUT_S,
        extra=node.environment(),
        remedy=remedy,
    )


def _sources(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name in NOT_SOURCES or entry.name.endswith(".tsbuildinfo"):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _sources(Path(entry.path))
            elif entry.is_file():
                yield Path(entry.path)

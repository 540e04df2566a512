"""How pytest-xdist hands out tests: a file stays on one worker; files that mark serial run last, on one worker."""

from functools import cache

import pytest
from xdist.scheduler import LoadScopeScheduling

from tools.environment import ROOT

SERIAL = "serial"
MARK = "pytest.mark.serial"


@cache
def is_serial(file: str) -> bool:
    """Whether any test of a file must have the machine to itself; then all of the file's do."""
    path = ROOT / file
    return path.is_file() and MARK in path.read_text(encoding="utf-8")


def scope_of(nodeid: str) -> str:
    """The scope of a test: its file, or the one scope of everything serial."""
    file = nodeid.split("::", 1)[0]
    return SERIAL if is_serial(file) else file


def serial_last(items: list[pytest.Item]) -> None:
    """Sort in place; every worker collects in this one order."""
    items.sort(key=lambda item: scope_of(item.nodeid) == SERIAL)


class FileScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist carries no types
    """Scopes are files; the serial scope is one of them, and the last."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)

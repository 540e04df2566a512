"""The system parts some tests need, and where they are on this machine: `needs("chromium")`."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.environment import find_node

SYSTEM_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])


def program(*names: str) -> Path | None:
    """The first of the named programs that this machine has."""
    found = (shutil.which(name, path=SYSTEM_PATH) for name in names)
    return next((Path(path) for path in found if path), None)


def cjk_font() -> Path | None:
    """A font that draws Chinese, without which screenshots show boxes."""
    folders = [Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path.home() / ".fonts"]
    patterns = ("*CJK*", "*cjk*", "*wqy*", "*SourceHanSans*")
    return next((path for folder in folders for pattern in patterns for path in folder.rglob(pattern)), None)


def node() -> Path | None:
    """A Node.js that can build and test the console."""
    found = find_node()
    return found.node if found else None


FINDERS: dict[str, Callable[[], Path | None]] = {
    "chromium": lambda: program("chromium", "chromium-browser", "google-chrome"),
    "cjk-font": cjk_font,
    "dbus": lambda: program("dbus-daemon"),
    "influxdb": lambda: program("influxd"),
    "mosquitto": lambda: program("mosquitto"),
    "node": node,
    "victoria-metrics": lambda: program("victoria-metrics", "victoria-metrics-prod"),
}


def find(part: str) -> Path | None:
    """Where a part is, or None. A part nobody knows is a KeyError: add its finder here."""
    return FINDERS[part]()


def check(*wanted: str, strict: bool) -> None:
    """Skip the running test where a part is missing, by name; fail it when `strict`."""
    for part in wanted:
        if find(part) is None:
            reason = f"needs {part}, which this machine does not have (root on Debian gets it by `make test`)"
            if strict:
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)


def require(part: str) -> Path:
    """Where a part is; for tests that carry `needs(part)`, so that it is there."""
    found = find(part)
    if found is None:
        message = f"this machine has no {part}: mark the test with needs({part!r})"
        raise RuntimeError(message)
    return found

"""`make test`, first half: the test packages, and as root on Debian the system parts that some tests need."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tools import console, environment
from tools.steps import StepError, call, guarded, run_steps

SYSTEM_PACKAGES = ("mosquitto", "influxdb", "victoria-metrics", "chromium", "fonts-noto-cjk", "dbus")
POLICY = Path("/usr/sbin/policy-rc.d")
APT_TIMEOUT_S = 1200


def main() -> int:
    """Do the named steps; answers the exit status."""
    run_steps(
        [
            ("system packages", system_packages),
            ("Python environment", environment.make_venv),
            ("Python packages", lambda: environment.install("run")),
            ("test packages", lambda: environment.install("test")),
            ("Node.js", lambda: _or_left_to_tests(_node)),
            ("console packages", lambda: _or_left_to_tests(console.packages)),
            ("console build", lambda: _or_left_to_tests(console.build)),
        ],
        quiet="--quiet" in sys.argv,
    )
    return 0


def system_packages() -> str:
    """Install what is missing where that is allowed; what cannot be had is left to the tests to report."""
    wanted = (*SYSTEM_PACKAGES, *([] if environment.can_make_venv() else ["python3-venv"]))
    missing = [name for name in wanted if not _installed(name)]
    if not missing:
        return "there"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return f"without {', '.join(missing)} (only root on Debian can install them); their tests are skipped"
    with _no_service_starts():
        refused = [name for name in missing if not _apt_installs(name)]
    return f"without {', '.join(refused)}" if refused else ""


def _node() -> str:
    return environment.need_node() if console.present() else "no console here"


def _or_left_to_tests(action: Callable[[], str]) -> str:
    """A console that does not build fails its own tests by name; the others must still run."""
    try:
        return action()
    except StepError as error:
        return f"failed, its tests will say so:\n{error}"


def _apt_installs(name: str) -> bool:
    try:
        _apt("install", "--yes", "--no-install-recommends", name)
    except StepError:
        return False
    return True


def _apt(*words: str) -> None:
    call(
        ["apt-get", "--quiet", *words],
        folder=environment.ROOT,
        timeout_s=APT_TIMEOUT_S,
        extra={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        remedy="",
    )


@contextmanager
def _no_service_starts() -> Iterator[None]:
    """Packages start their daemons when installed; the tests start their own, on ports of their own."""
    try:
        _apt("update")
    except StepError as error:
        sys.stderr.write(f"apt-get update: {str(error).splitlines()[0]}\n")
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)


def _installed(name: str) -> bool:
    if shutil.which("dpkg-query") is None:
        return False
    command = ["dpkg-query", "--show", "--showformat=${Status}", name]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return said.endswith("install ok installed")


if __name__ == "__main__":
    sys.exit(guarded(main))

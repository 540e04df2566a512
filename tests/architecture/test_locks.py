"""What the code imports is what the locks bring."""

import re
import sys
from importlib import metadata

import pytest

from tests.support.tree import PACKAGES, files, imports_of, name_of, package_of
from tools.environment import ROOT

REQUIREMENT = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[\w,]+\])?==([^\s;\\]+)", re.MULTILINE)
OURS = set(PACKAGES)
SPOKEN_BY_NAMED = {"paho-mqtt", "starlette", "typing-extensions", "yarl"}  # part of the interface of packages we name


def locked(name: str, suffix: str) -> dict[str, str]:
    text = (ROOT / "requirements" / f"{name}.{suffix}").read_text(encoding="utf-8")
    return {normal(each[1]): each[2] for each in REQUIREMENT.finditer(text)}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def outside_imports(*packages: str) -> dict[str, str]:
    """Top-level modules from outside that files of these packages import, each with one place."""
    found: dict[str, str] = {}
    for path in files(".py"):
        if package_of(path) in packages:
            for line, module in imports_of(path):
                found.setdefault(module.split(".")[0], f"{name_of(path)}:{line}")
    return {top: place for top, place in found.items() if top not in OURS and top not in sys.stdlib_module_names}


@pytest.mark.parametrize(
    ("packages", "locks"),
    [
        (("protocols", "models", "edge", "cloud", "firmware_sim"), ("run",)),
        (("tests",), ("run", "test")),
        (("tools",), ()),
    ],
)
def test_every_import_is_named_in_a_lock(packages: tuple[str, ...], locks: tuple[str, ...]) -> None:
    wanted = {name for lock in locks for name in locked(lock, "in")} | SPOKEN_BY_NAMED
    owners = metadata.packages_distributions()
    missing = [
        f"{place} imports {top}"
        for top, place in sorted(outside_imports(*packages).items())
        if not {normal(owner) for owner in owners.get(top, [])} & wanted
        and not ("/training/" in place and normal(top) in locked("train", "in"))  # done once, by hand, elsewhere
    ]
    assert not missing, "name the package in requirements/*.in and run `make lock`:\n" + "\n".join(missing)


@pytest.mark.parametrize("name", ["run", "test", "node"])
def test_a_lock_holds_what_its_input_asks_for_with_hashes(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    entries = locked(name, "txt")
    asked = {**locked(name, "in")}
    assert {key: entries.get(key) for key in asked} == asked
    assert len(entries) == len(re.findall(r"^\S+==.*\\$", text, re.MULTILINE)), "each entry is followed by its hashes"
    assert text.count("--hash=sha256:") >= len(entries)


def test_the_locks_agree_on_what_they_share() -> None:
    run, test = locked("run", "txt"), locked("test", "txt")
    assert {name: run[name] for name in run.keys() & test.keys()} == {
        name: test[name] for name in run.keys() & test.keys()
    }

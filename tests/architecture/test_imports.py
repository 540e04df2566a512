"""Who may import whom, beyond what import-linter's contracts in pyproject.toml can say."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.tree import PACKAGES, files, folders_of, imports_of, name_of, package_of, parsed
from tools.environment import ROOT

DOMAIN = re.compile(r"cloud\.domains\.(\w+)(?:\.(\w+))?")
DOORS = re.compile(r"service(_\w+)?|events")


def test_the_import_contracts_hold() -> None:
    paths = os.pathsep.join([str(ROOT), str(ROOT / "firmware-sim")])
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_product_package_is_under_the_contracts() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    present = {name for name, folder in PACKAGES.items() if folder.is_dir()} - {"tools", "tests"}
    missing = present - set(contracts["root_packages"])
    assert not missing, f"add to root_packages in pyproject.toml: {sorted(missing)}"


def test_a_domain_is_entered_by_its_service_and_events_alone() -> None:
    wrong = [
        f"{name_of(path)}:{line} imports {module}"
        for folder in folders_of("cloud", "domains")
        for path in files(".py")
        if path.is_relative_to(folder)
        for line, module in imports_of(path)
        if (found := DOMAIN.match(module)) and found[1] != folder.name and not DOORS.fullmatch(found[2] or "")
    ]
    assert not wrong, "use the other domain's service.py or events.py, or send the news as an event:\n" + "\n".join(
        wrong
    )


def test_imports_name_the_file_they_come_from() -> None:
    relative = [
        f"{name_of(path)}:{node.lineno}"
        for path in files(".py")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not relative, "write the whole import path:\n" + "\n".join(relative)


def is_driver_door(path: Path) -> bool:
    return path.parent.parent == ROOT / "edge" / "drivers"


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_package_files_hold_a_docstring_and_nothing_else(package: str) -> None:
    wrong = []
    for path in files(".py"):
        if path.name != "__init__.py" or package_of(path) != package or is_driver_door(path):
            continue
        body = parsed(path).body
        if not ast.get_docstring(parsed(path)) or len(body) != 1:
            wrong.append(name_of(path))
    assert not wrong, "say in one docstring what the folder holds, and import from the files themselves:\n" + "\n".join(
        wrong
    )


def test_tools_and_product_do_not_import_each_other() -> None:
    product = {"protocols", "models", "edge", "cloud", "firmware_sim"}
    wrong = []
    for path in files(".py"):
        home = package_of(path)
        for line, module in imports_of(path):
            top = module.split(".")[0]
            if (home == "tools" and top in product | {"tests"}) or (home in product and top in {"tools", "tests"}):
                wrong.append(f"{name_of(path)}:{line} imports {module}")
    assert not wrong, "\n".join(wrong)

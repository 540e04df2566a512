"""Same job, same file name: drivers, codecs, domains and simulators have the shape of their kind."""

import ast
from pathlib import Path

import pytest

from tests.support.tree import files, folders_of, imports_of, name_of, parsed
from tools.environment import ROOT

PURE_PARTS = {"values", "journal", "ledger", "sync", "telemetry", "payments", "canteen", "crypto", "settings"}
SHARED_BY_CODECS = {"framing", "scale"}
WITHOUT_STREAM = {"dynamic_code", "dynamic_qr"}


def codecs() -> list[Path]:
    return [folder for folder in folders_of("protocols") if folder.name not in PURE_PARTS | SHARED_BY_CODECS]


def drivers() -> list[Path]:
    return folders_of("edge", "drivers")


def missing(folder: Path, *names: str) -> list[str]:
    return [f"{name_of(folder)}/{name}" for name in names if not (folder / name).is_file()]


def test_every_codec_has_its_files() -> None:
    lacking = []
    for folder in codecs():
        stream = [] if folder.name in WITHOUT_STREAM else ["stream.py"]
        lacking += missing(folder, "__init__.py", "messages.py", "codec.py", "README.md", *stream)
    assert not lacking, "a codec is messages, codec, stream and the table of its bytes:\n" + "\n".join(lacking)


@pytest.mark.parametrize("folder", codecs(), ids=lambda folder: folder.name)
def test_a_codec_says_where_its_bytes_are_documented(folder: Path) -> None:
    text = (folder / "README.md").read_text(encoding="utf-8") if (folder / "README.md").is_file() else ""
    assert "|" in text, f"{name_of(folder)}/README.md: give the source document and a table of the bytes"


def test_every_driver_has_its_files() -> None:
    lacking = [name for folder in drivers() for name in missing(folder, "__init__.py", "driver.py", "settings.py")]
    assert not lacking, "a driver is a driver, its settings and one DRIVER:\n" + "\n".join(lacking)


@pytest.mark.parametrize("folder", drivers(), ids=lambda folder: folder.name)
def test_a_driver_is_declared_once_and_registered(folder: Path) -> None:
    body = parsed(folder / "__init__.py").body
    assigned = [
        target.id
        for node in body
        for target in (node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)])
        if isinstance(target, ast.Name)
    ]
    assert assigned == ["DRIVER"], f"{name_of(folder)}/__init__.py holds one DRIVER = DriverInfo(...)"
    registry = (ROOT / "edge" / "drivers" / "registry.py").read_text(encoding="utf-8")
    assert f"{folder.name}.DRIVER," in registry, f"give {folder.name} its line in edge/drivers/registry.py"


def test_every_domain_has_its_door() -> None:
    lacking = [
        each for folder in folders_of("cloud", "domains") for each in missing(folder, "__init__.py", "service.py")
    ]
    assert not lacking, "\n".join(lacking)


def is_for(path: Path, job: str) -> bool:
    return path.stem.startswith(job) or path.stem.endswith(f"_{job}") or job in path.parent.name


def test_only_routes_of_a_domain_know_http() -> None:
    wrong = [
        f"{name_of(path)}:{line} imports {module}"
        for folder in folders_of("cloud", "domains")
        for path in folder.rglob("*.py")
        if not is_for(path, "routes")
        for line, module in imports_of(path)
        if module.split(".")[0] in {"fastapi", "starlette"}
    ]
    assert not wrong, "HTTP belongs into routes.py:\n" + "\n".join(wrong)


@pytest.mark.parametrize(("base", "job"), [("BaseModel", "schemas"), ("Model", "tables")])
def test_a_domain_defines_its_schemas_and_tables_in_their_files(base: str, job: str) -> None:
    wrong = [
        f"{name_of(path)}:{node.lineno} {node.name}"
        for folder in folders_of("cloud", "domains")
        for path in folder.rglob("*.py")
        if not is_for(path, job)
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ClassDef) and any(isinstance(each, ast.Name) and each.id == base for each in node.bases)
    ]
    assert not wrong, f"these belong into {job}.py:\n" + "\n".join(wrong)


def test_rules_of_a_domain_are_pure() -> None:
    impure = {"asyncio", "asyncpg", "tortoise", "fastapi", "httpx", "aiohttp", "random", "secrets", "time", "os"}
    wrong = [
        f"{name_of(path)}:{line} imports {module}"
        for folder in folders_of("cloud", "domains")
        for path in folder.glob("rules*.py")
        for line, module in imports_of(path)
        if module.split(".")[0] in impure
    ]
    assert not wrong, "decide here, act in service.py:\n" + "\n".join(wrong)


def test_every_simulator_has_a_device() -> None:
    not_devices = {"core", "world"}
    folders = [each for each in folders_of("firmware-sim", "firmware_sim") if each.name not in not_devices]
    lacking = [name for folder in folders for name in missing(folder, "__init__.py", "device.py")]
    assert not lacking, "\n".join(lacking)


def test_simulated_devices_do_no_input_or_output() -> None:
    forbidden = {"asyncio", "socket", "time", "threading", "serial", "subprocess"}
    wrong = [
        f"{name_of(path)}:{node.lineno}"
        for path in files(".py")
        if path.name == "device.py" and "firmware_sim" in path.parts
        for node in ast.walk(parsed(path))
        if (isinstance(node, ast.Import) and {alias.name.split(".")[0] for alias in node.names} & forbidden)
        or (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in forbidden)
    ]
    assert not wrong, "a device is a pure state machine; serving it is the work of firmware_sim/core:\n" + "\n".join(
        wrong
    )

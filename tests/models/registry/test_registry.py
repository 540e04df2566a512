"""Networks: named, fetched with their licence, and never used unless their digest is right."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from models.__main__ import main
from models.errors import NetworkDamaged, NetworkMissing, NetworkUnavailable, NetworkUnknown, RegistryMalformed
from models.fetch import fetch
from models.registry import Networks, read_registry
from models.runtime import open_session
from tests.support.networks import require_networks

BODY = b"weights of a network"
ENTRY = """
[tiny]
role = "face-embedder"
file = "tiny/tiny.onnx"
use = "A test"
sha256 = "{digest}"
size_bytes = {size}
licence = "MIT"
input = "none"
output = "none"
conversion = "none"

[tiny.source]
repository = "owner/name"
commit = "abc"
path = "weights/tiny.onnx"
sha256 = "{published}"
licence_path = "LICENSE"
"""


def registry(folder: Path, *, digest: str = "", published: str = "") -> Path:
    right = hashlib.sha256(BODY).hexdigest()
    path = folder / "entries.toml"
    path.write_text(ENTRY.format(digest=digest or right, published=published or right, size=len(BODY)))
    return path


def offered(folder: Path, body: bytes = BODY, *, licence: bool = True) -> Path:
    source = folder / "offered" / "tiny"
    source.mkdir(parents=True)
    (source / "tiny.onnx").write_bytes(body)
    if licence:
        (source / "LICENSE").write_text("MIT")
    return folder / "offered"


def test_every_entry_names_source_commit_and_licence() -> None:
    entries = Networks(Path("nowhere")).entries
    assert {"yunet", "mobilefacenet", "minifasnet-v2", "minifasnet-v1se"} <= set(entries)
    for entry in entries.values():
        assert entry.source.repository.count("/") == 1
        assert len(entry.source.commit) == 40
        assert entry.licence
        converted = entry.sha256 != entry.source.sha256
        assert converted == (entry.conversion != "none"), f"{entry.name}: say how it was converted"


def test_a_network_is_stored_with_its_licence_beside_it(tmp_path: Path) -> None:
    networks = Networks(tmp_path / "store", registry=registry(tmp_path))
    path = fetch(networks, "tiny", folder=offered(tmp_path))
    assert path.read_bytes() == BODY
    assert (path.parent / "LICENSE").read_text() == "MIT"
    assert sorted(each.name for each in path.parent.iterdir()) == ["LICENSE", "tiny.onnx"]


def test_a_file_with_a_wrong_digest_is_refused_and_what_was_there_stays(tmp_path: Path) -> None:
    networks = Networks(tmp_path / "store", registry=registry(tmp_path))
    path = fetch(networks, "tiny", folder=offered(tmp_path))
    wrong = offered(tmp_path / "other", BODY[:-1] + b"X")
    with pytest.raises(NetworkDamaged, match="not stored"):
        fetch(networks, "tiny", folder=wrong)
    assert path.read_bytes() == BODY
    assert networks.has("tiny")


def test_a_file_longer_than_named_is_refused(tmp_path: Path) -> None:
    networks = Networks(tmp_path / "store", registry=registry(tmp_path))
    with pytest.raises(NetworkDamaged):
        fetch(networks, "tiny", folder=offered(tmp_path, BODY + bytes(1 << 18)))
    assert not networks.has("tiny")


def test_a_file_damaged_in_the_store_is_never_opened(tmp_path: Path) -> None:
    networks = Networks(tmp_path / "store", registry=registry(tmp_path))
    path = fetch(networks, "tiny", folder=offered(tmp_path))
    path.write_bytes(BODY[:-1] + b"X")
    with pytest.raises(NetworkDamaged, match="Fetch it again"):
        networks.open("tiny")


def test_a_file_that_is_no_network_is_said_to_be_damaged(tmp_path: Path) -> None:
    path = tmp_path / "text.onnx"
    path.write_bytes(BODY)
    with pytest.raises(NetworkDamaged):
        open_session(path)


def test_a_missing_network_says_how_to_fetch_it(tmp_path: Path) -> None:
    with pytest.raises(NetworkMissing, match="models fetch tiny"):
        Networks(tmp_path, registry=registry(tmp_path)).path("tiny")


def test_without_its_licence_text_a_network_is_not_stored(tmp_path: Path) -> None:
    networks = Networks(tmp_path / "store", registry=registry(tmp_path))
    with pytest.raises(NetworkUnavailable, match="licence"):
        fetch(networks, "tiny", folder=offered(tmp_path, licence=False))
    assert not networks.has("tiny")


def test_a_network_that_needs_conversion_is_not_downloaded(tmp_path: Path) -> None:
    networks = Networks(tmp_path / "store", registry=registry(tmp_path, published="0" * 64))
    with pytest.raises(NetworkUnavailable, match="--from DIR"):
        fetch(networks, "tiny")


def test_no_connection_is_an_ordinary_outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_connection(address: str, timeout: float) -> None:
        assert address == "https://github.com/owner/name/raw/abc/LICENSE"
        assert timeout == 3.0
        raise OSError("no route")

    monkeypatch.setattr("urllib.request.urlopen", no_connection)
    with pytest.raises(NetworkUnavailable, match="no route"):
        fetch(Networks(tmp_path / "store", registry=registry(tmp_path)), "tiny", timeout_s=3.0)


def test_an_operators_entry_takes_the_role_of_ours(tmp_path: Path) -> None:
    (tmp_path / "registry.toml").write_text(registry(tmp_path).read_text())
    networks = Networks(tmp_path)
    assert networks.named("face-embedder").name == "tiny"
    assert networks.named("face-detector").name == "yunet"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('role = "face-embedder"\n', ""),
        ("tiny/tiny.onnx", "../tiny.onnx"),
        ("tiny/tiny.onnx", "/tiny/tiny.onnx"),
        ("size_bytes = 20", "size_bytes = 0"),
        ("[tiny.source]", "[tiny.elsewhere]"),
        ("[tiny]", "[tiny"),
    ],
)
def test_a_malformed_entry_is_named(tmp_path: Path, old: str, new: str) -> None:
    path = registry(tmp_path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(RegistryMalformed, match=r"entries\.toml"):
        read_registry(path)


def test_an_unknown_name_is_told_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(NetworkUnknown, match="yunet"):
        Networks(tmp_path).path("yonet")


def test_without_a_connection_the_command_asks_once_and_gives_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def no_connection(address: str, timeout: float) -> None:
        asked.append(address)
        raise TimeoutError

    monkeypatch.setattr("urllib.request.urlopen", no_connection)
    assert main(["--store", str(tmp_path), "fetch", "--timeout", "2"]) == 1
    assert len(asked) == 1, "a gateway without a network starts within one time-out"
    assert "the rest is not asked for" in capsys.readouterr().err


def test_the_command_fetches_lists_and_fails_by_its_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = require_networks().store
    store = str(tmp_path / "store")
    assert main(["--store", store, "fetch", "yunet", "--from", str(folder)]) == 0
    assert main(["--store", store, "fetch", "yunet", "--from", str(tmp_path)]) == 0, "there already"
    assert main(["--store", store, "fetch", "mobilefacenet", "--from", str(tmp_path)]) == 1
    assert main(["--store", store, "list"]) == 0
    said = capsys.readouterr()
    assert "yunet\tthere\tApache-2.0" in said.out
    assert "mobilefacenet" in said.err


def test_the_registry_is_read_without_the_runtime() -> None:
    program = (
        "import sys, models.registry, models.fetch; sys.exit('onnxruntime' in sys.modules or 'cv2' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0

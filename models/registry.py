"""The networks we know, in registry.toml, and the folder in which they are stored after their digest was checked."""

import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from models.errors import NetworkDamaged, NetworkMissing, NetworkUnknown, RegistryMalformed

if TYPE_CHECKING:
    import onnxruntime

REGISTRY: Final = Path(__file__).with_name("registry.toml")
OPERATORS_FILE: Final = "registry.toml"  # in the store: an operator's own entries, which win over ours
DEFAULT_STORE: Final = Path("var/models")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a file was published: repository as owner/name, commit, path inside, and the SHA-256 found there."""

    repository: str
    commit: str
    path: str
    sha256: str
    licence_path: str

    def address(self, path: str) -> str:
        """The public address of a file of that repository at that commit."""
        return f"https://github.com/{self.repository}/raw/{self.commit}/{path}"


@dataclass(frozen=True, slots=True)
class Network:
    """One entry of the registry. `settings` are the numbers its user needs: input order, mean, thresholds."""

    name: str
    role: str
    file: PurePosixPath
    use: str
    sha256: str
    size_bytes: int
    licence: str
    input: str
    output: str
    conversion: str
    source: Source
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> PurePosixPath:
        """Its folder in the store, where its licence text lies beside it."""
        return self.file.parent

    @property
    def licence_file(self) -> PurePosixPath:
        """The licence text beside it in the store."""
        return self.folder / PurePosixPath(self.source.licence_path).name


class Networks:
    """The networks of one store folder. A file is handed out only after its SHA-256 was found right."""

    def __init__(self, store: Path, *, registry: Path = REGISTRY) -> None:
        self.store = store
        entries = read_registry(registry)
        own = store / OPERATORS_FILE
        if own.is_file():
            entries = {**entries, **read_registry(own)}
        self.entries: Mapping[str, Network] = entries
        self._checked: dict[str, tuple[int, int]] = {}

    def entry(self, name: str) -> Network:
        """The entry of a name. Raises NetworkUnknown."""
        found = self.entries.get(name)
        if found is None:
            raise NetworkUnknown(f"no network is called {name}; there are: {', '.join(sorted(self.entries))}")
        return found

    def named(self, role: str) -> Network:
        """The entry for a role: an operator's where there is one, for the last entry of a role wins."""
        found = [entry for entry in self.entries.values() if entry.role == role]
        if not found:
            raise NetworkUnknown(f"no network has the role {role}")
        return found[-1]

    def has(self, name: str) -> bool:
        """Whether the file is there and is the one named."""
        try:
            self.path(name)
        except (NetworkMissing, NetworkDamaged):
            return False
        return True

    def path(self, name: str) -> Path:
        """The checked file. Raises NetworkMissing or NetworkDamaged, each saying what to do."""
        entry = self.entry(name)
        path = self.store / entry.file
        if not path.is_file():
            raise NetworkMissing(
                f"{name} is not in {self.store}: fetch it with `python -m models fetch {name}`, "
                f"or from a folder with `python -m models fetch {name} --from DIR`"
            )
        status = path.stat()
        seen = (status.st_mtime_ns, status.st_size)
        if self._checked.get(name) != seen:
            found = sha256_of(path)
            if found != entry.sha256:
                raise NetworkDamaged(
                    f"{path} has the SHA-256 {found}, not {entry.sha256}: it is not used. "
                    f"Fetch it again with `python -m models fetch {name}`"
                )
            self._checked[name] = seen
        return path

    def open(self, name: str, *, threads: int = 1) -> "onnxruntime.InferenceSession":
        """A session over the checked file, on the CPU. Raises as `path` does."""
        from models.runtime import open_session  # noqa: PLC0415  registry and fetch work without the runtime

        return open_session(self.path(name), threads=threads)


def read_registry(path: Path) -> dict[str, Network]:
    """The entries of a registry file by name. Raises RegistryMalformed, naming entry and field."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RegistryMalformed(f"{path}: {error}") from error
    return {name: _entry(f"{path}: [{name}]", name, fields) for name, fields in table.items()}


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _entry(place: str, name: str, fields: Any) -> Network:
    words = _words(place, fields, ("role", "file", "use", "sha256", "licence", "input", "output", "conversion"))
    source = _words(f"{place} source", fields.get("source"), ("repository", "commit", "path", "sha256", "licence_path"))
    size = fields.get("size_bytes")
    file = PurePosixPath(words["file"])
    if not isinstance(size, int) or size <= 0:
        raise RegistryMalformed(f"{place}: size_bytes is a positive number")
    if file.is_absolute() or ".." in file.parts or len(file.parts) < 2:  # noqa: PLR2004  a folder and a name
        raise RegistryMalformed(f"{place}: file is folder/name inside the store")
    for digest in (words["sha256"], source["sha256"]):
        if not _DIGEST.fullmatch(digest):
            raise RegistryMalformed(f"{place}: a sha256 has 64 hexadecimal digits in lower case")
    settings = fields.get("settings", {})
    if not isinstance(settings, dict):
        raise RegistryMalformed(f"{place}: settings is a table")
    return Network(
        name=name,
        role=words["role"],
        file=file,
        use=words["use"],
        sha256=words["sha256"],
        size_bytes=size,
        licence=words["licence"],
        input=words["input"],
        output=words["output"],
        conversion=words["conversion"],
        source=Source(**source),
        settings=settings,
    )


def _words(place: str, fields: Any, names: Iterable[str]) -> dict[str, str]:
    if not isinstance(fields, dict):
        raise RegistryMalformed(f"{place} is a table")
    wrong = [name for name in names if not isinstance(fields.get(name), str)]
    if wrong:
        raise RegistryMalformed(f"{place} lacks {', '.join(wrong)}")
    return {name: fields[name] for name in names}

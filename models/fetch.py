"""Brings a network and its licence text into the store: copied or downloaded, checked, and only then put in place."""

import os
import secrets
import urllib.error
import urllib.request
from pathlib import Path

from models.errors import NetworkDamaged, NetworkUnavailable, SourceUnreachable
from models.registry import Network, Networks, sha256_of

TIMEOUT_S = 10.0
MOST_BYTES = 256 << 20
_CHUNK = 1 << 16


def fetch(networks: Networks, name: str, *, folder: Path | None = None, timeout_s: float = TIMEOUT_S) -> Path:
    """Store one network, from a folder or from its public address; answers where it lies.

    Raises NetworkUnavailable (SourceUnreachable) where it cannot be had, NetworkDamaged where the digest is another.
    What was in the store before stays until the new file has proved right.
    """
    entry = networks.entry(name)
    target = networks.store / entry.file
    target.parent.mkdir(parents=True, exist_ok=True)
    if folder is None:
        _check_no_conversion(entry)
    licence = _read_licence(entry, folder, timeout_s)
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        if folder is None:
            _download(entry.source.address(entry.source.path), part, timeout_s, most=entry.size_bytes)
        else:
            _copy(_found(folder, entry), part, most=entry.size_bytes)
        found = sha256_of(part)
        if found != entry.sha256:
            raise NetworkDamaged(
                f"{name}: the file from {folder or entry.source.repository} has the SHA-256 {found}, not "
                f"{entry.sha256}: it was not stored"
            )
        _put(target.with_name(entry.licence_file.name), licence)
        part.replace(target)
        _sync_folder(target.parent)
    finally:
        part.unlink(missing_ok=True)
    return networks.path(name)


def _check_no_conversion(entry: Network) -> None:
    if entry.sha256 != entry.source.sha256:
        raise NetworkUnavailable(
            f"{entry.name} is published in another form and converted ({entry.conversion}): give the converted file "
            f"with --from DIR, as DIR/{entry.file}"
        )


def _found(folder: Path, entry: Network) -> Path:
    for candidate in (folder / entry.file, folder / entry.file.name):
        if candidate.is_file():
            return candidate
    raise NetworkUnavailable(f"{entry.name}: {folder} holds neither {entry.file} nor {entry.file.name}")


def _read_licence(entry: Network, folder: Path | None, timeout_s: float) -> bytes:
    if folder is None:
        return _read(entry.source.address(entry.source.licence_path), timeout_s)
    beside = _found(folder, entry).with_name(entry.licence_file.name)
    if not beside.is_file():
        raise NetworkUnavailable(f"{entry.name}: its licence text {beside.name} must lie beside it and does not")
    return beside.read_bytes()


def _copy(source: Path, target: Path, *, most: int) -> None:
    with source.open("rb") as reading, target.open("xb") as writing:
        size = 0
        while chunk := reading.read(_CHUNK):
            size += len(chunk)
            if size > most:
                break  # longer than named: the digest will not hold either
            writing.write(chunk)
        writing.flush()
        os.fsync(writing.fileno())


def _download(address: str, target: Path, timeout_s: float, *, most: int) -> None:
    with target.open("xb") as writing:
        writing.write(_read(address, timeout_s, most=min(most, MOST_BYTES)))
        writing.flush()
        os.fsync(writing.fileno())


def _read(address: str, timeout_s: float, *, most: int = 1 << 20) -> bytes:
    try:
        with urllib.request.urlopen(address, timeout=timeout_s) as answer:  # noqa: S310  built by Source.address: https
            return bytes(answer.read(most + 1))
    except (urllib.error.URLError, OSError, ValueError) as error:
        if isinstance(error, urllib.error.HTTPError):
            raise NetworkUnavailable(f"{address} answers {error.code}") from error
        raise SourceUnreachable(f"{address} cannot be read: {error}") from error


def _put(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    part.write_bytes(content)
    part.replace(path)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

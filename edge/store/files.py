"""The few plain files beside the databases, by the steps that make a file survive a power cut."""

import os
from pathlib import Path
from typing import Protocol


class Files(Protocol):
    """What is done to plain files. A step is durable only after the `sync` that follows it."""

    def exists(self, path: Path) -> bool:
        """Whether it is there."""

    def read(self, path: Path) -> bytes:
        """All of it."""

    def write(self, path: Path, data: bytes) -> None:
        """Make or replace it, for this user alone."""

    def sync(self, path: Path) -> None:
        """A file's content, or a folder's entries, are on the disk after this."""

    def rename(self, path: Path, to: Path) -> None:
        """In one step, over what is there."""

    def remove(self, path: Path) -> bool:
        """False where it was not there."""

    def allocate(self, path: Path, size_bytes: int) -> None:
        """Make a file that takes up room. Raises OSError where there is none."""


class SystemFiles:
    """The machine's own file system."""

    def exists(self, path: Path) -> bool:
        """Whether it is there."""
        return path.exists()

    def read(self, path: Path) -> bytes:
        """All of it."""
        return path.read_bytes()

    def write(self, path: Path, data: bytes) -> None:
        """Make or replace it, for this user alone."""
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(file, left) :]
        finally:
            os.close(file)

    def sync(self, path: Path) -> None:
        """A file's content, or a folder's entries, are on the disk after this."""
        file = os.open(path, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)

    def rename(self, path: Path, to: Path) -> None:
        """In one step, over what is there."""
        path.replace(to)

    def remove(self, path: Path) -> bool:
        """False where it was not there."""
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        return True

    def allocate(self, path: Path, size_bytes: int) -> None:
        """Make a file that takes up room. Raises OSError where there is none."""
        with path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size_bytes)


SYSTEM_FILES: Files = SystemFiles()

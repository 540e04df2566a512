"""A disk that can lose power: what was written but not synced is remembered, and dropped, torn or kept out of order.

SQLite sees it as a VFS over real files in a folder (in memory, best), so that its shared memory works; plain files go
through the same memory of what is durable. Every write, sync, truncate, delete and rename counts as an operation, and
the process can be cut at any one of them.
"""

import errno
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Final

import apsw

from tests.simulation.losses import Entry, Fate, File, Op, survivors

ROOMY_BYTES: Final = 1 << 40
_JOURNALS: Final = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL


class PowerCut(OSError):
    """The process does not exist any more."""


@dataclass
class SimDisk:
    """One machine's disk. Fault knobs are read at each operation.

    `cut_at` is the operation that is not done any more: from it on nothing touches the files. `on_cut` hears of it.
    """

    folder: Path
    random: Random
    operations: int = 0
    cut_at: int | None = None
    read_errors: float = 0.0
    on_cut: Callable[[], None] | None = None
    dead: bool = False
    losses: int = 0
    read_faults: int = 0
    kinds: list[str] | None = None  # what each operation was, where somebody wants to know
    _files: dict[str, File] = field(default_factory=dict)
    _entries: list[Entry] = field(default_factory=list)
    _allocated: dict[str, int] = field(default_factory=dict)
    _full: bool = False
    _slack: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.name = str(self.folder)
        self.vfs = _SimVfs(self)

    @property
    def full(self) -> bool:
        """Whether files can grow no more, but for what a reserve given up leaves."""
        return self._full

    @full.setter
    def full(self, full: bool) -> None:
        self._full, self._slack = full, 0

    def free_bytes(self, _folder: Path) -> int:
        """As the store asks for it."""
        return self._slack if self._full else ROOMY_BYTES

    # What a process does

    def step(self, kind: str, path: str) -> bool:
        """Count an operation; False where the process is dead, so that nothing it does counts. Raises PowerCut."""
        if self.dead:
            return False
        self.operations += 1
        if self.kinds is not None:
            self.kinds.append(f"{kind} {Path(path).name}")
        if self.cut_at is not None and self.operations >= self.cut_at:
            self.cut()
            raise PowerCut(errno.EIO, "the power is cut")
        return True

    def cut(self) -> None:
        """The process ends at this point."""
        self.dead, self.cut_at = True, None
        if self.on_cut is not None:
            self.on_cut()

    def revive(self) -> None:
        """Another process may open the files."""
        self.dead = False

    def grow(self, by: int) -> bool:
        """Whether there is room for so many bytes more."""
        if not self._full or by <= 0:
            return True
        if self._slack < by:
            return False
        self._slack -= by
        return True

    def file(self, path: str, *, make: bool = False) -> File:
        """What is remembered of a file; `make` notes that its name is new in the folder."""
        found = self._files.get(path)
        if found is None:
            place = Path(path)
            found = self._files[path] = File(place.stat().st_size if place.exists() else 0)
        if make:
            self._entries.append(Entry("create", path))
        return found

    def folder_synced(self) -> None:
        """Names made, removed and changed so far are durable."""
        self._entries.clear()

    def deleted(self, path: str) -> None:
        """Take a file away; a power loss may bring it back."""
        file = self.file(path)
        data = Path(path).read_bytes()
        Path(path).unlink()
        self._files.pop(path, None)
        self._slack += self._allocated.pop(path, 0)
        self._entries.append(Entry("delete", path, data=data, file=file))

    # Plain files, as `edge.store.files.Files`

    def exists(self, path: Path) -> bool:
        """Whether it is there."""
        return path.exists()

    def read(self, path: Path) -> bytes:
        """All of it."""
        if self.dead:
            raise PowerCut(errno.EIO, "the power is gone")
        return path.read_bytes()

    def write(self, path: Path, data: bytes) -> None:
        """Make or replace it."""
        if not self.step("write", str(path)):
            return
        if self._full and not self.grow(len(data)):
            raise OSError(errno.ENOSPC, "the disk is full")
        file = self.file(str(path), make=not path.exists())
        old = path.read_bytes() if path.exists() else b""
        path.write_bytes(data)
        file.ops.append(Op(0, old, b"", len(old), 0))
        file.ops.append(Op(0, b"", data, 0, len(data)))
        file.size = len(data)

    def sync(self, path: Path) -> None:
        """A file's content, or the folder's names."""
        if not self.step("sync", str(path)):
            return
        if path.is_dir():
            self.folder_synced()
        else:
            self.file(str(path)).ops.clear()

    def rename(self, path: Path, to: Path) -> None:
        """In one step, over what is there."""
        if not self.step("rename", str(to)):
            return
        over = to.read_bytes() if to.exists() else None
        gone = self._files.pop(str(to), None)
        path.replace(to)
        self._files[str(to)] = self._files.pop(str(path)) if str(path) in self._files else File(to.stat().st_size)
        if str(path) in self._allocated:
            self._allocated[str(to)] = self._allocated.pop(str(path))
        self._entries.append(Entry("rename", str(path), to=str(to), data=over, file=gone))

    def remove(self, path: Path) -> bool:
        """False where it was not there."""
        if not path.exists():
            return False
        if self.step("delete", str(path)):
            self.deleted(str(path))
        return True

    def allocate(self, path: Path, size_bytes: int) -> None:
        """Room is taken up, though no file in memory is that large."""
        if self._full and not self.grow(size_bytes):
            raise OSError(errno.ENOSPC, "the disk is full")
        self.write(path, b"")
        self._allocated[str(path)] = size_bytes

    @contextmanager
    def reading_well(self) -> Iterator[None]:
        """For eyes that are not the machine's."""
        errors, self.read_errors = self.read_errors, 0.0
        try:
            yield
        finally:
            self.read_errors = errors

    # What happens to it

    def lose_power(self, random: Random | None = None, fate: Fate | None = None) -> None:
        """Leave of what was not synced whatever a real disk might, or what `fate` says. No process has it open."""
        random = random or self.random
        self.losses += 1
        unsynced = [path for path, file in sorted(self._files.items()) if file.ops]
        for path in unsynced:
            place, file = Path(path), self._files[path]
            if place.exists():
                place.write_bytes(survivors(place.read_bytes(), file.ops, random, fate))
        ends = {Fate.DROP: 0, Fate.KEEP: len(self._entries)}
        keep = random.randint(0, len(self._entries)) if fate not in ends else ends[fate]
        for entry in reversed(self._entries[keep:]):
            self._undo(entry, random)
        self._settle()

    def _undo(self, entry: Entry, random: Random) -> None:
        path = Path(entry.path)
        match entry.kind:
            case "create":
                path.unlink(missing_ok=True)
            case "delete":
                ops = entry.file.ops if entry.file else []
                path.write_bytes(survivors(entry.data or b"", ops, random))
            case "rename":
                to = Path(entry.to)
                if to.exists():
                    to.replace(path)
                if entry.data is not None:
                    to.write_bytes(survivors(entry.data, entry.file.ops if entry.file else [], random))

    def image(self) -> dict[str, bytes]:
        """Everything on it by name, as a copy of a running machine's disk would be."""
        return {path.name: path.read_bytes() for path in sorted(self.folder.iterdir()) if not _volatile(path)}

    def put_back(self, image: dict[str, bytes]) -> None:
        """Make it hold that image and nothing else, all of it durable. No process may have it open."""
        for path in sorted(self.folder.iterdir()):
            path.unlink()
        for name, data in image.items():
            (self.folder / name).write_bytes(data)
        self._settle()

    def clone(self, folder: Path, random: Random) -> "SimDisk":
        """A second disk in the very same state, with the same writes not yet durable. No process may have it open."""
        twin = SimDisk(folder, random)
        for path in sorted(self.folder.iterdir()):
            if not _volatile(path):
                shutil.copyfile(path, folder / path.name)

        def moved(path: str) -> str:
            return str(folder / Path(path).name)

        def same(file: File | None) -> File | None:
            return None if file is None else File(file.size, list(file.ops))

        twin._files = {moved(path): File(file.size, list(file.ops)) for path, file in self._files.items()}
        twin._entries = [
            replace(entry, path=moved(entry.path), to=entry.to and moved(entry.to), file=same(entry.file))
            for entry in self._entries
        ]
        return twin

    def discard(self) -> None:
        """Throw the disk away."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _settle(self) -> None:
        self._files.clear()
        self._entries.clear()
        for path in self.folder.iterdir():
            if path.name.endswith("-shm"):  # memory, not disk
                path.unlink()


def _volatile(path: Path) -> bool:
    return path.name.endswith(("-shm", ".lock"))


class _SimFile(apsw.VFSFile):
    """A file of a database."""

    def __init__(self, disk: SimDisk, name: str, flags: list[int]) -> None:
        self._disk, self._path = disk, name
        made = not Path(name).exists()
        super().__init__("", name, flags)
        self._names_too = made and bool(flags[0] & _JOURNALS)  # SQLite syncs the folder with such a file's first sync
        self._file = disk.file(name, make=made)

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802  SQLite's name
        disk = self._disk
        if disk.read_errors and not disk.dead and disk.random.random() < disk.read_errors:
            disk.read_faults += 1
            raise apsw.IOError("a sector cannot be read")
        return super().xRead(amount, offset)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        disk, file = self._disk, self._file
        if not self._step("write"):
            return
        size, end = file.size, offset + len(data)
        if end > size and not disk.grow(end - size):
            raise apsw.FullError("the disk is full")
        old = super().xRead(min(len(data), size - offset), offset) if offset < size else b""
        super().xWrite(data, offset)
        file.size = max(size, end)
        file.ops.append(Op(offset, old, bytes(data), size, file.size))

    def xTruncate(self, size: int) -> None:  # noqa: N802
        file = self._file
        if not self._step("truncate"):
            return
        old = super().xRead(file.size - size, size) if size < file.size else b""
        super().xTruncate(size)
        file.ops.append(Op(size, old, b"", file.size, size))
        file.size = size

    def xSync(self, flags: int) -> None:  # noqa: N802
        if self._step("sync"):
            self._file.ops.clear()
            if self._names_too:
                self._names_too = False
                self._disk.folder_synced()

    def _step(self, kind: str) -> bool:
        try:
            return self._disk.step(kind, self._path)
        except PowerCut as cut:
            raise apsw.IOError(str(cut)) from cut


class _SimVfs(apsw.VFS):
    """Registered under the disk's name for as long as the disk is referred to."""

    def __init__(self, disk: SimDisk) -> None:
        super().__init__(disk.name, "")
        self._disk = disk

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        if name is None:
            return super().xOpen(name, flags)
        if self._disk.dead:
            raise apsw.CantOpenError("the power is gone")
        return _SimFile(self._disk, name if isinstance(name, str) else name.filename(), flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        if not Path(filename).exists():
            return super().xDelete(filename, syncdir)
        try:
            goes_on = self._disk.step("delete", filename)
        except PowerCut as cut:
            raise apsw.IOError(str(cut)) from cut
        if goes_on:
            self._disk.deleted(filename)
            if syncdir:
                self._disk.folder_synced()
        return None

"""A tree of hard links to one copy of the code: a mutant gets its own in a tenth of a second and shares what it can."""

import compileall
import os
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tools.environment import ROOT

_NEEDED: Final = (
    "protocols", "edge", "cloud", "tests/simulation", "tests/support", "tests/__init__.py",
    "tools", "firmware-sim", "models",
)  # fmt: skip
_LEFT_OUT: Final = shutil.ignore_patterns("__pycache__", "web", "node_modules", "var", "*.png", "*.woff2")
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a disk in memory where the system has one; folders are made privately


class Base:
    """The code as it stood when the run began; edits made meanwhile do not reach into the run."""

    def __init__(self, root: Path = ROOT) -> None:
        """Copy what detectors need."""
        where = str(_MEMORY) if os.access(_MEMORY, os.W_OK) else None
        self.folder = Path(tempfile.mkdtemp(prefix="planted-", dir=where))
        self.code = self.folder / "code"
        self.code.mkdir()
        for name in _NEEDED:
            source = root / name
            if source.is_dir():
                shutil.copytree(source, self.code / name, ignore=_LEFT_OUT)
            else:
                shutil.copy2(source, self.code / name)
        compileall.compile_dir(self.code, quiet=2)

    def read(self, path: str) -> str:
        """A file's text as the run sees it. Raises OSError."""
        return (self.code / path).read_text(encoding="utf-8")

    def overlay(self, patched: dict[str, str]) -> "Overlay":
        """The same tree with some files' texts replaced."""
        return Overlay(self, patched)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


class Overlay:
    """`code` is the folder to run in, `temporary` where a detector may write; both go when it is left."""

    def __init__(self, base: Base, patched: dict[str, str]) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="one-", dir=base.folder))
        self.code = self._folder / "code"
        self.temporary = self._folder / "tmp"
        self.temporary.mkdir()
        shutil.copytree(base.code, self.code, copy_function=os.link)
        for path, text in patched.items():
            place = self.code / path
            place.unlink()
            place.write_text(text, encoding="utf-8")
            for compiled in (place.parent / "__pycache__").glob(f"{place.stem}.*.pyc"):
                compiled.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

"""What a planted bug is: texts of the real code put in place of others, and who ought to notice."""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

NAMED: Final = Path(__file__).parent / "named"
ANYWHERE: Final = -1


class DoesNotApply(Exception):
    """The code has moved on from what a mutant names: the mutant is to be written anew, never skipped."""


class Change(NamedTuple):
    """`old` becomes `new` in a file: at an index of its text, or (ANYWHERE) where it stands, which must be once."""

    path: str
    old: str
    new: str
    at: int = ANYWHERE

    def apply(self, text: str) -> str:
        """The text with the change. Raises DoesNotApply."""
        if self.old == self.new:
            raise DoesNotApply(f"{self.path}: old and new are the same text")
        if self.at != ANYWHERE:
            if not text.startswith(self.old, self.at):
                raise DoesNotApply(f"{self.path}: another text stands at {self.at}")
            return text[: self.at] + self.new + text[self.at + len(self.old) :]
        many = text.count(self.old)
        if many != 1:
            raise DoesNotApply(f"{self.path}: the old text stands there {many} times, not once:\n{self.old}")
        return text.replace(self.old, self.new)


@dataclass(frozen=True)
class Mutant:
    """One bug. `found_by` names detectors that ought to object, the likeliest first; they are tried first."""

    name: str
    says: str
    changes: tuple[Change, ...]
    found_by: tuple[str, ...] = ()
    mechanical: bool = False

    def patched(self, read: Callable[[str], str]) -> dict[str, str]:
        """The changed files' texts. Raises DoesNotApply."""
        texts: dict[str, str] = {}
        for change in self.changes:
            try:
                before = texts[change.path] if change.path in texts else read(change.path)
                texts[change.path] = change.apply(before)
                compile(texts[change.path], change.path, "exec")
            except (OSError, SyntaxError) as error:
                raise DoesNotApply(f"{self.name}: {change.path}: {error}") from error
            except DoesNotApply as error:
                raise DoesNotApply(f"{self.name}: {error}") from error
        return texts


def load_named(folder: Path = NAMED) -> list[Mutant]:
    """Every named mutant, by file and place. Raises ValueError where two share a name."""
    found = [_mutant(table) for path in sorted(folder.glob("*.toml")) for table in _tables(path)]
    names = [mutant.name for mutant in found]
    doubles = {name for name in names if names.count(name) > 1}
    if doubles:
        raise ValueError(f"two mutants are called {', '.join(sorted(doubles))}")
    return found


def _tables(path: Path) -> list[dict[str, Any]]:
    tables: list[dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8"))["mutant"]
    return tables


def _mutant(table: dict[str, Any]) -> Mutant:
    changes = tuple(
        Change(each.get("file", table["file"]), _trim(each["old"]), _trim(each["new"]))
        for each in (table, *table.get("also", []))
    )
    return Mutant(table["name"], table["says"], changes, tuple(table["found_by"]))


def _trim(text: str) -> str:
    """Blocks are written with the closing quotes on a line of their own."""
    return text.removesuffix("\n")

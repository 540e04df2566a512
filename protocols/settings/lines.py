"""Where in a TOML text each key stands (tomllib tells values, not lines)."""

import re
from typing import Final

Path = tuple[str | int, ...]

_TABLE: Final = re.compile(r"^\s*\[(?P<name>[^\[\]]+)\]\s*(#.*)?$")
_ARRAY_TABLE: Final = re.compile(r"^\s*\[\[(?P<name>[^\[\]]+)\]\]\s*(#.*)?$")
_KEY: Final = re.compile(
    r"""^\s*(?P<key>(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*[A-Za-z0-9_-]+)*)\s*=(?P<rest>.*)$"""
)
_STRING: Final = re.compile(r'"(?:\\.|[^"\\])*"|\'[^\']*\'')


def find_lines(text: str) -> dict[Path, int]:
    """The 1-based line of every table and key, by path; the n-th `[[name]]` has the path `(name, n)`, n from 0."""
    found: dict[Path, int] = {}
    table: Path = ()
    counts: dict[Path, int] = {}
    inside = _Inside()
    for number, line in enumerate(text.splitlines(), start=1):
        if inside.skips(line):
            continue
        if match := _ARRAY_TABLE.match(line):
            name = _under_array(_split(match["name"]), counts)
            counts[name] = counts.get(name, -1) + 1
            table = (*name, counts[name])
            found.setdefault(name, number)
            found[table] = number
        elif match := _TABLE.match(line):
            table = _under_array(_split(match["name"]), counts)
            found.setdefault(table, number)
        elif match := _KEY.match(line):
            found.setdefault(table + _split(match["key"]), number)
            inside.enter(match["rest"])
    return found


class _Inside:
    """Whether the scan stands inside a value that spans lines."""

    def __init__(self) -> None:
        self._quote = ""
        self._depth = 0

    def enter(self, rest: str) -> None:
        for quote in ('"""', "'''"):
            if rest.count(quote) % 2:
                self._quote = quote
                return
        self._depth = _depth(rest)

    def skips(self, line: str) -> bool:
        if self._quote:
            if line.count(self._quote) % 2:
                self._quote = ""
            return True
        if self._depth > 0:
            self._depth += _depth(line)
            return True
        return False


def _depth(piece: str) -> int:
    bare = _STRING.sub("", piece).split("#", 1)[0]
    return sum(bare.count(c) for c in "[{") - sum(bare.count(c) for c in "]}")


def _split(name: str) -> Path:
    return tuple(part.strip().strip("\"'") for part in name.split("."))


def _under_array(name: Path, counts: dict[Path, int]) -> Path:
    """`[lane.scale]` after `[[lane]]` belongs to the last lane."""
    for size in range(len(name) - 1, 0, -1):
        if name[:size] in counts:
            return (*name[:size], counts[name[:size]], *name[size:])
    return name

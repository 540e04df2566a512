"""`load` a TOML text into a settings dataclass, or say what is wrong with it, line by line."""

import dataclasses
import difflib
import math
import re
import tomllib
import types
import typing
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from protocols.settings.lines import Path, find_lines
from protocols.settings.schema import Rule, plain, rule_of

T = TypeVar("T")

_AT_LINE: Final = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$")
_NAMES: Final[dict[type, str]] = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


@dataclass(frozen=True)
class Problem:
    """One wrong setting: its line (0 where the file lacks it), dotted key and the reason."""

    line: int
    key: str
    reason: str

    def __str__(self) -> str:
        where = f"line {self.line}" if self.line else "missing"
        return f"{where}: {self.key}: {self.reason}" if self.key else f"{where}: {self.reason}"


def load(text: str, schema: type[T]) -> T | list[Problem]:
    """The settings in `text`, or every problem in it ordered by line.

    `schema` is a frozen dataclass made with `setting`, `required` and `section`. Field types: bool, int, float, str,
    tuple[str, ...], tuple[int, ...], another such dataclass (`[table]`), tuple[dataclass, ...] (`[[table]]`) and
    dict[str, Any] (a free table, checked by whoever owns it).
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        said = str(error)
        match = _AT_LINE.search(said)
        line = int(match[1]) if match and match[1] else len(text.splitlines())
        return [Problem(line, "", f"not TOML: {_AT_LINE.sub('', said)}")]
    return load_table(raw, schema, lines=find_lines(text))


def load_table(raw: dict[str, Any], schema: type[T], *, lines: dict[Path, int], at: Path = ()) -> T | list[Problem]:
    """As `load`, for a table already read (a driver's own settings inside a device's free table)."""
    check = _Check(lines)
    made = check.table(raw, schema, at)
    if check.problems:
        return sorted(check.problems, key=lambda problem: (problem.line == 0, problem.line, problem.key))
    return typing.cast(T, made)


class _Check:
    def __init__(self, lines: dict[Path, int]) -> None:
        self.problems: list[Problem] = []
        self._lines = lines

    def table(self, raw: object, schema: type, at: Path) -> object:
        if not isinstance(raw, dict):
            return self._refuse(at, f"must be a table, not {_kind(raw)}")
        fields = {field.name: field for field in dataclasses.fields(schema)}
        for key in raw:
            if key not in fields:
                self._wrong((*at, key), _unknown(key, list(fields)))
        hints = typing.get_type_hints(schema)
        values: dict[str, Any] = {}
        for name, field in fields.items():
            if name in raw:
                values[name] = self._value(raw[name], hints[name], rule_of(field.metadata), (*at, name))
            elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                self._wrong((*at, name), "must be given: it has no default", line=self._line(at) if at else 0)
        return None if self.problems else schema(**values)

    def _value(self, value: object, hint: Any, rule: Rule, at: Path) -> object:
        if dataclasses.is_dataclass(hint):
            return self.table(value, typing.cast(type, hint), at)
        origin = typing.get_origin(hint)
        if origin is tuple:
            return self._list(value, typing.get_args(hint)[0], rule, at)
        if origin is dict:
            return value if isinstance(value, dict) else self._refuse(at, f"must be a table, not {_kind(value)}")
        if origin is types.UnionType or origin is typing.Union:
            hint = next(arg for arg in typing.get_args(hint) if arg is not type(None))
        return self._scalar(value, hint, rule, at)

    def _list(self, value: object, item: Any, rule: Rule, at: Path) -> object:
        if not isinstance(value, list):
            return self._refuse(at, f"must be a list, not {_kind(value)}")
        return tuple(self._value(entry, item, rule, (*at, index)) for index, entry in enumerate(value))

    def _scalar(self, value: object, wanted: type, rule: Rule, at: Path) -> object:
        if wanted is float and type(value) is int:
            value = float(value)
        if type(value) is not wanted:
            return self._refuse(at, f"must be {_NAMES[wanted]}, not {_kind(value)}")
        if isinstance(value, float) and not math.isfinite(value):
            return self._refuse(at, "must be a finite number")
        if rule.choices and value not in rule.choices:
            return self._refuse(at, f"must be one of {', '.join(rule.choices)}, not {value!r}")
        size = len(value) if isinstance(value, str) else value
        if isinstance(size, (int, float)) and not isinstance(size, bool):
            self._bounds(size, rule, at, of="length " if isinstance(value, str) else "")
        return value

    def _bounds(self, size: float, rule: Rule, at: Path, *, of: str) -> None:
        unit = f" {rule.unit}" if rule.unit and not of else ""
        if rule.low is not None and not size >= rule.low:
            self._wrong(at, f"{of}{plain(size)} is below the least, {plain(rule.low)}{unit}")
        elif rule.high is not None and not size <= rule.high:
            self._wrong(at, f"{of}{plain(size)} is above the most, {plain(rule.high)}{unit}")

    def _refuse(self, at: Path, reason: str) -> object:
        self._wrong(at, reason)
        return None

    def _wrong(self, at: Path, reason: str, *, line: int | None = None) -> None:
        self.problems.append(Problem(self._line(at) if line is None else line, _dotted(at), reason))

    def _line(self, at: Path) -> int:
        for size in range(len(at), 0, -1):
            if at[:size] in self._lines:
                return self._lines[at[:size]]
        return 0


def _dotted(at: Path) -> str:
    said = ""
    for part in at:
        said += f"[{part}]" if isinstance(part, int) else f".{part}" if said else part
    return said


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    names = {int: "a whole number", float: "a number", str: "a text", list: "a list", dict: "a table"}
    return names.get(type(value), "a date or time")


def _unknown(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    return f"is not a setting here; did you mean {near[0]}?" if near else "is not a setting here"

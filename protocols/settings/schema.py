"""How a settings dataclass declares one setting: default, unit, bounds and one line of help."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_KEY: Final = "setting"


@dataclass(frozen=True)
class Rule:
    """What a value must hold beside its type. `low` and `high` are inclusive; for a string they bound its length."""

    help: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()


def setting(
    default: Any,
    help: str,  # noqa: A002 - reads as the word it is at every use
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """A dataclass field with a default; `unit` is shown in the file (`s`, `fen`, `bytes`)."""
    rule = Rule(help=help, unit=unit, low=low, high=high, choices=choices)
    return dataclasses.field(default=default, metadata={_KEY: rule})


def required(
    help: str,  # noqa: A002 - as above
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """A dataclass field without a default: leaving it out is a problem."""
    rule = Rule(help=help, unit=unit, low=low, high=high, choices=choices)
    return dataclasses.field(metadata={_KEY: rule})


def section(schema: type) -> Any:
    """A nested table `[name]` whose own settings all have defaults."""
    return dataclasses.field(default_factory=schema)


def rule_of(metadata: Mapping[str, Any]) -> Rule:
    """The rule a field was declared with, or an empty one."""
    found = metadata.get(_KEY)
    return found if isinstance(found, Rule) else Rule(help="")


def plain(number: float) -> str:
    """A number as a person writes it: no exponent, no needless `.0`."""
    return str(int(number)) if number == int(number) else repr(number)

"""A settings file that shows every setting with its default, unit and bounds."""

import dataclasses
import json
import typing
from typing import Any

from protocols.settings.schema import Rule, plain, rule_of


def render(schema: type) -> str:
    """The TOML text of all defaults of `schema`, each with its help; `load` of it gives the defaults again."""
    return "\n".join(_table(schema, "")).strip() + "\n"


def _table(schema: type, name: str) -> list[str]:
    hints = typing.get_type_hints(schema)
    own: list[str] = []
    nested: list[str] = []
    for field in dataclasses.fields(schema):
        hint = hints[field.name]
        path = f"{name}.{field.name}" if name else field.name
        if dataclasses.is_dataclass(hint):
            nested += ["", *_heading(typing.cast(type, hint)), f"[{path}]", *_table(typing.cast(type, hint), path)]
        elif field.default is not dataclasses.MISSING and not _is_tables(hint):
            own += _entry(field.name, field.default, rule_of(field.metadata))
    return own + nested


def _is_tables(hint: Any) -> bool:
    """`[[name]]`: no default can be shown as a key without shutting the tables out."""
    arguments = typing.get_args(hint)
    return typing.get_origin(hint) is tuple and bool(arguments) and dataclasses.is_dataclass(arguments[0])


def _heading(schema: type) -> list[str]:
    return [f"# {(schema.__doc__ or '').strip().splitlines()[0]}"]


def _entry(name: str, default: Any, rule: Rule) -> list[str]:
    notes = [rule.help]
    if rule.unit:
        notes.append(f"unit: {rule.unit}")
    if rule.low is not None or rule.high is not None:
        low = plain(rule.low) if rule.low is not None else ""
        high = plain(rule.high) if rule.high is not None else ""
        notes.append(f"from {low} to {high}" if low and high else f"at least {low}" if low else f"at most {high}")
    if rule.choices:
        notes.append("one of: " + ", ".join(choice or '""' for choice in rule.choices))
    return [f"# {'; '.join(notes)}", f"{name} = {_literal(default)}"]


def _literal(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_literal(item) for item in value) + "]"
    if isinstance(value, str | bool):
        return json.dumps(value, ensure_ascii=False)
    return repr(value)

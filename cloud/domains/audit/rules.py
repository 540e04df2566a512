"""The chain of the audit trail, as pure functions."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from protocols.crypto.sm3 import sm3


def genesis(organisation_id: int) -> bytes:
    """The hash before an organisation's first record."""
    return sm3(b"quartermaster audit %d" % organisation_id)


def canonical(value: Any) -> str:
    """JSON text with one spelling for one value."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)


def link(previous: bytes, *, number: int, at: datetime, texts: tuple[str, str, str, str, str]) -> bytes:
    """The hash of a record: over the one before it and (actor, action, target, before, after), lengths told."""
    parts = [text.encode() for text in (str(number), at.isoformat(), *texts)]
    return sm3(previous + b"".join(len(part).to_bytes(4, "big") + part for part in parts))


def first_break(rows: Iterable[Mapping[str, Any]], previous: bytes, number: int) -> int | None:
    """The number of the first record that does not follow `previous` (hash of record `number`), or None."""
    for row in rows:
        number += 1
        texts = (row["actor"], row["action"], row["target"], row["before"], row["after"])
        previous = link(previous, number=number, at=row["at"], texts=texts)
        if row["id"] != number or bytes(row["hash"]) != previous:
            return number
    return None

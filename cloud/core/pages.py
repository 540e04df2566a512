"""Keyset pages: a cursor names the last row seen, so that page 2,000 costs what page 1 does."""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel

from cloud.core.errors import Invalid

LIMIT_DEFAULT = 50
LIMIT_MOST = 500
_CURSOR_MOST = 512

T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    """One page; `next_cursor` is None on the last."""

    items: list[T]
    next_cursor: str | None = None


@dataclass(frozen=True)
class PageRequest:
    """What the client asked for: `after` is the key of the last row it has, or None at the start."""

    limit: int
    after: tuple[Any, ...] | None

    @property
    def fetch(self) -> int:
        """Rows to read: one more than shown, to know whether there is a next page."""
        return self.limit + 1


def page_request(
    cursor: Annotated[str | None, Query(max_length=_CURSOR_MOST, description="From `next_cursor`")] = None,
    limit: Annotated[int, Query(ge=1, le=LIMIT_MOST)] = LIMIT_DEFAULT,
) -> PageRequest:
    """FastAPI dependency. Raises Invalid for a cursor this API did not make."""
    return PageRequest(limit=limit, after=None if cursor is None else _decode(cursor))


def after_values(request: PageRequest, *kinds: type) -> tuple[Any, ...] | None:
    """The cursor's key checked against the kinds the query expects (`int`, `str`), or None at the start."""
    if request.after is None:
        return None
    if len(request.after) != len(kinds) or any(type(v) is not k for v, k in zip(request.after, kinds, strict=True)):
        raise Invalid("cursor", "this cursor belongs to another list", reason="cursor")
    return request.after


def make_page(
    rows: Sequence[Any], request: PageRequest, *, key: Callable[[Any], Sequence[Any]], item: Callable[[Any], T]
) -> Page[T]:
    """The page of `rows` (read with `request.fetch`); `key` gives a row's ordering key, whole numbers and texts."""
    shown = rows[: request.limit]
    more = len(rows) > request.limit
    return Page(items=[item(row) for row in shown], next_cursor=_encode(key(shown[-1])) if more else None)


def _encode(key: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(list(key), separators=(",", ":")).encode()).decode().rstrip("=")


def _decode(cursor: str) -> tuple[Any, ...]:
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        key = None
    if not isinstance(key, list) or any(not isinstance(v, int | str) or isinstance(v, bool) for v in key):
        raise Invalid("cursor", "this is no cursor of this list", reason="cursor")
    if any(isinstance(v, int) and not -(2**63) <= v < 2**63 for v in key):
        raise Invalid("cursor", "this is no cursor of this list", reason="cursor")
    return tuple(key)

"""Keyset pages that cannot be forged into errors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.core.errors import Invalid
from cloud.core.pages import PageRequest, after_values, make_page, page_request


def _walk(rows: list[int], limit: int) -> list[int]:
    seen: list[int] = []
    cursor = None
    for _ in range(len(rows) + 2):
        request = page_request(cursor, limit)
        after = after_values(request, int)
        left = [row for row in rows if after is None or row > after[0]][: request.fetch]
        page = make_page(left, request, key=lambda row: (row,), item=lambda row: row)
        seen += page.items
        cursor = page.next_cursor
        if cursor is None:
            return seen
    raise AssertionError("the pages never end")


@given(count=st.integers(0, 40), limit=st.integers(1, 10))
def test_pages_show_every_row_once(count: int, limit: int) -> None:
    rows = list(range(count))
    assert _walk(rows, limit) == rows


@given(st.text(max_size=80))
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    refused: Invalid | None = None
    request: PageRequest | None = None
    try:
        request = page_request(text, 10)
    except Invalid as error:
        refused = error
    if refused:
        assert refused.fields[0].field == "cursor"
    else:
        assert request is not None
        assert request.after is not None


def test_a_cursor_of_another_list_is_refused() -> None:
    with pytest.raises(Invalid):
        after_values(PageRequest(10, ("a",)), int)
    with pytest.raises(Invalid):
        after_values(PageRequest(10, (1, 2)), int)
    assert after_values(PageRequest(10, (1, "b")), int, str) == (1, "b")

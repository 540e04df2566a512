"""The id of a fact is its place in a stream."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from protocols.values.errors import Malformed
from protocols.values.ids import EntryId


@given(st.integers(0, 2**53 - 1), st.integers(0, 10**6), st.integers(1, 10**12))
def test_an_entry_id_reads_back_from_its_text(device: int, epoch: int, seq: int) -> None:
    entry = EntryId(device, epoch, seq)
    assert EntryId.parse(str(entry)) == entry


@given(st.text(max_size=40))
def test_any_other_text_is_refused_in_words(text: str) -> None:
    with contextlib.suppress(Malformed):
        parsed = EntryId.parse(text)
        assert [int(part) for part in text.split("-")] == list(parsed)

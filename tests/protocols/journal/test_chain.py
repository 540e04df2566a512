"""The chain names its stream, orders its entries and shows any change to them (rule 17)."""

import contextlib
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.journal.chain import genesis, link, links, receipt_mark, signed_bytes
from protocols.journal.codec import MAX_ENTRY_BYTES, decode_checkpoint, decode_entry, encode_entry
from protocols.journal.messages import Checkpoint, Entry
from protocols.values.errors import Malformed

ENTRY = Entry(1, 10, 1, 7, 2, 41, "p12", 0, 1_789_000_000_000, 3, 9_000, -12, 40, 5, 1, b"\x93\x01\x02\x03")
# Written by hand from the msgpack specification: an array of 16 (dc 00 10), whole numbers, a short string, a bin 8.
ENTRY_BYTES = bytes.fromhex("dc0010010a01070229a370313200cf000001a088b5a20003cd2328f4280501c40493010203")


@pytest.mark.rule(17)
def test_rule_17_the_hash_covers_the_former_hash_and_the_very_bytes() -> None:
    start = genesis(7, 2)
    assert start == hashlib.new("sm3", b"quartermaster journal 7 2").digest()
    assert link(start, b"one") == hashlib.new("sm3", start + b"one").digest()
    assert links(start, [b"one", b"two"]) == [link(start, b"one"), link(link(start, b"one"), b"two")]


@pytest.mark.rule(17)
@given(st.lists(st.binary(max_size=40), min_size=1, max_size=8), st.data())
def test_rule_17_any_changed_byte_changes_every_later_hash(bodies: list[bytes], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(bodies) - 1))
    changed = [*bodies[:at], bodies[at] + b"!", *bodies[at + 1 :]]
    before, after = links(genesis(1, 1), bodies), links(genesis(1, 1), changed)
    assert before[:at] == after[:at]
    assert all(old != new for old, new in zip(before[at:], after[at:], strict=True))


@pytest.mark.rule(23)
def test_rule_23_an_entry_of_the_first_format_reads_as_it_was_written() -> None:
    assert decode_entry(ENTRY_BYTES) == ENTRY
    assert encode_entry(ENTRY) == ENTRY_BYTES


def test_rule_23_a_later_formats_appended_fields_are_read_over() -> None:
    longer = bytes.fromhex("dc0011") + ENTRY_BYTES[3:] + b"\xa3new"
    assert decode_entry(longer) == ENTRY


@given(st.binary(max_size=200))
def test_bytes_that_are_no_entry_are_refused_with_a_typed_error(body: bytes) -> None:
    for decode in (decode_entry, decode_checkpoint):
        with contextlib.suppress(Malformed):
            assert isinstance(decode(body), Entry | Checkpoint)


def test_an_entry_of_another_format_or_of_no_end_is_refused() -> None:
    with pytest.raises(Malformed, match="format 2"):
        decode_entry(ENTRY_BYTES.replace(b"\xdc\x00\x10\x01", b"\xdc\x00\x10\x02", 1))
    with pytest.raises(Malformed, match="at most"):
        decode_entry(bytes(MAX_ENTRY_BYTES + 1))


def test_a_receipt_prints_eight_digits_of_the_chain_and_a_signature_covers_the_stream() -> None:
    head = bytes(range(32))
    assert receipt_mark(head) == "00010203"
    assert signed_bytes(7, 2, 41, head) == b"quartermaster checkpoint 7 2 41 " + head

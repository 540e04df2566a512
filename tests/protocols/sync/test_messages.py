"""Bodies of /edge/v1: any bytes are read or refused; digests do not depend on the order rows came in."""

import contextlib
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.sync import messages
from protocols.sync.codec import collection_digest, decode, encode, provision_bytes, session_bytes
from protocols.values.errors import Malformed

KINDS = [
    kind
    for kind in vars(messages).values()
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__module__ == messages.__name__
]


@given(st.binary(max_size=300))
def test_bytes_that_are_no_message_are_refused_with_a_typed_error(body: bytes) -> None:
    for kind in KINDS:
        with contextlib.suppress(Malformed):
            assert isinstance(decode(body, kind), kind)


@pytest.mark.rule(23)
def test_rule_23_a_message_with_appended_fields_is_still_read() -> None:
    answer = messages.DeclarationAnswer(complete=True, sites_missing=2)
    assert encode(answer) == b"\x92\xc3\x02"
    assert decode(b"\x94\xc3\x02\xa5later\x01", messages.DeclarationAnswer) == answer


@pytest.mark.rule(23)
def test_rule_23_an_ask_of_an_older_gateway_says_nothing_about_its_book() -> None:
    older = b"\x94\x07\xcd\x03\x84\x91\x02\xce\x01\x35\x28\x88"
    assert decode(older, messages.LeaseAsk) == messages.LeaseAsk(7, 900, (2,), 20261000, lease_n=0)
    assert encode(messages.LeaseAsk(7, 900, (2,), 20261000, 5)) == b"\x95" + older[1:] + b"\x05"


@pytest.mark.rule(30)
@given(st.lists(st.tuples(st.text(max_size=5), st.integers(0, 10), st.binary(max_size=5)), max_size=6), st.randoms())
def test_rule_30_a_collections_digest_is_the_same_in_any_order(
    rows: list[tuple[str, int, bytes]], random: Random
) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert collection_digest(rows) == collection_digest(shuffled)


def test_what_a_signature_covers_names_who_signs() -> None:
    assert session_bytes(7, 1, 99, b"n") == b"quartermaster session 7 1 99 n"
    assert provision_bytes("ABC", b"\x01") == b"quartermaster provision ABC \x01"

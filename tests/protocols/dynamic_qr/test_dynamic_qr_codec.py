"""The golden code was made apart from this code, by the command line `openssl dgst -sm3 -mac HMAC`."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dynamic_qr.codec import (
    check_characters,
    derive_key,
    make_code,
    make_static,
    parse_any,
    parse_code,
    parse_static,
    step_of,
    verify,
)
from protocols.dynamic_qr.messages import DynamicCode, StaticCode
from protocols.dynamic_qr.stream import PaymentCodeStream
from protocols.values.errors import Malformed
from tests.support.streams import assert_same_however_cut

KEY = bytes(range(32))
STEP = 59_000_000
GOLDEN = "QMDAEAAAAAAA4AAAAAAAACNEA4EITAJUDXMEX2XWVDJ"

pytestmark = [pytest.mark.capability("SET-07"), pytest.mark.rule(15)]

tokens = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", min_size=8, max_size=40)


def test_rule_15_the_golden_code_of_version_1_is_read_for_ever() -> None:
    assert make_code(KEY, site=7, person=1234, step=STEP) == GOLDEN
    assert verify(parse_code(GOLDEN), KEY, now_step=STEP, window=0)


def test_rule_15_a_key_is_bound_to_site_and_person() -> None:
    root = b"r" * 32
    site_key = hmac.new(root, b"site 7", "sm3").digest()
    assert derive_key(root, 7, 1234) == hmac.new(site_key, b"dynamic code 1234", "sm3").digest()
    assert len({derive_key(root, site, person) for site in (7, 8) for person in (1, 2)}) == 4
    assert "sm3" in hashlib.algorithms_available


@pytest.mark.parametrize(("now_step", "genuine"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_rule_15_a_code_is_good_only_within_its_window(now_step: int, genuine: bool) -> None:
    code = parse_code(make_code(KEY, site=1, person=2, step=STEP))
    assert verify(code, KEY, now_step=STEP + now_step, window=1) is genuine


@pytest.mark.parametrize("change", [{"site": 2}, {"person": 3}, {"step": STEP + 1}, {"mac": bytes(8)}, {"version": 2}])
def test_rule_15_a_changed_field_is_found_out(change: dict[str, int]) -> None:
    code = parse_code(make_code(KEY, site=1, person=2, step=STEP))
    fields = {name: getattr(code, name) for name in code.__struct_fields__} | change
    assert not verify(DynamicCode(**fields), KEY, now_step=STEP, window=5)


def test_rule_15_another_persons_key_does_not_verify() -> None:
    assert not verify(parse_code(GOLDEN), bytes(32), now_step=STEP, window=1)


def test_fields_out_of_range_are_not_genuine_and_not_made() -> None:
    assert not verify(DynamicCode(version=1, site=-1, person=2**60, step=2**40, mac=b""), KEY, now_step=0, window=2**41)
    for wrong in ({"site": 2**40}, {"person": -1}, {"step": 2**32}):
        with pytest.raises(ValueError, match="does not fit"):
            make_code(KEY, **({"site": 1, "person": 1, "step": 1} | wrong))


def test_a_step_is_thirty_seconds() -> None:
    assert (step_of(29_999), step_of(30_000), step_of(60_001)) == (0, 1, 2)


@pytest.mark.parametrize("text", ["", "QMD", "QMD" + "a" * 40, "QMD" + "A" * 40, "QMD" + "A" * 41, "XMD" + "A" * 40])
def test_other_text_is_no_dynamic_code(text: str) -> None:
    with pytest.raises(Malformed):
        parse_code(text)


def test_the_check_characters_are_those_of_the_standards_own_example() -> None:
    assert check_characters("ISO79") == "3W"


def test_a_misread_static_code_is_told_from_an_unknown_one() -> None:
    text = make_static("ABCDEFGH23")
    assert parse_static(text) == StaticCode(token="ABCDEFGH23")
    with pytest.raises(Malformed, match="check characters"):
        parse_static(text.replace("C", "D"))


@pytest.mark.parametrize("token", ["SHORT", "abcdefgh", "A" * 41, "ABCDEFG1"])
def test_a_token_of_another_form_is_refused_when_made(token: str) -> None:
    with pytest.raises(ValueError, match="token"):
        make_static(token)


@given(st.integers(0, 2**40 - 1), st.integers(0, 2**53 - 1), st.integers(0, 2**32 - 1))
def test_every_dynamic_code_round_trips(site: int, person: int, step: int) -> None:
    code = parse_any(make_code(KEY, site=site, person=person, step=step))
    assert isinstance(code, DynamicCode)
    assert (code.site, code.person, code.step) == (site, person, step)
    assert verify(code, KEY, now_step=step, window=0)


@given(tokens, st.data())
def test_a_single_wrong_character_never_passes_the_check(token: str, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567").filter(lambda new: new != token[position]))
    text = make_static(token)
    wrong = text[: 3 + position] + other + text[4 + position :]
    with pytest.raises(Malformed):
        parse_any(wrong)


@given(st.text(max_size=60))
def test_arbitrary_text_is_read_or_malformed(text: str) -> None:
    for candidate in (text, "QMD" + text, "QMS" + text):
        try:
            parse_any(candidate)
        except Malformed:
            continue


def test_payment_codes_are_picked_out_of_a_scanners_bytes() -> None:
    data = GOLDEN.encode() + b"\r\n6901234567892\r\n" + make_static("ABCDEFGH").encode() + b"\r\nQMD"
    found = assert_same_however_cut(PaymentCodeStream, data)
    assert [type(code) for code in found] == [DynamicCode, StaticCode]
    stream = PaymentCodeStream()
    stream.feed(data)
    assert stream.other_codes == 1

"""Golden bytes: the documented RDM6300 example and the documented ID-12 framing of the same number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.card_reader.codec import decode_frame, decode_line, encode_frame
from protocols.card_reader.messages import CardNumber
from protocols.card_reader.stream import FrameStream, LineStream
from protocols.values.errors import Malformed
from tests.support.streams import assert_same_however_cut

RDM6300 = b"\x02100086F44426\x03"
ID12 = b"\x02100086F44426\r\n\x03"

pytestmark = pytest.mark.capability("SET-07")

uids = st.sampled_from([4, 5, 7, 10]).flatmap(lambda size: st.binary(min_size=size, max_size=size))


@pytest.mark.parametrize("frame", [RDM6300, ID12, RDM6300.lower()])
def test_documented_frames_give_the_number_with_and_without_a_line_end(frame: bytes) -> None:
    assert decode_frame(frame) == CardNumber(uid="100086F444", checked=True)


def test_a_frame_is_made_as_documented() -> None:
    assert encode_frame("100086F444") == ID12


@pytest.mark.parametrize(
    "frame",
    [RDM6300[:-1], RDM6300.replace(b"26", b"27"), b"\x02\x03", b"\x021\x03", b"\x02GG0086F44426\x03", b"\x02AAAA\x03"],
)
def test_damaged_frames_are_malformed(frame: bytes) -> None:
    with pytest.raises(Malformed):
        decode_frame(frame)


def test_a_bare_line_is_read_but_not_vouched_for() -> None:
    assert decode_line(b"04a1b2c3") == CardNumber(uid="04A1B2C3", checked=False)
    for wrong in (b"04a1b2", b"hello", b""):
        with pytest.raises(Malformed):
            decode_line(wrong)


def test_the_stream_resynchronises_after_noise_and_a_cut_frame() -> None:
    data = b"\xff\x03\x02" + RDM6300[:6] + ID12 + b"\r\n" + RDM6300 + b"\x0210"
    found = assert_same_however_cut(FrameStream, data)
    assert [number.uid for number in found] == ["100086F444", "100086F444"]


def test_a_number_of_another_length_is_refused_when_made() -> None:
    with pytest.raises(ValueError, match="3 bytes"):
        encode_frame("A1B2C3")


@given(uids)
def test_every_number_round_trips(uid: bytes) -> None:
    frame = encode_frame(uid.hex())
    assert decode_frame(frame).uid == uid.hex().upper()
    assert len(assert_same_however_cut(FrameStream, frame + b"\x02A")) == 1
    assert len(assert_same_however_cut(LineStream, uid.hex().encode() + b"\r\n04")) == 1


@given(st.binary(max_size=120))
def test_arbitrary_bytes_never_break_the_streams(data: bytes) -> None:
    assert_same_however_cut(FrameStream, data)
    assert_same_however_cut(LineStream, data)


@given(st.binary(max_size=30))
def test_arbitrary_frames_and_lines_are_decoded_or_malformed(data: bytes) -> None:
    for decode in (decode_frame, decode_line):
        for candidate in (data, b"\x02" + data + b"\x03"):
            try:
                decode(candidate)
            except Malformed:
                continue

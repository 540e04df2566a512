"""Golden bytes: the documented +20.00 of format 0 and the documented A12 line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.scale.messages import ScaleReading
from protocols.scale_xk3190.codec import decode_frame, decode_line, encode_frame, frame_reading, line_reading
from protocols.scale_xk3190.messages import WeightFrame, WeightLine
from protocols.scale_xk3190.stream import FrameStream, LineStream
from protocols.values.errors import Malformed
from tests.support.streams import assert_same_however_cut

TWENTY = bytes.fromhex("02 2B 30 30 32 30 30 30 32 31 42 03")
TWENTY_RAW_NIBBLES = bytes.fromhex("02 2B 30 30 32 30 30 30 32 31 3B 03")

pytestmark = pytest.mark.capability("SET-03")

frames = st.builds(WeightFrame, digits=st.integers(-999_999, 999_999), decimals=st.integers(0, 4))


def kilograms() -> FrameStream:
    return FrameStream(unit="kg")


def test_the_documented_frame_is_plus_twenty_and_is_made_the_same() -> None:
    assert decode_frame(TWENTY) == WeightFrame(digits=2000, decimals=2)
    assert encode_frame(WeightFrame(digits=2000, decimals=2)) == TWENTY


def test_check_characters_as_raw_nibbles_are_read_too() -> None:
    assert decode_frame(TWENTY_RAW_NIBBLES) == WeightFrame(digits=2000, decimals=2)


def test_the_reading_is_exact_in_the_unit_of_the_indicator() -> None:
    reading = frame_reading(decode_frame(TWENTY), unit="kg")
    assert reading == ScaleReading(weight_mg=20_000_000, zero=False, division_mg=10_000)
    assert frame_reading(WeightFrame(digits=-412, decimals=0), unit="g").weight_mg == -412_000


@pytest.mark.parametrize(
    "frame",
    [
        TWENTY[:-1],
        TWENTY + b"\x00",
        TWENTY.replace(b"+", b"*"),
        TWENTY[:4] + b"3" + TWENTY[5:],
        TWENTY[:8] + b"5" + TWENTY[9:],
        b"\x03" + TWENTY[1:],
    ],
)
def test_damaged_frames_are_malformed(frame: bytes) -> None:
    with pytest.raises(Malformed):
        decode_frame(frame)


@pytest.mark.parametrize("message", [WeightFrame(digits=1_000_000, decimals=0), WeightFrame(digits=1, decimals=5)])
def test_a_number_that_does_not_fit_is_refused_when_made(message: WeightFrame) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        encode_frame(message)


def test_the_documented_a12_line_is_gross_3_17_kg() -> None:
    line = decode_line(b"ww0003.17kg")
    assert line == WeightLine(digits=317, decimals=2, unit="kg", net=False)
    assert line_reading(line).weight_mg == 3_170_000
    assert decode_line(b"wn-003.17kg").net


def test_the_stream_resynchronises_after_noise_and_a_cut_frame() -> None:
    data = b"\xff\x02+0" + TWENTY + TWENTY[:5] + TWENTY + b"\x02"
    found = assert_same_however_cut(kilograms, data)
    assert [reading.weight_mg for reading in found] == [20_000_000, 20_000_000]
    stream = kilograms()
    stream.feed(data)
    assert stream.dropped_bytes == 9


def test_the_line_stream_skips_other_lines() -> None:
    found = assert_same_however_cut(LineStream, b"17kg\r\nww0003.17kg\r\nwx1kg\r\nww0000.00kg\r\nww0")
    assert [(reading.weight_mg, reading.zero) for reading in found] == [(3_170_000, False), (0, True)]


def test_an_unknown_unit_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="not metric"):
        FrameStream(unit="lb")


def test_four_decimals_of_grams_are_dropped_not_rounded() -> None:
    stream = FrameStream(unit="g")
    assert stream.feed(encode_frame(WeightFrame(digits=12345, decimals=4))) == []
    assert stream.dropped_bytes == 12


@given(frames, st.binary(max_size=3).filter(lambda tail: b"\x02" not in tail))
def test_every_frame_round_trips_with_a_tail_behind_it(message: WeightFrame, tail: bytes) -> None:
    frame = encode_frame(message)
    assert decode_frame(frame) == message
    assert len(assert_same_however_cut(lambda: FrameStream(unit="t"), frame + tail)) == 1


@given(st.binary(max_size=100))
def test_arbitrary_bytes_never_break_the_streams(data: bytes) -> None:
    assert_same_however_cut(kilograms, data)
    assert_same_however_cut(LineStream, data)


@given(st.binary(max_size=16))
def test_arbitrary_frames_and_lines_are_decoded_or_malformed(data: bytes) -> None:
    for decode in (decode_frame, decode_line):
        try:
            decode(data)
        except Malformed:
            continue

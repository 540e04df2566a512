"""Golden bytes: laid out by hand from the status tables and the checksum rule of the IND445 manual (see README.md)."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.scale_toledo.codec import checksum, decode_frame, encode_frame, to_reading
from protocols.scale_toledo.messages import ContinuousFrame
from protocols.scale_toledo.stream import ContinuousStream
from protocols.values.errors import Malformed
from tests.support.streams import assert_same_however_cut

# A: 0x2D = constant bit, step 1, xxx.xxx   B: 0x30 = kg   C: 0x20 = constant bit; 1.250 kg gross at rest
RESTING = bytes.fromhex("02 2D 30 20") + b"  1250" + b"000000" + b"\r"
# B: 0x39 = net, moving, kg; A: 0x2A = step 1, no decimals, C: 0x21 = grams (B says kg only when C is 0)
MOVING_NET = bytes.fromhex("02 2A 39 21") + b"000412" + b"000300" + b"\r"

pytestmark = pytest.mark.capability("SET-03")


def with_checksum(frame: bytes) -> bytes:
    total = sum(frame) % 128
    return frame + bytes(((128 - total) % 128,))


def test_a_resting_gross_weight_is_read_exactly() -> None:
    reading = to_reading(decode_frame(RESTING, checked=False))
    assert (reading.weight_mg, reading.stable, reading.net, reading.zero) == (1_250_000, True, False, False)
    assert reading.division_mg == 1_000


def test_a_moving_net_weight_in_grams_tells_its_tare() -> None:
    reading = to_reading(decode_frame(MOVING_NET, checked=False))
    assert (reading.weight_mg, reading.tare_mg, reading.stable, reading.net) == (412_000, 300_000, False, True)


@pytest.mark.parametrize(
    ("status_a", "shown_mg"),
    [(0x28, 125_000_000_000), (0x29, 12_500_000_000), (0x2A, 1_250_000_000), (0x2B, 125_000_000), (0x2F, 12_500)],
)
def test_the_point_stands_where_status_a_says(status_a: int, shown_mg: int) -> None:
    frame = RESTING[:1] + bytes((status_a,)) + RESTING[2:]
    assert to_reading(decode_frame(frame, checked=False)).weight_mg == shown_mg


@pytest.mark.parametrize(("status_b", "overload", "underload"), [(0x34, True, False), (0x36, False, True)])
def test_out_of_range_is_overload_or_underload_by_sign(status_b: int, overload: bool, underload: bool) -> None:
    frame = RESTING[:2] + bytes((status_b,)) + RESTING[3:4] + b"------" + RESTING[10:]
    reading = to_reading(decode_frame(frame, checked=False))
    assert (reading.overload, reading.underload, reading.zero) == (overload, underload, False)


@pytest.mark.parametrize(("status_a", "division_mg"), [(0x2D, 1_000), (0x35, 2_000), (0x3D, 5_000)])
def test_the_step_of_the_scale_is_told(status_a: int, division_mg: int) -> None:
    frame = RESTING[:1] + bytes((status_a,)) + RESTING[2:]
    assert to_reading(decode_frame(frame, checked=False)).division_mg == division_mg


def test_parity_bits_are_ignored() -> None:
    odd = bytes(byte | 0x80 if byte.bit_count() % 2 == 0 else byte for byte in RESTING)
    assert decode_frame(odd, checked=False) == decode_frame(RESTING, checked=False)


def test_the_checksum_is_the_twos_complement_of_seven_bit_sums() -> None:
    frame = with_checksum(RESTING)
    assert checksum(RESTING) == frame[-1]
    assert decode_frame(frame, checked=True).digits == 1250
    with pytest.raises(Malformed):
        decode_frame(frame[:-1] + bytes((frame[-1] ^ 1,)), checked=True)


def test_pounds_and_ounces_are_refused() -> None:
    pounds = RESTING[:2] + b"\x20" + RESTING[3:]
    with pytest.raises(Malformed):
        to_reading(decode_frame(pounds, checked=False))


def test_a_weight_that_is_no_number_is_malformed() -> None:
    with pytest.raises(Malformed):
        decode_frame(RESTING[:4] + b"12 450" + RESTING[10:], checked=False)


def test_an_unchecked_stream_skips_checksums_and_a_checked_one_needs_them() -> None:
    checked = with_checksum(RESTING) + with_checksum(MOVING_NET)
    for make in (partial(ContinuousStream, checked=True), partial(ContinuousStream, checked=False)):
        found = assert_same_however_cut(make, checked)
        assert [reading.weight_mg for reading in found] == [1_250_000, 412_000]
    assert ContinuousStream(checked=True).feed(RESTING + MOVING_NET) == []


def test_the_stream_resynchronises_after_noise_and_a_cut_frame() -> None:
    data = b"\x02\x02zz" + RESTING[:9] + MOVING_NET + b"\r" + RESTING
    found = assert_same_however_cut(lambda: ContinuousStream(checked=False), data)
    assert [reading.weight_mg for reading in found] == [412_000, 1_250_000]


frames = st.builds(
    ContinuousFrame,
    digits=st.integers(0, 999_999),
    tare_digits=st.integers(0, 999_999),
    decimals=st.integers(-2, 3),
    unit=st.sampled_from(["g", "kg", "t"]),
    step=st.sampled_from([0, 1, 2, 5]),
    net=st.booleans(),
    negative=st.booleans(),
    out_of_range=st.booleans(),
    motion=st.booleans(),
)


@given(frames, st.booleans())
def test_every_frame_round_trips(message: ContinuousFrame, checked: bool) -> None:
    frame = encode_frame(message, checked=checked)
    assert decode_frame(frame, checked=checked) == message
    assert assert_same_however_cut(lambda: ContinuousStream(checked=checked), frame + b"\x02\x20") != []


def test_what_does_not_fit_is_refused_when_made() -> None:
    message = decode_frame(RESTING, checked=False)
    for wrong in ({"digits": 1_000_000}, {"decimals": 6}, {"unit": "lb"}):
        fields = {name: getattr(message, name) for name in message.__struct_fields__} | wrong
        with pytest.raises(ValueError, match=r"fit|unit"):
            encode_frame(ContinuousFrame(**fields), checked=False)


@given(st.binary(max_size=120), st.booleans())
def test_arbitrary_bytes_never_break_the_stream(data: bytes, checked: bool) -> None:
    assert_same_however_cut(lambda: ContinuousStream(checked=checked), data)


@given(st.binary(min_size=17, max_size=18), st.booleans())
def test_arbitrary_frames_are_decoded_or_malformed(data: bytes, checked: bool) -> None:
    try:
        to_reading(decode_frame(b"\x02" + data[1:16] + b"\r" + data[17:], checked=checked))
    except Malformed:
        return

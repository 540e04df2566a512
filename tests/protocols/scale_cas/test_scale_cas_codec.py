"""Golden bytes: the CI-600D and CI-400 manuals' layout, with their own example of a weight, 13.5 kg as `000013.5`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.scale_cas.codec import decode_frame, encode_frame, lamp_byte, to_reading
from protocols.scale_cas.messages import CasFrame
from protocols.scale_cas.stream import CasStream
from protocols.values.errors import Malformed
from tests.support.streams import assert_same_however_cut

STABLE_GROSS = b"ST,GS,1\xe4,000013.5 kg\r\n"
UNSTABLE_NET = b"US,NT,1\xa2,000.4120 kg\r\n"

pytestmark = pytest.mark.capability("SET-03")


def test_the_manuals_example_is_13_5_kg_gross_and_stable() -> None:
    reading = to_reading(decode_frame(STABLE_GROSS))
    assert (reading.weight_mg, reading.stable, reading.net, reading.zero) == (13_500_000, True, False, False)


def test_net_and_unstable_are_told() -> None:
    reading = to_reading(decode_frame(UNSTABLE_NET))
    assert (reading.weight_mg, reading.stable, reading.net) == (412_000, False, True)


def test_the_zero_lamp_is_the_zero_mark() -> None:
    assert to_reading(decode_frame(b"ST,GS,1\xe5,00000.00 kg\r\n")).zero


@pytest.mark.parametrize("field", [b"        ", b"--------", b"999999.9"])
def test_overload_needs_no_number(field: bytes) -> None:
    reading = to_reading(decode_frame(b"OL,GS,1\xa4," + field + b" kg\r\n"))
    assert (reading.overload, reading.stable) == (True, False)


def test_a_negative_overload_is_an_underload() -> None:
    assert to_reading(decode_frame(b"OL,GS,1\xa4,-00001.0 kg\r\n")).underload


def test_lamps_are_set_as_the_manual_numbers_them() -> None:
    assert lamp_byte(stable=True, net=False, zero=False) == 0xE4
    assert lamp_byte(stable=False, net=True, zero=True) == 0xA3


@pytest.mark.parametrize(
    "frame",
    [
        STABLE_GROSS[:-1],
        STABLE_GROSS.replace(b"ST", b"SX"),
        STABLE_GROSS.replace(b"GS", b"XX"),
        STABLE_GROSS.replace(b",0", b";0"),
        STABLE_GROSS.replace(b"13.5", b"1x.5"),
        b"ST,GS,1\xe4,            \r\n"[:22],
    ],
)
def test_damaged_frames_are_malformed(frame: bytes) -> None:
    with pytest.raises(Malformed):
        to_reading(decode_frame(frame))


def test_a_lamp_byte_that_looks_like_a_line_end_does_not_cut_the_frame() -> None:
    odd = STABLE_GROSS[:7] + b"\n" + STABLE_GROSS[8:]
    assert len(assert_same_however_cut(CasStream, odd)) == 1


def test_the_stream_resynchronises_after_noise_and_a_cut_frame() -> None:
    data = b"SUO,,\xff" + STABLE_GROSS[:12] + UNSTABLE_NET + b"\r\n" + STABLE_GROSS + b"ST"
    found = assert_same_however_cut(CasStream, data)
    assert [reading.weight_mg for reading in found] == [412_000, 13_500_000]


def test_pounds_are_dropped() -> None:
    stream = CasStream()
    assert stream.feed(STABLE_GROSS.replace(b"kg", b"lb")) == []
    assert stream.dropped_bytes == 22


frames = st.builds(
    CasFrame,
    header=st.sampled_from(["ST", "US", "OL"]),
    net=st.booleans(),
    device_id=st.integers(0x31, 0x3D),
    lamps=st.integers(0xA0, 0xFF),
    digits=st.integers(-999_999, 999_999),
    decimals=st.integers(0, 3),
    unit=st.sampled_from(["kg", "g", "t"]),
)


@given(frames)
def test_every_frame_round_trips(message: CasFrame) -> None:
    frame = encode_frame(message)
    assert decode_frame(frame) == message
    assert len(assert_same_however_cut(CasStream, frame + b"ST,")) == 1


def test_a_number_that_does_not_fit_is_refused_when_made() -> None:
    message = CasFrame(header="ST", net=False, device_id=49, lamps=0xE4, digits=10**8, decimals=1, unit="kg")
    with pytest.raises(ValueError, match="does not fit"):
        encode_frame(message)


@given(st.binary(max_size=120))
def test_arbitrary_bytes_never_break_the_stream(data: bytes) -> None:
    assert_same_however_cut(CasStream, data)


@given(st.binary(min_size=11, max_size=11))
def test_arbitrary_fields_are_decoded_or_malformed(data: bytes) -> None:
    try:
        to_reading(decode_frame(b"ST,GS,1\xe4," + data + b"\r\n"))
    except Malformed:
        return

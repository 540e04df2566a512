"""Golden strings: those documented in public material (see README.md)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.scale_and.codec import decode_line, encode_line, to_reading
from protocols.scale_and.messages import AndLine
from protocols.scale_and.stream import AndStream
from protocols.values.errors import Malformed
from tests.support.streams import assert_same_however_cut

pytestmark = pytest.mark.capability("SET-03")


@pytest.mark.parametrize(
    ("line", "weight_mg"),
    [
        (b"ST,GS,+  1.250kg", 1_250_000),
        (b"ST,GS,   245.6 g", 245_600),
        (b"ST,GS,+0012450kg", 12_450_000_000),
        (b"ST,GS,+00123.4  g", 123_400),
    ],
)
def test_documented_strings_are_stable_gross_weights(line: bytes, weight_mg: int) -> None:
    reading = to_reading(decode_line(line))
    assert (reading.weight_mg, reading.stable, reading.net) == (weight_mg, True, False)


def test_blanks_and_a_comma_before_the_unit_are_read_as_other_makers_write_them() -> None:
    for line in (b"ST,NT,-  0.500kg", b"ST,NT,-0000.500 kg", b"st,nt,-0000.500,kg", b"ST,NT,-500 g"):
        assert to_reading(decode_line(line)).weight_mg == -500_000


def test_a_line_is_made_as_documented() -> None:
    message = AndLine(header="ST", net=False, digits=12450, decimals=0, unit="kg")
    assert encode_line(message) == b"ST,GS,+0012450kg\r\n"


def test_balances_leave_the_mode_out() -> None:
    reading = to_reading(decode_line(b"US,+00412.35  g"))
    assert (reading.weight_mg, reading.stable, reading.net) == (412_350, False, None)


@pytest.mark.parametrize(
    ("line", "overload", "underload"),
    [(b"OL,GS,+9999999kg", True, False), (b"OL,-9999999E+19", False, True), (b"OL,GS,+       kg", True, False)],
)
def test_out_of_range_is_overload_or_underload_by_sign(line: bytes, overload: bool, underload: bool) -> None:
    reading = to_reading(decode_line(line))
    assert (reading.overload, reading.underload, reading.stable) == (overload, underload, False)


@pytest.mark.parametrize("line", [b"QT,+00000123 PC", b"ST,GS,+12345", b"ST,GS,+12.3.4kg", b"", b"ST,GS,+  1.250lb"])
def test_counting_unitless_and_foreign_lines_are_malformed(line: bytes) -> None:
    with pytest.raises(Malformed):
        to_reading(decode_line(line))


def test_two_lines_run_together_by_a_cut_are_dropped_whole() -> None:
    found = assert_same_however_cut(AndStream, b"T,GS,1kg\r\nST,GS,+0012ST,GS,+0012450kg\r\nST,GS,   245.6 g\r\nST")
    assert [reading.weight_mg for reading in found] == [245_600]


lines = st.builds(
    AndLine,
    header=st.sampled_from(["ST", "US"]),
    net=st.sampled_from([True, False, None]),
    digits=st.integers(0, 999_999),
    decimals=st.integers(0, 3),
    unit=st.sampled_from(["kg", "g"]),
)


@given(lines)
def test_every_line_round_trips(message: AndLine) -> None:
    line = encode_line(message)
    assert decode_line(line.removesuffix(b"\r\n")) == message
    assert len(assert_same_however_cut(AndStream, line + b"ST,GS")) == 1


@pytest.mark.parametrize("negative", [True, False])
def test_an_overload_line_round_trips(negative: bool) -> None:
    message = AndLine(header="OL", net=False, digits=None, decimals=0, unit="kg", negative=negative)
    reading = to_reading(decode_line(encode_line(message).strip()))
    assert (reading.overload, reading.underload) == (not negative, negative)


def test_a_number_that_does_not_fit_is_refused_when_made() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        encode_line(AndLine(header="ST", net=False, digits=10**8, decimals=0, unit="g"))


@given(st.binary(max_size=120))
def test_arbitrary_bytes_never_break_the_stream(data: bytes) -> None:
    assert_same_however_cut(AndStream, data)


@given(st.from_regex(rb"(ST|US|OL),(GS,)?[-+ 0-9.E]{1,11}[a-z]{0,2}", fullmatch=True))
def test_lines_that_nearly_fit_are_decoded_or_malformed(line: bytes) -> None:
    try:
        to_reading(decode_line(line))
    except Malformed:
        return

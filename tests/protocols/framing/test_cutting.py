from hypothesis import given
from hypothesis import strategies as st

from protocols.framing.frames import MORE, NOISE, FrameCutter
from protocols.framing.lines import LineCutter
from tests.support.streams import assert_same_however_cut


def judge_by_length_byte(buffer: bytes) -> int | None:
    if buffer[0] > 5:
        return NOISE
    return buffer[0] + 1 if len(buffer) > buffer[0] else MORE


def test_lines_end_at_cr_lf_or_both_and_empty_ones_vanish() -> None:
    assert LineCutter(most_bytes=8).feed(b"a\rb\nc\r\n\r\n\nd") == [b"a", b"b", b"c"]


def test_an_overlong_line_is_dropped_whole_and_counted() -> None:
    cutter = LineCutter(most_bytes=4)
    assert cutter.feed(b"123456\r\nok\n") == [b"ok"]
    assert cutter.dropped_bytes == 6


def test_a_line_of_exactly_the_limit_is_kept() -> None:
    assert LineCutter(most_bytes=4).feed(b"1234\n") == [b"1234"]


def test_a_frame_that_never_completes_gives_way_when_the_buffer_is_full() -> None:
    cutter = FrameCutter(lambda _: MORE, most_bytes=4)
    assert cutter.feed(b"abcdefgh") == []
    assert len(cutter.waiting) < 4
    assert cutter.dropped_bytes == 5


def test_noise_before_and_between_frames_is_skipped_and_counted() -> None:
    cutter = FrameCutter(judge_by_length_byte, most_bytes=8)
    assert cutter.feed(b"\xff\x01a\xfe\x02bc") == [b"\x01a", b"\x02bc"]
    assert cutter.dropped_bytes == 2


def test_reset_forgets_the_unfinished_frame() -> None:
    cutter = FrameCutter(judge_by_length_byte, most_bytes=8)
    cutter.feed(b"\x03ab")
    cutter.reset()
    assert cutter.feed(b"\x01z") == [b"\x01z"]


@given(st.binary(max_size=200))
def test_lines_are_the_same_however_the_bytes_are_cut(data: bytes) -> None:
    assert_same_however_cut(lambda: LineCutter(most_bytes=10), data)


@given(st.binary(max_size=200))
def test_frames_are_the_same_however_the_bytes_are_cut_and_no_byte_is_lost(data: bytes) -> None:
    frames = assert_same_however_cut(lambda: FrameCutter(judge_by_length_byte, most_bytes=8), data)
    cutter = FrameCutter(judge_by_length_byte, most_bytes=8)
    cutter.feed(data)
    assert sum(map(len, frames)) + cutter.dropped_bytes + len(cutter.waiting) == len(data)

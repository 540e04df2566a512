import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.code_scanner.codec import decode_line, encode_line
from protocols.code_scanner.messages import ScannedCode
from protocols.code_scanner.stream import CodeStream
from protocols.values.errors import Malformed
from tests.support.streams import assert_same_however_cut

pytestmark = pytest.mark.capability("SET-07")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"6901234567892", "6901234567892"),
        (b"\x02QMS\x03", "QMS"),
        ("餐票".encode(), "餐票"),
        ("餐票".encode("gb18030"), "餐票"),
        (b"a b ", "a b"),
    ],
)
def test_text_is_read_in_utf_8_or_gb18030_without_its_wrapping(line: bytes, text: str) -> None:
    assert decode_line(line) == ScannedCode(text=text)


@pytest.mark.parametrize("line", [b"", b"  ", b"a\x07b", b"\xff\xff", b"x" * 1025])
def test_what_is_no_text_is_malformed(line: bytes) -> None:
    with pytest.raises(Malformed):
        decode_line(line)


def test_an_endless_code_is_dropped_and_the_next_is_read() -> None:
    stream = CodeStream()
    assert stream.feed(b"9" * 5000) == []
    assert [code.text for code in stream.feed(b"\r\nnext\r")] == ["next"]
    assert stream.dropped_bytes == 5000


def test_reset_forgets_half_a_code() -> None:
    stream = CodeStream()
    stream.feed(b"half")
    stream.reset()
    assert [code.text for code in stream.feed(b"whole\n")] == ["whole"]


@pytest.mark.parametrize("text", ["", "a\nb", "x" * 1025])
def test_what_is_not_one_line_is_refused_when_made(text: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        encode_line(ScannedCode(text=text))


@given(
    st.text(
        st.characters(min_codepoint=0x21, max_codepoint=0xFFFF, exclude_categories=["C", "Z"]), min_size=1, max_size=100
    )
)
def test_every_text_round_trips(text: str) -> None:
    message = ScannedCode(text=text)
    assert assert_same_however_cut(CodeStream, encode_line(message) + b"tail") == [message]


@given(st.binary(max_size=300))
def test_arbitrary_bytes_never_break_the_stream(data: bytes) -> None:
    assert_same_however_cut(CodeStream, data)

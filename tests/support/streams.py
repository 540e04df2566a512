"""What every codec's stream owes, whatever its format: the same messages however the bytes are cut."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

Message_co = TypeVar("Message_co", covariant=True)


class Stream(Protocol[Message_co]):
    """A codec's stream as the tests see it."""

    def feed(self, data: bytes) -> Sequence[Message_co]:
        """Bytes in, messages out."""


def feed_in_chunks(stream: Stream[Message_co], data: bytes, size: int) -> list[Message_co]:
    """All messages of `data` fed `size` bytes at a time."""
    found: list[Message_co] = []
    for start in range(0, len(data), size):
        found.extend(stream.feed(data[start : start + size]))
    return found


def assert_same_however_cut(make: Callable[[], Stream[Message_co]], data: bytes) -> list[Message_co]:
    """Whole, byte by byte, in sevens and with the last byte late: the same messages; returns them."""
    whole = list(make().feed(data))
    for size in (1, 7):
        assert feed_in_chunks(make(), data, size) == whole
    stream = make()
    assert [*stream.feed(data[:-1]), *stream.feed(data[-1:])] == whole
    return whole

"""What a byte link promises to a driver, whatever carries it."""

from typing import Protocol


class TransportUnavailable(Exception):
    """The link cannot be opened, was lost, or did not answer in time: close it and try again later."""


class TransportTimeout(TransportUnavailable):
    """Nothing came within the time allowed; the link itself may be well."""


class Transport(Protocol):
    """One byte link. Not open when made; open, used and closed by one owner at a time.

    Every method but `close` raises TransportUnavailable, and nothing else, when the link fails.
    """

    @property
    def url(self) -> str:
        """Where it leads, as given in the settings; for logs."""

    async def open(self, *, timeout_s: float) -> None:
        """Open the link, dropping bytes that waited from before. Opening an open link opens it anew."""

    async def close(self) -> None:
        """Close the link; never raises, harmless when closed. A waiting `read` ends as unavailable."""

    async def read(self, *, timeout_s: float) -> bytes:
        """Return 1 to 4,096 bytes; TransportTimeout when none came in time, TransportUnavailable at its end.

        With `timeout_s` 0 only what already waits is returned.
        """

    async def write(self, data: bytes, *, timeout_s: float) -> None:
        """Hand over all bytes within the time."""

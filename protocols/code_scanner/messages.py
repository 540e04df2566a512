"""What the scanner sends."""

import msgspec


class ScannedCode(msgspec.Struct, frozen=True):
    """A code's text: not empty, without control characters."""

    text: str

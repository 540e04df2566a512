"""What the reader sends."""

import msgspec


class CardNumber(msgspec.Struct, frozen=True):
    """A card was read: `uid` in upper-case hex, as sent; `checked` when a checksum vouched for it."""

    uid: str
    checked: bool

"""Ids. Every entity's id is a whole number the cloud's database gives (below 2**53, so a browser reads it exactly)."""

from typing import NamedTuple

from protocols.values.errors import Malformed

MAX_ID = 2**53 - 1


class EntryId(NamedTuple):
    """The id of a fact: the device that wrote it, the epoch the cloud gave it, its number in that stream (from 1)."""

    device: int
    epoch: int
    seq: int

    def __str__(self) -> str:
        return f"{self.device}-{self.epoch}-{self.seq}"

    @classmethod
    def parse(cls, text: str) -> "EntryId":
        """Read the text form; raises Malformed."""
        parts = text.split("-")
        if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) <= 16 for part in parts):
            raise Malformed("an entry id reads DEVICE-EPOCH-SEQ, three whole numbers")
        return cls(*(int(part) for part in parts))

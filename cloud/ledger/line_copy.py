"""Lines of edge facts as the bytes of a binary COPY. A fact's lines have one shape, so one `struct` packs a row.

Made in a worker thread while PostgreSQL takes the rows before; asyncpg's own encoding runs value by value, and on
the event loop. Layout: PostgreSQL's documentation, "COPY, Binary Format"; columns in the order of LINE_COLUMNS.
"""

import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from cloud.ledger.books import Key
from cloud.ledger.posting import LINE_COLUMNS

FactLine = tuple[int, Key, Key, int, int, int, int, int]  # kind, debit, credit, amount, person, business_day, seq, part

COPY_HEAD: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
COPY_TAIL: Final = b"\xff\xff"

_POSTGRES_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_ACCOUNT: Final = "ihiqiqiqii"
_MONEY: Final = struct.Struct(f">ih{_ACCOUNT}{_ACCOUNT}iqiqii")
_PLACE: Final = struct.Struct(">iqih")
_NULL_AND_EMPTY: Final = struct.pack(">ii", -1, 0)  # cause, memo


def microseconds(moment: datetime) -> int:
    """An instant as PostgreSQL counts it."""
    return (moment - _POSTGRES_EPOCH) // timedelta(microseconds=1)


class LinePacker:
    """Packs the lines of one batch: what they have in common is packed once."""

    def __init__(
        self, *, organisation: int, posting_day: int, at: datetime, device: int, epoch: int, branch: int
    ) -> None:  # fmt: skip
        self._before = struct.pack(">hiq", len(LINE_COLUMNS), 8, organisation)
        self._between = struct.pack(">iiiqiqiiih", 4, posting_day, 8, microseconds(at), 8, device, 4, epoch, 2, branch)

    def pack(self, lines: Sequence[FactLine]) -> bytes:
        """The whole COPY. Raises struct.error for a number that its column cannot hold."""
        parts = [COPY_HEAD]
        add, money, place = parts.append, _MONEY.pack, _PLACE.pack
        before, between, after = self._before, self._between, _NULL_AND_EMPTY
        for kind, (a, b, c, d, e), (f, g, h, i, j), amount, person, day, seq, part in lines:
            add(before)
            add(money(
                2, kind, 2, a, 8, b, 8, c, 8, d, 4, e, 2, f, 8, g, 8, h, 8, i, 4, j, 8, amount, 8, person, 4, day
            ))  # fmt: skip
            add(between)
            add(place(8, seq, 2, part))
            add(after)
        parts.append(COPY_TAIL)
        return b"".join(parts)

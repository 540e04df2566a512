"""After a restore the cloud asks what each site holds; the answer is entries of one transaction (rule 25)."""

from functools import partial
from typing import Final

from edge.core.log import logger
from edge.journal.journal import Journal
from edge.leases.book import LeaseBook
from edge.store.connection import Reader
from edge.store.schema import Schema
from edge.store.transaction import Transaction
from edge.store.writer import Writer
from protocols.journal.kinds import Kind
from protocols.payments.facts import Declaration

MOVES_PER_PART: Final = 1_000

DECLARATION_SCHEMA = Schema(
    "declaration",
    ("CREATE TABLE declared (generation INTEGER PRIMARY KEY, first_seq INTEGER NOT NULL, parts INTEGER NOT NULL)",),
)

_log = logger("sync.declaration")


class Declarer:
    """Declares once a generation. The parts are one consistent picture: no spend comes between them."""

    def __init__(self, journal: Journal, book: LeaseBook, writer: Writer, reader: Reader) -> None:
        self._journal, self._book, self._writer, self._reader = journal, book, writer, reader

    async def declare(self, generation: int) -> bool:
        """Append the declaration unless it was made for this generation; True where it is new."""
        if self._reader.row("SELECT 1 FROM declared WHERE generation = ?", (generation,)):
            return False
        parts = await self._writer.submit(partial(self._append, generation), in_hand=True)
        _log.warning("declared what is held here to generation %d in %d parts", generation, parts)
        return True

    def _append(self, generation: int, tx: Transaction) -> int:
        moves = self._book.holdings()
        standing = self._book.standing()
        count = max(1, -(-max(len(moves), len(standing)) // MOVES_PER_PART))
        first_seq = self._journal.head_seq + 1
        for part in range(count):
            chosen = slice(part * MOVES_PER_PART, (part + 1) * MOVES_PER_PART)
            said = Declaration(generation, self._book.n, part + 1, count, tuple(moves[chosen]), tuple(standing[chosen]))
            self._journal.append(tx, Kind.DECLARATION, said)
        tx.execute("INSERT INTO declared VALUES (?, ?, ?)", (generation, first_seq, count))
        return count

"""The ledger's tables in memory: one organisation, plain rows, every change undone with its transaction."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cloud.ledger.books import Key
from cloud.ledger.store import Holder, LeaseSite, Line, Outgoing, Right
from cloud.ledger.undo import Table, Undo
from protocols.sync.messages import LeaseKind

Image = dict[str, dict[Any, Any]]  # table -> rows

QUESTIONS = (LeaseKind.RECALL, LeaseKind.SHRINK, LeaseKind.STANDING_RECALL)


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it was sent, and what the site gave (None: no answer yet)."""

    sent: Outgoing
    answered: int | None = None


class LedgerWorld:
    """All tables, by the keys and constraints of those in PostgreSQL."""

    def __init__(self, organisation: int) -> None:
        self.organisation = organisation
        self.undo = undo = Undo()
        self.meta: Table[str, int] = Table(undo)
        with undo.transaction():
            self.meta["generation"] = 1
        self.balances: Table[Key, int] = Table(undo, group=_of_balance)
        self.lines: Table[tuple[Any, ...], Line] = Table(undo, group=_of_line)
        self.causes: Table[str, None] = Table(undo, group=_of_cause)
        self.counting: Table[int, None] = Table(undo)
        self.homes: Table[int, tuple[int, int]] = Table(undo)  # site, meal_fen
        self.visits: Table[tuple[int, int, int], None] = Table(undo)
        self.lease_sites: Table[Holder, LeaseSite] = Table(undo, group=_of_holder)
        self.messages: Table[tuple[int, int, int], Message] = Table(undo, group=_of_message)
        self.cutoffs: Table[int, tuple[int, datetime]] = Table(undo)
        self.cutoff_sites: Table[tuple[int, int, int], int | None] = Table(undo, group=_of_cutoff)
        self.rights: Table[tuple[int, int], Right] = Table(undo, group=_of_right)

    def tables(self) -> dict[str, Table[Any, Any]]:
        """Every table by its name."""
        return {name: table for name, table in vars(self).items() if isinstance(table, Table)}

    def image(self) -> Image:
        """Everything as it stood when the last transaction ended."""
        return {name: table.image() for name, table in self.tables().items()}

    def become(self, image: Image) -> None:
        """Stand as the image did. Not to be taken back."""
        for name, table in self.tables().items():
            table.become(image[name])


def _of_balance(key: Key, _balance: int) -> Iterable[Any]:
    kind, owner, bucket, site, epoch = key
    return ("owner", kind, owner), ("at", site, epoch), ("bucket", bucket)


def _of_line(_key: object, line: Line) -> Iterable[Any]:
    return (line[13],)


def _of_cause(cause: str, _nothing: None) -> Iterable[Any]:
    return (cause[: cause.rfind(":") + 1],)


def _of_holder(holder: Holder, _site: LeaseSite) -> Iterable[Any]:
    return (holder.site,)


def _of_message(key: tuple[int, int, int], message: Message) -> Iterable[Any]:
    if message.sent.kind not in QUESTIONS:
        return ()
    return ("person", message.sent.person), ("to", *key[:2])


def _of_cutoff(key: tuple[int, int, int], _seq: int | None) -> Iterable[Any]:
    return (key[2],)


def _of_right(key: tuple[int, int], right: Right) -> Iterable[Any]:
    return ("person", key[0]), ("holder", right.holder)

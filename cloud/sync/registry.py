"""How domains take part in an entry: rows of their own, written in the batch's transaction.

    class SettlementRows:
        kinds = frozenset({Kind.SETTLEMENT})
        tables = {"canteen_settlements": ("organisation_id", "device", "epoch", "branch", "seq", ...)}

        def rows(self, context, entry, payload):
            return [("canteen_settlements", (context.organisation, context.device, ...))]

        async def applied(self, tx, context, facts):
            ...

A table named in `tables` that was made by `app_copy_target` (migration 0050) takes its rows by COPY, any other by
INSERT. Keys of rows hold (device, epoch, branch, seq): a forked stream has two entries of one seq, both are kept.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Protocol

import msgspec

from protocols.journal.messages import Entry

Row = tuple[Any, ...]
Fact = tuple[Entry, Any]


@dataclass(frozen=True, slots=True)
class EntryContext:
    """What holds for all entries of one application: who wrote them, and when and how they came in."""

    organisation: int
    site: int
    device: int
    epoch: int
    branch: int
    zone: tzinfo
    received_at: datetime
    posting_day: int
    replay: bool = False


class EntryHandler(Protocol):
    """A domain's part in some kinds of entries. `rows` is pure: same arguments, same rows."""

    @property
    def kinds(self) -> frozenset[int]:
        """The kinds of entries it takes part in; a class attribute will do."""

    @property
    def tables(self) -> Mapping[str, Sequence[str]]:
        """Table -> columns, in the order of the rows; a class attribute will do."""

    def rows(self, context: EntryContext, entry: Entry, payload: Any) -> Iterable[tuple[str, Row]]:
        """Rows of one entry. Raise Malformed or RuleViolation to have it set aside for a person."""

    async def applied(self, tx: Any, context: EntryContext, facts: Sequence[Fact]) -> None:
        """After the rows of a batch were written, in its transaction: roll-ups, events. Facts in order of seq.

        `tx` is a `cloud.core.database.Transaction`, or that of a world in memory.
        """


class Registry:
    """The handlers by kind, and payload structs of kinds beyond those of `protocols.payments.facts`."""

    def __init__(
        self, handlers: Iterable[EntryHandler] = (), *, payloads: Mapping[int, type[msgspec.Struct]] | None = None
    ) -> None:
        self.handlers = tuple(handlers)
        self.payloads: dict[int, type[msgspec.Struct]] = dict(payloads or {})
        self.tables: dict[str, tuple[str, ...]] = {}
        self.by_kind: dict[int, tuple[EntryHandler, ...]] = {}
        for handler in self.handlers:
            for kind in handler.kinds:
                self.by_kind[int(kind)] = (*self.by_kind.get(int(kind), ()), handler)
            for table, columns in handler.tables.items():
                if self.tables.setdefault(table, tuple(columns)) != tuple(columns):
                    raise ValueError(f"two handlers give different columns for {table}")

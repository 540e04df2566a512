"""The canteen's part in journal entries: settlements, refunds and closings become rows for search."""

from collections.abc import Iterable, Sequence
from typing import Final

from cloud.core.database import Transaction
from cloud.core.events import emit
from cloud.domains.canteen.events import SETTLED
from cloud.sync.registry import EntryContext, Fact, Row
from protocols.journal.kinds import Kind
from protocols.journal.messages import Entry
from protocols.payments.facts import DayClosed, Refund, Settlement
from protocols.values.instants import to_datetime

_KEY: Final = ("organisation_id", "device", "epoch", "branch", "seq", "at")


class SettlementRows:
    """One row of `canteen_settlements` a settlement; its lines stay in the entry's bytes."""

    kinds = frozenset({int(Kind.SETTLEMENT)})
    tables = {  # noqa: RUF012 - read only
        "canteen_settlements": (
            *_KEY, "canteen_id", "stall_id", "lane_id", "person_id", "period_id", "business_day", "receipt_no",
            "gross_fen", "amount_fen", "credential_kind",
        ),
        "canteen_code_uses": ("organisation_id", "device", "epoch", "branch", "seq", "person_id", "code_step"),
    }  # fmt: skip

    def rows(self, context: EntryContext, entry: Entry, payload: Settlement) -> Iterable[tuple[str, Row]]:
        """The row of one settlement, and of the dynamic code's use where one paid."""
        p = payload
        row = (
            *_key(context, entry), p.canteen, p.stall, p.lane, p.person, p.period, p.business_day, p.receipt_no,
            p.gross_fen, p.amount_fen, p.credential_kind,
        )  # fmt: skip
        yield "canteen_settlements", row
        if p.code_step:
            yield "canteen_code_uses", (*_key(context, entry)[:-1], p.person, p.code_step)

    async def applied(self, tx: Transaction, context: EntryContext, facts: Sequence[Fact]) -> None:
        """Tell live pages once a batch which lanes sold."""
        lanes = sorted({payload.lane for _, payload in facts})
        await emit(tx, SETTLED, {"lanes": lanes, "settlements": len(facts)}, at=context.received_at)


class RefundRows:
    """One row of `canteen_refunds` a refund, reversal or void."""

    kinds = frozenset({int(Kind.REFUND)})
    tables = {  # noqa: RUF012 - read only
        "canteen_refunds": (
            *_KEY, "lane_id", "canteen_id", "person_id", "of_device", "of_epoch", "of_seq", "refund_no", "reason",
            "operator_id", "business_day", "amount_fen",
        )
    }  # fmt: skip

    def rows(self, context: EntryContext, entry: Entry, payload: Refund) -> Iterable[tuple[str, Row]]:
        """The row of one refund."""
        p = payload
        row = (
            *_key(context, entry), p.lane, p.canteen, p.person, p.device, p.epoch, p.seq, p.refund_no, p.reason,
            p.operator, p.business_day, p.amount_fen,
        )  # fmt: skip
        return (("canteen_refunds", row),)

    async def applied(self, tx: Transaction, context: EntryContext, facts: Sequence[Fact]) -> None:
        """Tell live pages which lanes gave money back."""
        lanes = sorted({payload.lane for _, payload in facts})
        await emit(tx, SETTLED, {"lanes": lanes, "refunds": len(facts)}, at=context.received_at)


class ClosingRows:
    """One row of `canteen_day_closings` a closed day of a lane (rule 28)."""

    kinds = frozenset({int(Kind.DAY_CLOSED)})
    tables = {  # noqa: RUF012 - read only
        "canteen_day_closings": (
            *_KEY, "lane_id", "canteen_id", "business_day", "first_seq", "last_seq", "settlements", "settled_fen",
            "refunds", "refunded_fen", "cash_fen", "cash_counted_fen", "state", "operator_id",
        )
    }  # fmt: skip

    def rows(self, context: EntryContext, entry: Entry, payload: DayClosed) -> Iterable[tuple[str, Row]]:
        """The row of one closing."""
        p = payload
        row = (
            *_key(context, entry), p.lane, p.canteen, p.business_day, p.first_seq, p.last_seq, p.settlements,
            p.settled_fen, p.refunds, p.refunded_fen, p.cash_fen, p.cash_counted_fen, p.state, p.operator,
        )  # fmt: skip
        return (("canteen_day_closings", row),)

    async def applied(self, tx: Transaction, context: EntryContext, facts: Sequence[Fact]) -> None:
        """Nothing to tell: closings are looked up."""


HANDLERS: Final = (SettlementRows(), RefundRows(), ClosingRows())


def _key(context: EntryContext, entry: Entry) -> Row:
    at = to_datetime(entry.business_ms)
    return context.organisation, context.device, context.epoch, context.branch, entry.seq, at

"""What was sold, read in pages that cost the same however many rows lie below."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from asyncpg import Record

from cloud.core.database import Transaction
from protocols.values.ids import EntryId

_REFUNDED: Final = """
coalesce((SELECT sum(r.amount_fen) FROM canteen_refunds r
          WHERE r.of_device = s.device AND r.of_epoch = s.epoch AND r.of_seq = s.seq), 0)::bigint
+ coalesce((SELECT sum(q.amount_fen) FROM canteen_refund_requests q
            WHERE q.device = s.device AND q.epoch = s.epoch AND q.seq = s.seq), 0)::bigint
"""
# settlements that something came back of are few: they are found from the refunds, not by looking at every one
_GIVEN_BACK: Final = """
SELECT s.*, g.refunded_fen, l.code AS lane_code, l.name_zh AS lane_name, p.name_zh AS period_name
FROM (SELECT device, epoch, seq, sum(amount_fen)::bigint AS refunded_fen FROM (
        SELECT of_device AS device, of_epoch AS epoch, of_seq AS seq, amount_fen FROM canteen_refunds
        UNION ALL SELECT device, epoch, seq, amount_fen FROM canteen_refund_requests
      ) AS every GROUP BY device, epoch, seq) AS g
JOIN canteen_settlements s ON s.device = g.device AND s.epoch = g.epoch AND s.seq = g.seq
LEFT JOIN canteen_lanes l ON l.id = s.lane_id LEFT JOIN canteen_periods p ON p.id = s.period_id
"""
_STATES: Final = {
    "paid": f"{_REFUNDED} = 0",
    "part_refunded": "g.refunded_fen < s.amount_fen",
    "refunded": "g.refunded_fen >= s.amount_fen",
}
_BACK: Final = "ORDER BY s.at DESC, s.device DESC, s.epoch DESC, s.branch DESC, s.seq DESC"

SettlementKey = tuple[datetime, int, int, int, int]


@dataclass(frozen=True)
class SettlementFilter:
    """What a list of settlements is narrowed to; None or empty narrows nothing."""

    entry: EntryId | None = None
    canteen_id: int | None = None
    lane_id: int | None = None
    lane_code: str = ""
    person_ids: Sequence[int] | None = None
    receipt_no: int | None = None
    business_day: int | None = None
    day_start: datetime | None = None
    state: str | None = None


@dataclass
class _Where:
    """Conditions with their numbered arguments."""

    parts: list[str] = field(default_factory=list)
    arguments: list[Any] = field(default_factory=list)

    def add(self, text: str, *values: Any) -> None:
        """Add a condition whose `{}` are numbered in order."""
        first = len(self.arguments) + 1
        self.arguments += values
        self.parts.append(text.format(*(f"${first + n}" for n in range(len(values)))))


async def page_of_settlements(
    tx: Transaction, wanted: SettlementFilter, *, after: SettlementKey | None, fetch: int
) -> list[Record]:
    """Settlements, newest first."""
    if wanted.person_ids is not None and not wanted.person_ids and wanted.receipt_no is None:
        return []
    where = _conditions(tx.organisation_id, wanted)
    if after is not None:
        where.add("(s.at, s.device, s.epoch, s.branch, s.seq) < ({}, {}, {}::integer, {}::smallint, {})", *after)
    conditions = f"WHERE {' AND '.join(where.parts)} {_BACK} LIMIT {int(fetch)}"
    if wanted.state in ("part_refunded", "refunded"):
        query = f"{_GIVEN_BACK} {conditions}"
    else:
        # names and refunds are looked up for the page alone, whatever the planner believes of the tables' sizes
        page = f"(SELECT s.* FROM canteen_settlements s {conditions})"  # noqa: S608 - values are bound
        query = f"{_named(page)} {_BACK}"
    return await tx.fetch(query, *where.arguments)


async def settlement(tx: Transaction, entry: EntryId, *, branch: int = 0) -> Record | None:
    """One settlement."""
    query = f"{_named('canteen_settlements')} WHERE s.device = $1 AND s.epoch = $2 AND s.branch = $3 AND s.seq = $4"
    return await tx.fetchrow(query, entry.device, entry.epoch, branch, entry.seq)


async def refund_proposals(tx: Transaction, *, most: int) -> list[Record]:
    """Settlements by a dynamic code's time step that had paid before, not given back yet, newest first (rule 15)."""
    query = f"""
        SELECT * FROM ({_named("canteen_settlements")} JOIN (
            SELECT u.device, u.epoch, u.branch, u.seq, row_number() OVER (
                PARTITION BY u.person_id, u.code_step ORDER BY t.at, u.device, u.epoch, u.branch, u.seq) AS use
            FROM canteen_code_uses u JOIN canteen_settlements t USING (device, epoch, branch, seq)
            WHERE u.organisation_id = $1 AND (u.person_id, u.code_step) IN (
                SELECT person_id, code_step FROM canteen_code_uses GROUP BY 1, 2 HAVING count(*) > 1)
        ) AS used ON used.device = s.device AND used.epoch = s.epoch AND used.branch = s.branch AND used.seq = s.seq
        WHERE used.use > 1) AS s WHERE s.refunded_fen = 0 {_BACK} LIMIT {int(most)}
    """  # noqa: S608 - values are bound
    return await tx.fetch(query, tx.organisation_id)


async def refunds_of(tx: Transaction, entry: EntryId) -> tuple[list[Record], list[Record]]:
    """Refunds at tills, and requests the cloud executed, of one settlement."""
    tills = "SELECT * FROM canteen_refunds WHERE of_device = $1 AND of_epoch = $2 AND of_seq = $3 ORDER BY at"
    asked = "SELECT * FROM canteen_refund_requests WHERE device = $1 AND epoch = $2 AND seq = $3 ORDER BY id"
    return await tx.fetch(tills, *entry), await tx.fetch(asked, *entry)


async def transfers_of(tx: Transaction, entry: EntryId) -> list[Record]:
    """The ledger's lines of one entry."""
    query = "SELECT * FROM ledger_transfers WHERE device = $1 AND epoch = $2 AND seq = $3 ORDER BY branch, part"
    return await tx.fetch(query, *entry)


async def day_totals(tx: Transaction, day: int, since: datetime) -> Record:
    """Sales, refunds and people of a business day that began after `since`."""
    row = await tx.fetchrow(
        "SELECT coalesce(sum(amount_fen), 0)::bigint AS sales_fen, count(*) AS settlements, "
        "count(DISTINCT person_id) AS people, (SELECT coalesce(sum(amount_fen), 0)::bigint FROM canteen_refunds "
        "WHERE organisation_id = $1 AND business_day = $2 AND at >= $3) AS refunds_fen "
        "FROM canteen_settlements WHERE organisation_id = $1 AND business_day = $2 AND at >= $3",
        tx.organisation_id,
        day,
        since,
    )
    assert row is not None
    return row


async def per_minute(tx: Transaction, day: int, since: datetime) -> list[Record]:
    """Settlements of a day by minute."""
    return await tx.fetch(
        "SELECT date_trunc('minute', at) AS at, count(*) AS count, sum(amount_fen)::bigint AS amount_fen "
        "FROM canteen_settlements WHERE organisation_id = $1 AND business_day = $2 AND at >= $3 GROUP BY 1 ORDER BY 1",
        tx.organisation_id,
        day,
        since,
    )


async def lanes_of_day(tx: Transaction, day: int, since: datetime) -> list[Record]:
    """Every lane with what it sold on a day."""
    return await tx.fetch(
        "SELECT l.id, l.code, l.name_zh, l.name_en, l.canteen_id, l.kind, "
        "coalesce(t.sales_fen, 0)::bigint AS sales_fen, "
        "coalesce(t.settlements, 0) AS settlements, t.last_at FROM canteen_lanes l LEFT JOIN ("
        "SELECT lane_id, sum(amount_fen) AS sales_fen, count(*) AS settlements, max(at) AS last_at "
        "FROM canteen_settlements WHERE organisation_id = $1 AND business_day = $2 AND at >= $3 GROUP BY lane_id"
        ") t ON t.lane_id = l.id WHERE NOT l.stopped ORDER BY l.canteen_id, l.code LIMIT 1000",
        tx.organisation_id,
        day,
        since,
    )


async def latest_bodies(tx: Transaction, day: int, since: datetime, *, most: int) -> list[bytes]:
    """The entries' own bytes of a day's latest settlements."""
    rows = await tx.fetch(
        "SELECT i.body FROM (SELECT device, epoch, branch, seq FROM canteen_settlements "
        "WHERE organisation_id = $1 AND business_day = $2 AND at >= $3 ORDER BY at DESC LIMIT $4) s "
        "JOIN inbox i USING (device, epoch, branch, seq)",
        tx.organisation_id,
        day,
        since,
        most,
    )
    return [bytes(row["body"]) for row in rows]


async def page_of_closings(
    tx: Transaction, *, after: SettlementKey | None, fetch: int, day: int | None, lane_id: int | None
) -> list[Record]:
    """Closed days, newest first, each with what the ledger booked for the same entries."""
    where = _Where()
    where.add("c.organisation_id = {}", tx.organisation_id)
    if day is not None:
        where.add("c.business_day = {}", day)
    if lane_id is not None:
        where.add("c.lane_id = {}", lane_id)
    if after is not None:
        where.add("(c.at, c.device, c.epoch, c.branch, c.seq) < ({}, {}, {}::integer, {}::smallint, {})", *after)
    query = (
        "SELECT c.*, l.code AS lane_code, " + _ledger_of("canteen_settlements", "credit") + " - "
        + _ledger_of("canteen_refunds", "debit") + " AS ledger_fen "
        "FROM canteen_day_closings c LEFT JOIN canteen_lanes l ON l.id = c.lane_id "
        f"WHERE {' AND '.join(where.parts)} "
        f"ORDER BY c.at DESC, c.device DESC, c.epoch DESC, c.branch DESC, c.seq DESC LIMIT {int(fetch)}"
    )  # fmt: skip
    return await tx.fetch(query, *where.arguments)


def _named(source: str) -> str:
    """Settlements of `source` with what came back of them and the names of lane and period."""
    return (
        f"SELECT s.*, {_REFUNDED} AS refunded_fen, l.code AS lane_code, l.name_zh AS lane_name, "  # noqa: S608
        f"p.name_zh AS period_name FROM {source} AS s LEFT JOIN canteen_lanes l ON l.id = s.lane_id "
        "LEFT JOIN canteen_periods p ON p.id = s.period_id"
    )


def _ledger_of(table: str, side: str) -> str:
    """What a stall's account moved for the lane's entries within the closing's range; 10 is Owner.STALL."""
    return (
        "coalesce((SELECT sum(t.amount) FROM " + table + " s JOIN ledger_transfers t ON t.device = s.device "  # noqa: S608
        "AND t.epoch = s.epoch AND t.branch = s.branch AND t.seq = s.seq "
        "WHERE s.device = c.device AND s.epoch = c.epoch AND s.branch = c.branch "
        "AND s.seq BETWEEN c.first_seq AND c.last_seq AND s.lane_id = c.lane_id "
        f"AND s.business_day = c.business_day AND t.{side}_owner_kind = 10), 0)::bigint"
    )


def _conditions(organisation_id: int | None, wanted: SettlementFilter) -> _Where:
    where = _Where()
    where.add("s.organisation_id = {}", organisation_id)
    if wanted.entry:
        where.add("s.device = {} AND s.epoch = {} AND s.seq = {}", *wanted.entry)
    if wanted.business_day is not None and wanted.day_start is not None:
        # a day's rows lie within two days of its start, whatever the zone: the index on `at` is bounded by it
        ends = wanted.day_start + timedelta(days=3)
        begins = wanted.day_start - timedelta(days=1)
        where.add("s.business_day = {} AND s.at >= {} AND s.at < {}", wanted.business_day, begins, ends)
    for column, value in (("canteen_id", wanted.canteen_id), ("lane_id", wanted.lane_id)):
        if value is not None:
            where.add(f"s.{column} = {{}}", value)
    _search(where, wanted)
    if wanted.state:
        where.add(_STATES[wanted.state])
    return where


def _search(where: _Where, wanted: SettlementFilter) -> None:
    if wanted.lane_code:
        where.add("s.lane_id IN (SELECT id FROM canteen_lanes WHERE code = {})", wanted.lane_code)
    if wanted.receipt_no is not None and wanted.person_ids:
        where.add("(s.receipt_no = {} OR s.person_id = ANY ({}))", wanted.receipt_no, list(wanted.person_ids))
    elif wanted.receipt_no is not None:
        where.add("s.receipt_no = {}", wanted.receipt_no)
    elif wanted.person_ids is not None:
        where.add("s.person_id = ANY ({})", list(wanted.person_ids))

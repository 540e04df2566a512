"""A month's statement to the fen: each total beside what another part of the books says of the same money."""

from typing import Any, Final

from cloud.core.context import Core
from cloud.core.database import Transaction
from cloud.core.sessions import User
from cloud.domains.payments import rules
from cloud.domains.payments.money_schemas import NamedTotal, PeopleTotals, StatementOut
from cloud.sync import service as sync
from protocols.ledger.accounts import Owner, TransferKind

_MINE: Final = (int(Owner.PERSON), int(Owner.IN_DOUBT))
_CORRECTIONS: Final = (TransferKind.CORRECTION, TransferKind.EXCEPTION_SETTLED, TransferKind.TRUE_UP)

# what came to people and what left them, by kind, before and within the days
_PEOPLE: Final = """
SELECT kind, business_day < $2 AS earlier,
       sum(CASE WHEN credit_owner_kind = ANY ($4) THEN amount ELSE 0 END)::bigint AS came,
       sum(CASE WHEN debit_owner_kind = ANY ($4) THEN amount ELSE 0 END)::bigint AS went
FROM ledger_transfers WHERE organisation_id = $1 AND business_day <= $3
GROUP BY kind, earlier
"""
_STALLS: Final = """
SELECT stall AS id, sum(amount)::bigint AS amount, sum(journal)::bigint AS journal FROM (
    SELECT credit_owner AS stall, amount, CASE WHEN device IS NULL THEN 0 ELSE amount END AS journal
    FROM ledger_transfers WHERE organisation_id = $1 AND business_day BETWEEN $2 AND $3 AND credit_owner_kind = 10
    UNION ALL
    SELECT debit_owner, -amount, CASE WHEN device IS NULL THEN 0 ELSE -amount END
    FROM ledger_transfers WHERE organisation_id = $1 AND business_day BETWEEN $2 AND $3 AND debit_owner_kind = 10
) AS moved GROUP BY stall ORDER BY stall
"""
_SUBSIDIES: Final = """
SELECT b.id, b.name_zh AS name, coalesce(l.amount, 0)::bigint AS amount, coalesce(g.amount, 0)::bigint AS granted
FROM payments_buckets b
LEFT JOIN (SELECT credit_bucket, sum(amount) AS amount FROM ledger_transfers
           WHERE organisation_id = $1 AND kind = 2 AND business_day BETWEEN $2 AND $3 GROUP BY credit_bucket
          ) l ON l.credit_bucket = b.id
LEFT JOIN (SELECT t.bucket_id, sum(t.amount_fen) AS amount FROM payments_grants t GROUP BY t.bucket_id
          ) g ON g.bucket_id = b.id
WHERE b.organisation_id = $1 AND b.grant_source <> '' AND coalesce(l.amount, 0) > 0 ORDER BY b.id
"""
_DEVICES: Final = """
SELECT device AS id, sum(CASE WHEN credit_owner_kind = 10 THEN amount ELSE 0 END
                       - CASE WHEN debit_owner_kind = 10 THEN amount ELSE 0 END)::bigint AS amount
FROM ledger_transfers WHERE organisation_id = $1 AND device IS NOT NULL GROUP BY device ORDER BY device
"""


async def statement(core: Core, user: User, month: str) -> StatementOut:
    """The month whole.

    People: opening + movements = closing, and all movements = the balances kept. Stalls: the ledger beside the journal
    less what the cloud gave back. Subsidies: lines beside grants. Gateways: what was posted for each beside what its
    entries add up to, since the beginning.
    """
    first, last = rules.month_days(month)
    organisation = user.organisation_id
    async with core.database.transaction(organisation) as tx:
        people = _people(await tx.fetch(_PEOPLE, organisation, first, last, list(_MINE)))
        moved, balances = await _kept(tx, organisation)
        stalls = await tx.fetch(_STALLS, organisation, first, last)
        subsidies = await tx.fetch(_SUBSIDIES, organisation, first, last)
        gateways = await _gateways(tx, organisation)
        exceptions = await tx.fetchval(
            "SELECT coalesce(sum(amount), 0)::bigint FROM ledger_transfers "
            "WHERE organisation_id = $1 AND debit_owner_kind = 13 AND business_day BETWEEN $2 AND $3",
            organisation,
            first,
            last,
        )
        refunds_by_cloud = await _refunds_by_cloud(tx, organisation, first, last)
    taken = [
        _total(row["id"], "", row["amount"], row["journal"] - refunds_by_cloud.get(row["id"], 0)) for row in stalls
    ]
    granted = [_total(row["id"], row["name"], row["amount"], row["granted"]) for row in subsidies]
    differences = [each.difference_fen for each in (*taken, *granted, *gateways)]
    return StatementOut(
        month=month,
        people=people,
        balances_fen=balances,
        balances_difference_fen=moved - balances,
        stalls=taken,
        subsidies=granted,
        gateways=gateways,
        exceptions_fen=exceptions,
        agrees=moved == balances and not any(differences),
    )


async def _kept(tx: Transaction, organisation: int) -> tuple[int, int]:
    """What all movements say people hold, and what the balances say."""
    moved = await tx.fetchval(
        "SELECT coalesce(sum(CASE WHEN credit_owner_kind = ANY ($2) THEN amount ELSE 0 END "
        "- CASE WHEN debit_owner_kind = ANY ($2) THEN amount ELSE 0 END), 0)::bigint "
        "FROM ledger_transfers WHERE organisation_id = $1",
        organisation,
        list(_MINE),
    )
    balances = await tx.fetchval(
        "SELECT coalesce(sum(balance), 0)::bigint FROM ledger_balances "
        "WHERE organisation_id = $1 AND owner_kind = ANY ($2)",
        organisation,
        list(_MINE),
    )
    return int(moved), int(balances)


async def _gateways(tx: Transaction, organisation: int) -> list[NamedTotal]:
    posted = {row["id"]: row["amount"] for row in await tx.fetch(_DEVICES, organisation)}
    journal: dict[int, int] = {}
    for status in await sync.stream_statuses(tx):
        journal[status.device] = journal.get(status.device, 0) + status.sum_fen
    devices = sorted(posted.keys() | journal.keys())
    return [_total(device, "", posted.get(device, 0), journal.get(device, 0)) for device in devices]


async def _refunds_by_cloud(tx: Transaction, organisation: int, first: int, last: int) -> dict[int, int]:
    rows = await tx.fetch(
        "SELECT debit_owner AS id, sum(amount)::bigint AS amount FROM ledger_transfers WHERE organisation_id = $1 "
        "AND business_day BETWEEN $2 AND $3 AND debit_owner_kind = 10 AND device IS NULL GROUP BY debit_owner",
        organisation,
        first,
        last,
    )
    return {row["id"]: row["amount"] for row in rows}


def _people(rows: list[Any]) -> PeopleTotals:
    net: dict[int, int] = {}
    opening = 0
    for row in rows:
        change = row["came"] - row["went"]
        if row["earlier"]:
            opening += change
        else:
            net[row["kind"]] = net.get(row["kind"], 0) + change

    def of(*kinds: TransferKind) -> int:
        return sum(net.get(int(kind), 0) for kind in kinds)

    return PeopleTotals(
        opening_fen=opening,
        topped_up_fen=of(TransferKind.TOP_UP),
        subsidies_fen=of(TransferKind.SUBSIDY),
        cash_fen=of(TransferKind.CASH_TAKEN, TransferKind.CASH_VOIDED),
        spent_fen=-of(TransferKind.SPEND),
        refunded_fen=of(TransferKind.REFUND),
        withdrawn_fen=-of(TransferKind.WITHDRAWAL),
        cleared_fen=-of(TransferKind.CLEARING),
        corrected_fen=of(*_CORRECTIONS),
        closing_fen=opening + sum(net.values()),
    )


def _total(row_id: int, name: str, amount: int, other: int) -> NamedTotal:
    return NamedTotal(id=row_id, name=name, amount_fen=amount, other_fen=other, difference_fen=amount - other)

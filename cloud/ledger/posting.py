"""Posting in SQL: lock and check the floored balances, move them by deltas, write the lines by COPY."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from cloud.core.database import Transaction
from cloud.ledger.accounts import person_of
from cloud.ledger.errors import NotEnough
from protocols.ledger.accounts import Account, Transfer
from protocols.ledger.balances import Overdrawn, post_all

Line = tuple[Any, ...]

LINE_COLUMNS: Final = (
    "organisation_id", "kind",
    "debit_owner_kind", "debit_owner", "debit_bucket", "debit_site", "debit_epoch",
    "credit_owner_kind", "credit_owner", "credit_bucket", "credit_site", "credit_epoch",
    "amount", "person", "business_day", "posting_day", "posted_at",
    "device", "epoch", "branch", "seq", "part", "cause", "memo",
)  # fmt: skip

_LOAD: Final = """
SELECT k.n, b.balance
FROM unnest($1::smallint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::integer[])
    WITH ORDINALITY AS k (owner_kind, owner, bucket, site, epoch, n)
JOIN ledger_balances AS b USING (owner_kind, owner, bucket, site, epoch)
"""
_LOAD_LOCKED: Final = f"{_LOAD} ORDER BY b.owner_kind, b.owner, b.bucket, b.site, b.epoch FOR UPDATE OF b"
_UPDATE: Final = """
UPDATE ledger_balances AS b SET balance = b.balance + k.delta
FROM unnest($1::smallint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::integer[], $6::bigint[])
    AS k (owner_kind, owner, bucket, site, epoch, delta)
WHERE b.owner_kind = k.owner_kind AND b.owner = k.owner AND b.bucket = k.bucket
  AND b.site = k.site AND b.epoch = k.epoch
"""
_INSERT: Final = """
INSERT INTO ledger_balances AS b (owner_kind, owner, bucket, site, epoch, organisation_id, balance)
SELECT k.owner_kind, k.owner, k.bucket, k.site, k.epoch, $7, k.delta
FROM unnest($1::smallint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::integer[], $6::bigint[])
    AS k (owner_kind, owner, bucket, site, epoch, delta)
ORDER BY 1, 2, 3, 4, 5
ON CONFLICT (owner_kind, owner, bucket, site, epoch) DO UPDATE SET balance = b.balance + excluded.balance
"""
_CLAIM: Final = """
INSERT INTO ledger_causes (organisation_id, cause) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING true
"""


async def claim(tx: Transaction, cause: str) -> bool:
    """Whether `cause` is posted for the first time; waits for another transaction that is just claiming it."""
    return bool(await tx.fetchval(_CLAIM, tx.organisation_id, cause))


async def post_lines(
    tx: Transaction, transfers: Sequence[Transfer], *, cause: str, business_day: int, now: datetime, memo: str = ""
) -> None:
    """Move the balances and write the lines of a cloud act whose cause was claimed. Raises NotEnough."""
    if not transfers:
        return
    held = await load_balances(tx, floored_accounts(transfers), locked=True)
    after = dict(held)
    try:
        post_all(after, transfers)
    except Overdrawn as error:
        raise NotEnough(str(error), balance=error.balance, amount=error.amount) from error
    await move_balances(tx, held, {account: after[account] - held.get(account, 0) for account in after})
    stamp = (business_day, business_day, now, None, None, None, None)
    await write_lines(
        tx,
        [
            (tx.organisation_id, kind, *debit, *credit, amount, person_of(debit, credit), *stamp, part, cause, memo)
            for part, (kind, debit, credit, amount) in enumerate(transfers)
        ],
    )


def floored_accounts(transfers: Iterable[Transfer]) -> set[Account]:
    """The accounts of these transfers that keep a balance."""
    return {account for each in transfers for account in (each.debit, each.credit) if account.floored}


async def load_balances(tx: Transaction, accounts: Iterable[Account], *, locked: bool = False) -> dict[Account, int]:
    """Balances of those of `accounts` that exist; `locked` holds them to the end, in one order for all."""
    keys = sorted(accounts)
    if not keys:
        return {}
    rows = await tx.connection.fetch(_LOAD_LOCKED if locked else _LOAD, *_columns(keys))
    return {keys[number - 1]: balance for number, balance in rows}


async def spend_trusted(tx: Transaction, deltas: Mapping[Account, int]) -> bool:
    """Take from accounts that were not read; False, or an error of the database, where one does not hold enough."""
    changed = sorted(deltas.items())
    if not changed:
        return True
    amounts = [delta for _, delta in changed]
    done = await tx.connection.execute(_UPDATE, *_columns(account for account, _ in changed), amounts)
    return bool(done == f"UPDATE {len(changed)}")


async def move_balances(tx: Transaction, held: dict[Account, int], deltas: dict[Account, int]) -> None:
    """Add `deltas`; accounts not in `held` are opened."""
    present = sorted((account, delta) for account, delta in deltas.items() if delta and account in held)
    fresh = sorted((account, delta) for account, delta in deltas.items() if delta and account not in held)
    if present:
        await tx.connection.execute(_UPDATE, *_columns(a for a, _ in present), [delta for _, delta in present])
    if fresh:
        amounts = [delta for _, delta in fresh]
        await tx.connection.execute(_INSERT, *_columns(a for a, _ in fresh), amounts, tx.organisation_id)


async def write_lines(tx: Transaction, lines: Sequence[Line]) -> None:
    """COPY lines, in the order of LINE_COLUMNS."""
    if lines:
        await tx.connection.copy_records_to_table("ledger_transfers_rows", records=lines, columns=LINE_COLUMNS)


def _columns(accounts: Iterable[Account]) -> list[list[int]]:
    columns = list(zip(*accounts, strict=True))
    return [list(column) for column in columns]

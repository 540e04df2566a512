"""The ledger's store on PostgreSQL: rows locked in one order, balances moved by deltas, lines by COPY."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from cloud.ledger.leases_postgres import PostgresLeases
from cloud.ledger.posting import LINE_COLUMNS
from cloud.ledger.store import Holder, Line
from protocols.ledger.accounts import Account, Owner, TransferKind

_CLAIM: Final = """
INSERT INTO ledger_causes (organisation_id, cause) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING true
"""
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
_FREE: Final = f"""
SELECT b.owner, b.bucket, b.balance FROM ledger_balances AS b
WHERE b.owner_kind = {int(Owner.PERSON)} AND b.owner = ANY ($1::bigint[]) AND b.site = 0 AND b.balance > 0
  AND NOT EXISTS (SELECT 1 FROM lease_cutoffs AS c WHERE c.bucket = b.bucket)
ORDER BY b.owner, b.bucket FOR UPDATE OF b
"""  # noqa: S608 - made of constants
_HELD: Final = f"""
SELECT b.owner, b.site, b.epoch, b.bucket, b.balance
FROM ledger_balances AS b JOIN lease_sites AS s USING (site, epoch)
WHERE b.owner_kind = {int(Owner.PERSON)} AND b.owner = ANY ($1::bigint[]) AND b.balance > 0 AND s.state = 'open'
  AND NOT EXISTS (SELECT 1 FROM lease_cutoffs AS c WHERE c.bucket = b.bucket)
"""  # noqa: S608 - made of constants
_HELD_BY: Final = """
SELECT owner, bucket, balance FROM ledger_balances
WHERE owner_kind = $1 AND site = $2 AND epoch = $3 AND balance > 0 ORDER BY owner, bucket FOR UPDATE
"""
_HOLDINGS: Final = """
SELECT bucket, owner_kind, site, epoch, balance FROM ledger_balances
WHERE owner = $1 AND owner_kind = ANY ($2::smallint[]) AND balance > 0 ORDER BY bucket, owner_kind, site, epoch
"""
_SPENT: Final = """
SELECT debit_bucket, sum(CASE WHEN kind = $4 THEN amount ELSE 0 END)::bigint FROM ledger_transfers
WHERE person = $1 AND business_day BETWEEN $2 AND $3 AND kind = $4 AND debit_owner_kind = 1 GROUP BY debit_bucket
"""
_GIVEN_BACK: Final = """
SELECT credit_bucket, sum(amount)::bigint FROM ledger_transfers
WHERE person = $1 AND business_day BETWEEN $2 AND $3 AND kind = $4 AND credit_owner_kind = 1 GROUP BY credit_bucket
"""


class PostgresLedger(PostgresLeases):
    """One transaction, entered into an organisation."""

    async def claim(self, cause: str) -> bool:
        """Whether `cause` is posted for the first time."""
        return bool(await self.tx.fetchval(_CLAIM, self.organisation, cause))

    async def causes_like(self, prefix: str) -> int:
        """How many causes begin with `prefix`."""
        return int(await self.tx.fetchval("SELECT count(*) FROM ledger_causes WHERE cause LIKE $1", f"{prefix}%"))

    async def balances(self, accounts: Iterable[Account], *, locked: bool = False) -> dict[Account, int]:
        """Balances of those of `accounts` that exist."""
        keys = sorted(accounts)
        if not keys:
            return {}
        rows = await self.tx.connection.fetch(_LOAD_LOCKED if locked else _LOAD, *_columns(keys))
        return {keys[number - 1]: balance for number, balance in rows}

    async def spend_trusted(self, deltas: Mapping[Account, int]) -> bool:
        """Take from accounts that were not read; False, or an error of the database, where one does not hold enough."""
        changed = sorted(deltas.items())
        if not changed:
            return True
        amounts = [delta for _, delta in changed]
        done = await self.tx.connection.execute(_UPDATE, *_columns(account for account, _ in changed), amounts)
        return bool(done == f"UPDATE {len(changed)}")

    async def move(self, held: Mapping[Account, int], deltas: Mapping[Account, int]) -> None:
        """Add `deltas`; accounts not in `held` are opened."""
        present = sorted((account, delta) for account, delta in deltas.items() if delta and account in held)
        fresh = sorted((account, delta) for account, delta in deltas.items() if delta and account not in held)
        if present:
            await self.tx.connection.execute(_UPDATE, *_columns(a for a, _ in present), [delta for _, delta in present])
        if fresh:
            amounts = [delta for _, delta in fresh]
            await self.tx.connection.execute(_INSERT, *_columns(a for a, _ in fresh), amounts, self.organisation)

    async def write_lines(self, lines: Sequence[Line]) -> None:
        """COPY lines."""
        if lines:
            await self.tx.connection.copy_records_to_table("ledger_transfers_rows", records=lines, columns=LINE_COLUMNS)

    async def holdings(self, person: int) -> list[tuple[int, int, int, int, int]]:
        """All a person has or has in doubt."""
        kinds = [int(Owner.PERSON), int(Owner.IN_DOUBT)]
        return [tuple(row) for row in await self.tx.fetch(_HOLDINGS, person, kinds)]

    async def free(self, persons: Sequence[int]) -> list[tuple[int, int, int]]:
        """What no site holds and no clearing takes; locked."""
        return [tuple(row) for row in await self.tx.fetch(_FREE, list(persons))]

    async def held(self, persons: Sequence[int]) -> list[tuple[int, int, int, int, int]]:
        """What open sites hold of buckets that are not being cleared."""
        return [tuple(row) for row in await self.tx.fetch(_HELD, list(persons))]

    async def free_of_bucket(self, bucket: int) -> list[tuple[int, int]]:
        """What no site holds of a bucket; locked."""
        rows = await self.tx.fetch(
            "SELECT owner, balance FROM ledger_balances WHERE owner_kind = $1 AND bucket = $2 AND site = 0"
            " AND epoch = 0 AND balance > 0 ORDER BY owner FOR UPDATE",
            int(Owner.PERSON), bucket,
        )  # fmt: skip
        return [tuple(row) for row in rows]

    async def held_by(self, owner_kind: int, holder: Holder) -> list[tuple[int, int, int]]:
        """What is at a holder; locked."""
        return [tuple(row) for row in await self.tx.fetch(_HELD_BY, owner_kind, *holder)]

    async def spent(self, person: int, days: tuple[int, int]) -> dict[int, int]:
        """What a person paid, by bucket."""
        return {row[0]: row[1] for row in await self.tx.fetch(_SPENT, person, *days, int(TransferKind.SPEND))}

    async def given_back(self, person: int, days: tuple[int, int]) -> dict[int, int]:
        """What a person was refunded, by bucket."""
        return {row[0]: row[1] for row in await self.tx.fetch(_GIVEN_BACK, person, *days, int(TransferKind.REFUND))}

    async def set_counting(self, buckets: Sequence[int]) -> None:
        """These buckets count times, not fen."""
        await self.tx.execute(
            "INSERT INTO ledger_counting_buckets (bucket, organisation_id) SELECT unnest($1::bigint[]), $2"
            " ON CONFLICT DO NOTHING",
            list(buckets), self.organisation,
        )  # fmt: skip


def _columns(accounts: Iterable[Account]) -> list[list[int]]:
    columns = list(zip(*accounts, strict=True))
    return [list(column) for column in columns]

"""The ledger's door for domains. Every function runs in the caller's transaction, entered into its organisation.

`cause` is made by the caller before its first try ("topup:17", "subsidy:3:2026-11:17"); posting it again is nothing.
`now` comes from the injected clock; days are yyyymmdd. Amounts are fen, or times of a counting bucket.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cloud.core.database import Transaction
from cloud.ledger import clearing, corrections, lost, sizing, standing
from cloud.ledger.accounts import available
from cloud.ledger.errors import UnknownLeaseSite
from cloud.ledger.lease_store import Holder, open_holder, sites_missing
from cloud.ledger.leases import true_up as true_up_swaps
from cloud.ledger.posting import claim, post_lines
from protocols.ledger.accounts import Account, Owner, Transfer, TransferKind

_BALANCES: Final = """
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


@dataclass(frozen=True, slots=True)
class BucketBalance:
    """A person's bucket: what nobody holds, what each (site, epoch) holds, and what is in doubt at lost sites."""

    bucket: int
    available: int
    at: tuple[tuple[int, int, int], ...]  # site, epoch, amount
    in_doubt: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.available + sum(amount for _, _, amount in self.at) + self.in_doubt


async def post(
    tx: Transaction, transfers: Sequence[Transfer], *, cause: str, business_day: int, now: datetime, memo: str = ""
) -> bool:
    """Post balanced transfers once. False where `cause` was posted before. Raises NotEnough, with nothing posted."""
    if not await claim(tx, cause):
        return False
    await post_lines(tx, transfers, cause=cause, business_day=business_day, now=now, memo=memo)
    return True


async def balances_of(tx: Transaction, person: int) -> list[BucketBalance]:
    """All buckets of a person that hold anything."""
    kinds = [int(Owner.PERSON), int(Owner.IN_DOUBT)]
    found: dict[int, BucketBalance] = {}
    for bucket, kind, site, epoch, balance in await tx.fetch(_BALANCES, person, kinds):
        old = found.get(bucket, BucketBalance(bucket, 0, (), 0))
        if kind == Owner.IN_DOUBT:
            found[bucket] = BucketBalance(bucket, old.available, old.at, old.in_doubt + balance)
        elif site:
            found[bucket] = BucketBalance(bucket, old.available, (*old.at, (site, epoch, balance)), old.in_doubt)
        else:
            found[bucket] = BucketBalance(bucket, balance, old.at, old.in_doubt)
    return list(found.values())


async def set_home(tx: Transaction, person: int, site: int, meal_fen: int) -> None:
    """Make `site` a person's home; `meal_fen` is what one meal is worth (kept back for visits)."""
    await sizing.set_home(tx, person, site, meal_fen)


async def set_counting(tx: Transaction, buckets: Sequence[int]) -> None:
    """These buckets count times, not fen: a pass of one stands beside the fen shares of a bill. Call it when made."""
    await tx.execute(
        "INSERT INTO ledger_counting_buckets (bucket, organisation_id) SELECT unnest($1::bigint[]), $2"
        " ON CONFLICT DO NOTHING",
        list(buckets), tx.organisation_id,
    )  # fmt: skip


async def size_leases(tx: Transaction, persons: Sequence[int], *, now: datetime, business_day: int) -> int:
    """Lease to each home what it lacks (the whole balance less one meal); answers the number of grants.

    Call it after every top-up and grant, in the same transaction. Raises LeasesWait after a restore (catch it: the
    money is in, the lease comes once all sites have declared).
    """
    return await sizing.size_homes(tx, persons, now=now, business_day=business_day)


async def leases_open(tx: Transaction) -> bool:
    """Whether new leases may be given (False while a restored cloud waits for declarations)."""
    return await sites_missing(tx) == 0


async def recall(tx: Transaction, person: int, amount: int, *, buckets: Sequence[int] = ()) -> int:
    """Ask sites to give back up to `amount` (of `buckets`, or any); answers how much was asked for."""
    return await sizing.recall(tx, person, amount, for_holder=Holder(0, 0), buckets=buckets)


async def shrink(
    tx: Transaction, person: int, bucket: int, amount: int, *,
    to: Account, cause: str, business_day: int, now: datetime, memo: str = "",
) -> corrections.Shrunk | None:  # fmt: skip
    """A correction downward: from `available`, then by asking sites, the rest as a receivable (rule 9)."""
    return await corrections.shrink(
        tx, person, bucket, amount, to=to, cause=cause, business_day=business_day, now=now, memo=memo
    )


async def announce_visit(
    tx: Transaction, person: int, site: int, day: int, *, now: datetime, bucket_order: Sequence[int] = ()
) -> tuple[int, int]:
    """Move one meal to a site for a day; answers (granted now, asked back from home). Once a person, site and day."""
    return await sizing.announce_visit(tx, person, site, day, now=now, order=bucket_order)


async def give_standing_rights(
    tx: Transaction, persons: Sequence[int], rule: int, *, from_day: int, uses_a_day: int
) -> int:
    """Give homes the right to count a limit; `uses_a_day` is what a pass for a visit is worth."""
    return await standing.give_to_homes(tx, persons, rule, from_day=from_day, uses_a_day=uses_a_day)


async def cut_off(tx: Transaction, buckets: Sequence[int], *, now: datetime, business_day: int) -> int:
    """Clear buckets: `available` now (answers that amount), each site once its stream passed the marker (rule 8)."""
    return await clearing.cut_off(tx, buckets, now=now, business_day=business_day)


async def clearing_state(tx: Transaction, buckets: Sequence[int]) -> list[clearing.SiteClearing]:
    """For every site of a clearing: whether it has passed the marker, and what it still holds."""
    return await clearing.waiting(tx, buckets)


async def declare_lost(tx: Transaction, site: int, *, epoch: int, bearer: int, now: datetime, business_day: int) -> int:
    """A site's gateway is lost: its leases are in doubt from now on; answers the amount (rule 6)."""
    return await lost.declare_lost(tx, Holder(site, epoch), bearer=bearer, now=now, business_day=business_day)


async def release_in_doubt(tx: Transaction, *, after_days: int, now: datetime, business_day: int) -> int:
    """Release what has been in doubt for `after_days`; answers the amount. A daily job."""
    return await lost.release_in_doubt(tx, after_days=after_days, now=now, business_day=business_day)


async def true_up(
    tx: Transaction, person: int, *, period: str, days: tuple[int, int], bucket_order: Sequence[int], now: datetime
) -> list[tuple[int, int, int]]:
    """Swap what a person paid from worse buckets of a period (days, both included) for better ones still available.

    Once a person and period, before clearing; answers the swaps (better, worse, amount), each a line that explains
    itself (rule 2).
    """
    spent = {row[0]: row[1] for row in await tx.fetch(_SPENT, person, *days, int(TransferKind.SPEND))}
    for bucket, amount in await tx.fetch(_GIVEN_BACK, person, *days, int(TransferKind.REFUND)):
        spent[bucket] = max(0, spent.get(bucket, 0) - amount)
    left = {balance.bucket: balance.available for balance in await balances_of(tx, person)}
    swaps = true_up_swaps(spent, left, bucket_order)
    transfers = [
        Transfer(TransferKind.TRUE_UP, available(person, better), available(person, worse), amount)
        for better, worse, amount in swaps
    ]
    if not transfers:
        return []
    posted = await post(
        tx, transfers, cause=f"trueup:{period}:{person}", business_day=days[1], now=now,
        memo=f"paid elsewhere while the better bucket was held by another site, {period}",
    )  # fmt: skip
    return swaps if posted else []


async def lease_holder(tx: Transaction, site: int) -> Holder:
    """The (site, epoch) that new leases of a site go to. Raises UnknownLeaseSite."""
    holder = await open_holder(tx, site)
    if holder is None:
        raise UnknownLeaseSite
    return holder

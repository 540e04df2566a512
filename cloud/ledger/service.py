"""The ledger's door for domains. Every function runs in the caller's transaction, entered into its organisation.

`cause` is made by the caller before its first try ("topup:17", "subsidy:3:2026-11:17"); posting it again is nothing.
`now` comes from the injected clock; days are yyyymmdd. Amounts are fen, or times of a counting bucket.
"""

from collections.abc import Sequence
from datetime import datetime

from cloud.core.database import Transaction
from cloud.ledger import clearing, corrections, lost, posting, sizing, standing, trueing
from cloud.ledger.errors import UnknownLeaseSite
from cloud.ledger.leases import NOTHING_STAYS, Staying
from cloud.ledger.store import Holder, SiteClearing
from cloud.ledger.store_postgres import PostgresLedger
from protocols.ledger.accounts import Account, Transfer

BucketBalance = posting.BucketBalance


async def post(
    tx: Transaction, transfers: Sequence[Transfer], *, cause: str, business_day: int, now: datetime, memo: str = ""
) -> bool:
    """Post balanced transfers once. False where `cause` was posted before. Raises NotEnough, with nothing posted."""
    return await posting.post(PostgresLedger(tx), transfers, cause=cause, business_day=business_day, now=now, memo=memo)


async def balances_of(tx: Transaction, person: int) -> list[BucketBalance]:
    """All buckets of a person that hold anything."""
    return await posting.balances_of(PostgresLedger(tx), person)


async def set_home(tx: Transaction, person: int, site: int, meal_fen: int) -> None:
    """Make `site` a person's home; `meal_fen` is what one meal is worth (kept back for visits)."""
    await PostgresLedger(tx).set_home(person, site, meal_fen)


async def set_counting(tx: Transaction, buckets: Sequence[int]) -> None:
    """These buckets count times, not fen: a pass of one stands beside the fen shares of a bill. Call it when made."""
    await PostgresLedger(tx).set_counting(buckets)


async def size_leases(
    tx: Transaction, persons: Sequence[int], *, now: datetime, business_day: int, staying: Staying = NOTHING_STAYS
) -> int:
    """Lease to each home what it lacks (the balance less one meal and what is `staying`); answers how many grants.

    Call it after every top-up and grant, in the same transaction. Raises LeasesWait after a restore (catch it: the
    money is in, the lease comes once all sites have declared).
    """
    return await sizing.size_homes(PostgresLedger(tx), persons, now=now, business_day=business_day, staying=staying)


async def leases_open(tx: Transaction) -> bool:
    """Whether new leases may be given (False while a restored cloud waits for declarations)."""
    return await PostgresLedger(tx).sites_missing() == 0


async def recall(tx: Transaction, person: int, amount: int, *, buckets: Sequence[int] = ()) -> int:
    """Ask sites to give back up to `amount` (of `buckets`, or any); answers how much was asked for."""
    return await sizing.recall(PostgresLedger(tx), person, amount, for_holder=Holder(0, 0), buckets=buckets)


async def shrink(
    tx: Transaction, person: int, bucket: int, amount: int, *,
    to: Account, cause: str, business_day: int, now: datetime, memo: str = "",
) -> corrections.Shrunk | None:  # fmt: skip
    """A correction downward: from `available`, then by asking sites, the rest as a receivable (rule 9)."""
    return await corrections.shrink(
        PostgresLedger(tx), person, bucket, amount, to=to, cause=cause, business_day=business_day, now=now, memo=memo
    )


async def announce_visit(
    tx: Transaction, person: int, site: int, day: int, *, now: datetime, bucket_order: Sequence[int] = ()
) -> tuple[int, int]:
    """Move one meal to a site for a day; answers (granted now, asked back from home). Once a person, site and day."""
    return await sizing.announce_visit(PostgresLedger(tx), person, site, day, now=now, order=bucket_order)


async def give_standing_rights(
    tx: Transaction, persons: Sequence[int], rule: int, *, from_day: int, uses_a_day: int
) -> int:
    """Give homes the right to count a limit; `uses_a_day` is what a pass for a visit is worth."""
    return await standing.give_to_homes(PostgresLedger(tx), persons, rule, from_day=from_day, uses_a_day=uses_a_day)


async def move_limits(tx: Transaction, person: int, site: int, *, from_day: int) -> int:
    """All limits of a person go to their home `site` as their holders return them; answers how many were asked for.

    None while the site has no open gateway, or after a restore (a job asks again).
    """
    store = PostgresLedger(tx)
    holder = await store.open_holder(site)
    if holder is None or await store.sites_missing():
        return 0
    return await standing.move_home(store, person, holder, from_day=from_day)


async def cut_off(tx: Transaction, buckets: Sequence[int], *, now: datetime, business_day: int) -> int:
    """Clear buckets: `available` now (answers that amount), each site once its stream passed the marker (rule 8)."""
    return await clearing.cut_off(PostgresLedger(tx), buckets, now=now, business_day=business_day)


async def clearing_state(tx: Transaction, buckets: Sequence[int]) -> list[SiteClearing]:
    """For every site of a clearing: whether it has passed the marker, and what it still holds."""
    return await PostgresLedger(tx).clearings(buckets)


async def declare_lost(tx: Transaction, site: int, *, epoch: int, bearer: int, now: datetime, business_day: int) -> int:
    """A site's gateway is lost: its leases are in doubt from now on; answers the amount (rule 6)."""
    return await lost.declare_lost(
        PostgresLedger(tx), Holder(site, epoch), bearer=bearer, now=now, business_day=business_day
    )


async def release_in_doubt(tx: Transaction, *, after_days: int, now: datetime, business_day: int) -> int:
    """Release what has been in doubt for `after_days`; answers the amount. A daily job."""
    return await lost.release_in_doubt(PostgresLedger(tx), after_days=after_days, now=now, business_day=business_day)


async def true_up(
    tx: Transaction, person: int, *, period: str, days: tuple[int, int], bucket_order: Sequence[int], now: datetime
) -> list[tuple[int, int, int]]:
    """Swap what a person paid from worse buckets of a period (days, both included) for better ones still available.

    Once a person and period, before clearing; answers the swaps (better, worse, amount), each a line that explains
    itself (rule 2).
    """
    return await trueing.true_up(
        PostgresLedger(tx), person, period=period, days=days, bucket_order=bucket_order, now=now
    )


async def lease_holder(tx: Transaction, site: int) -> Holder:
    """The (site, epoch) that new leases of a site go to. Raises UnknownLeaseSite."""
    holder = await PostgresLedger(tx).open_holder(site)
    if holder is None:
        raise UnknownLeaseSite
    return holder

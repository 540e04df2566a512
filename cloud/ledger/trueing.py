"""True-ups: what was paid from a worse bucket while another site held the better one is swapped once (rule 2)."""

from collections.abc import Sequence
from datetime import datetime

from cloud.ledger.accounts import available
from cloud.ledger.leases import true_up as swaps_of
from cloud.ledger.posting import balances_of, post
from cloud.ledger.store import BooksStore
from protocols.ledger.accounts import Transfer, TransferKind


async def true_up(
    store: BooksStore, person: int, *, period: str, days: tuple[int, int], bucket_order: Sequence[int], now: datetime
) -> list[tuple[int, int, int]]:
    """Swap what a person paid from worse buckets of a period for better ones still available; answers the swaps."""
    spent = await store.spent(person, days)
    for bucket, amount in (await store.given_back(person, days)).items():
        spent[bucket] = max(0, spent.get(bucket, 0) - amount)
    left = {balance.bucket: balance.available for balance in await balances_of(store, person)}
    swaps = swaps_of(spent, left, bucket_order)
    transfers = [
        Transfer(TransferKind.TRUE_UP, available(person, better), available(person, worse), amount)
        for better, worse, amount in swaps
    ]
    if not transfers:
        return []
    posted = await post(
        store, transfers, cause=f"trueup:{period}:{person}", business_day=days[1], now=now,
        memo=f"paid elsewhere while the better bucket was held by another site, {period}",
    )  # fmt: skip
    return swaps if posted else []

"""Posting: lock and check the floored balances, move them by deltas, write the lines."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cloud.ledger.accounts import person_of
from cloud.ledger.errors import NotEnough
from cloud.ledger.store import BooksStore
from protocols.ledger.accounts import Account, Owner, Transfer
from protocols.ledger.balances import Overdrawn, post_all

LINE_COLUMNS: Final = (
    "organisation_id", "kind",
    "debit_owner_kind", "debit_owner", "debit_bucket", "debit_site", "debit_epoch",
    "credit_owner_kind", "credit_owner", "credit_bucket", "credit_site", "credit_epoch",
    "amount", "person", "business_day", "posting_day", "posted_at",
    "device", "epoch", "branch", "seq", "part", "cause", "memo",
)  # fmt: skip


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
    store: BooksStore, transfers: Sequence[Transfer], *, cause: str, business_day: int, now: datetime, memo: str = ""
) -> bool:
    """Post balanced transfers once. False where `cause` was posted before. Raises NotEnough, with nothing posted."""
    if not await store.claim(cause):
        return False
    await post_lines(store, transfers, cause=cause, business_day=business_day, now=now, memo=memo)
    return True


async def post_lines(
    store: BooksStore, transfers: Sequence[Transfer], *, cause: str, business_day: int, now: datetime, memo: str = ""
) -> None:
    """Move the balances and write the lines of a cloud act whose cause was claimed. Raises NotEnough."""
    if not transfers:
        return
    held = await store.balances(floored_accounts(transfers), locked=True)
    after = dict(held)
    try:
        post_all(after, transfers)
    except Overdrawn as error:
        raise NotEnough(str(error), balance=error.balance, amount=error.amount) from error
    await store.move(held, {account: after[account] - held.get(account, 0) for account in after})
    stamp = (business_day, business_day, now, None, None, None, None)
    await store.write_lines(
        [
            (store.organisation, kind, *debit, *credit, amount, person_of(debit, credit), *stamp, part, cause, memo)
            for part, (kind, debit, credit, amount) in enumerate(transfers)
        ]
    )


def floored_accounts(transfers: Iterable[Transfer]) -> set[Account]:
    """The accounts of these transfers that keep a balance."""
    return {account for each in transfers for account in (each.debit, each.credit) if account.floored}


async def balances_of(store: BooksStore, person: int) -> list[BucketBalance]:
    """All buckets of a person that hold anything."""
    found: dict[int, BucketBalance] = {}
    for bucket, kind, site, epoch, balance in await store.holdings(person):
        old = found.get(bucket, BucketBalance(bucket, 0, (), 0))
        if kind == Owner.IN_DOUBT:
            found[bucket] = BucketBalance(bucket, old.available, old.at, old.in_doubt + balance)
        elif site:
            found[bucket] = BucketBalance(bucket, old.available, (*old.at, (site, epoch, balance)), old.in_doubt)
        else:
            found[bucket] = BucketBalance(bucket, balance, old.at, old.in_doubt)
    return list(found.values())

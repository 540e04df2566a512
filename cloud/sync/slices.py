"""What every store loads for a slice of the books."""

from collections.abc import Iterable
from typing import Final

from cloud.ledger.books import Books, Key
from cloud.sync.state import Wants
from protocols.ledger.accounts import Account, Owner

_INT64: Final = 2**63


class NotHeld(Exception):
    """An account was trusted to hold more than it does, or at all."""


def accounts_of(books: Books, wants: Wants) -> Iterable[Account]:
    """The floored accounts that the wanted entries may touch."""
    accounts: set[Key] = set()
    for person, bucket in wants.pairs:
        if -_INT64 <= person < _INT64 and -_INT64 <= bucket < _INT64:
            accounts.add((int(Owner.PERSON), person, bucket, books.site, books.epoch))
            if books.lost:
                accounts.add((int(Owner.IN_DOUBT), person, bucket, books.site, books.epoch))
            if books.recovering or books.released or (person, bucket) in wants.returned:
                accounts.add((int(Owner.PERSON), person, bucket, 0, 0))
    return [Account(*key) for key in accounts]

"""The accounts the cloud posts to, by what they are for. `bucket` always says which money moved."""

from protocols.ledger.accounts import Account, Owner


def available(person: int, bucket: int) -> Account:
    """What of a person's bucket no site holds."""
    return Account(Owner.PERSON, person, bucket)


def leased(person: int, bucket: int, *, site: int, epoch: int) -> Account:
    """What of a person's bucket one gateway may spend without asking."""
    return Account(Owner.PERSON, person, bucket, site, epoch)


def in_doubt(person: int, bucket: int, *, site: int, epoch: int) -> Account:
    """What a lost site held and may have spent."""
    return Account(Owner.IN_DOUBT, person, bucket, site, epoch)


def issuer(organisation: int, bucket: int) -> Account:
    """Where subsidies of a bucket come from and go back to when cleared."""
    return Account(Owner.ISSUER, organisation, bucket)


def stall(stall_id: int, bucket: int) -> Account:
    """A stall's takings in one bucket's money."""
    return Account(Owner.STALL, stall_id, bucket)


def cash_desk(desk: int, bucket: int) -> Account:
    """Cash and bank that stand against top-ups; `desk` is a lane for cash at a lane, else the organisation."""
    return Account(Owner.CASH_DESK, desk, bucket)


def exceptions(person: int, bucket: int, *, site: int = 0, epoch: int = 0) -> Account:
    """What valid facts took that the books did not hold, until a person settles it (rule 7)."""
    return Account(Owner.EXCEPTIONS, person, bucket, site, epoch)


def loss(bearer: int, bucket: int, *, site: int, epoch: int) -> Account:
    """What facts of a lost site cost whoever bears it (rule 6)."""
    return Account(Owner.LOSS, bearer, bucket, site, epoch)


def receivable(person: int, bucket: int) -> Account:
    """What a person owes after a correction downward found too little (rule 9)."""
    return Account(Owner.RECEIVABLE, person, bucket)


def person_of(debit: Account, credit: Account) -> int:
    """Whose flow a transfer belongs to: the person on either side, 0 for nobody."""
    for account in (debit, credit):
        if account.owner_kind in _PERSONAL:
            return account.owner
    return 0


_PERSONAL = frozenset({Owner.PERSON, Owner.IN_DOUBT, Owner.EXCEPTIONS, Owner.RECEIVABLE})

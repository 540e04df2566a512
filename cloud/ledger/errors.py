"""What the ledger refuses, typed by what the caller should do."""

from cloud.core.errors import Conflict, NotFound


class NotEnough(Conflict):
    """An account with a floor holds less than was asked of it; nothing was posted."""

    code = "not_enough"
    title = "The account does not hold that much"


class LeasesWait(Conflict):
    """After a restore no new lease is given until every site has declared what it holds (rule 25)."""

    code = "leases_wait"
    title = "A site has not yet declared what it holds"


class UnknownLeaseSite(NotFound):
    """The site holds no leases under that epoch."""

    code = "unknown_lease_site"
    title = "The site holds no leases under that epoch"


class CheckFailed(Exception):
    """A row that the tables' own constraints refuse: a defect, as an error of the database is."""

"""A world of people, sites and leases: sites spend out of sight, leases cross when the network lets them."""

from collections import Counter
from random import Random

from protocols.ledger.accounts import Account, Owner, Transfer, TransferKind
from protocols.ledger.balances import Overdrawn, post

PEOPLE = range(1, 21)
SITES = range(1, 4)
BUCKET = 5
STALL = Account(Owner.STALL, 1, BUCKET)
DESK = Account(Owner.CASH_DESK, 1, BUCKET)


class Auditor:
    """Counts money by its own plain means: what was paid in, what was eaten, what must be left."""

    def __init__(self) -> None:
        self.paid_in: Counter[int] = Counter()
        self.eaten: Counter[int] = Counter()

    def left(self, person: int) -> int:
        """What a person has, wherever it is."""
        return self.paid_in[person] - self.eaten[person]


class LeaseWorld:
    """One world from one seed; `step` lets one thing happen."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.balances: dict[Account, int] = {}
        self.online = dict.fromkeys(SITES, True)
        self.auditor = Auditor()
        self.refused = 0

    def step(self) -> None:
        """Top up, grant, spend, give back, or lose or find the network."""
        person, site = self.random.choice(PEOPLE), self.random.choice(SITES)
        acts = [self.top_up, self.grant, self.spend, self.spend, self.give_back, self.plug]
        self.random.choice(acts)(person, site, self.random.randint(1, 3000))

    def available(self, person: int) -> Account:
        """What is leased to nobody."""
        return Account(Owner.PERSON, person, BUCKET)

    def leased(self, person: int, site: int) -> Account:
        """What this site alone may spend."""
        return Account(Owner.PERSON, person, BUCKET, site, 1)

    def top_up(self, person: int, site: int, amount: int) -> None:
        """Money comes in at the desk."""
        post(self.balances, Transfer(TransferKind.TOP_UP, DESK, self.available(person), amount))
        self.auditor.paid_in[person] += amount

    def grant(self, person: int, site: int, amount: int) -> None:
        """The cloud leases what is available to a site that it can reach."""
        if self.online[site]:
            self.try_to(Transfer(TransferKind.LEASE_GRANT, self.available(person), self.leased(person, site), amount))

    def give_back(self, person: int, site: int, amount: int) -> None:
        """A site returns a part of its lease."""
        if self.online[site]:
            self.try_to(Transfer(TransferKind.LEASE_RETURN, self.leased(person, site), self.available(person), amount))

    def spend(self, person: int, site: int, amount: int) -> None:
        """Somebody eats; the network plays no part in it."""
        if self.try_to(Transfer(TransferKind.SPEND, self.leased(person, site), STALL, amount)):
            self.auditor.eaten[person] += amount

    def plug(self, person: int, site: int, amount: int) -> None:
        """The network of a site goes or comes."""
        self.online[site] = not self.online[site]

    def try_to(self, transfer: Transfer) -> bool:
        """Post, or count a refusal."""
        try:
            post(self.balances, transfer)
        except Overdrawn:
            self.refused += 1
            return False
        return True

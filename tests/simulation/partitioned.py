"""Purchases in the dark: every site is cut off, everybody buys everywhere, leases cross in short moments of contact.

The moments are short indeed: pages are cut off in the middle, come twice, or come old; facts go up in part.
`PlainCounter` judges with additions and subtractions of its own.
"""

from collections import Counter
from random import Random
from typing import Any, Final

from protocols.journal.kinds import Kind
from protocols.payments.facts import LeaseReturned
from protocols.payments.periods import Moment
from protocols.payments.plan import Plan
from protocols.payments.reference import Person
from protocols.sync.messages import LeaseKind, LeaseMessage
from tests.simulation.lease_cashier import CASH, MEAL_FEN, rule_book
from tests.simulation.lease_office import Office, Told
from tests.simulation.lease_till import Till

MONTH: Final = 20261130
TODAY: Final = Moment(2, 20261120)
A_ROUND: Final = 4_000  # purchases between moments of contact


class PlainCounter:
    """What went in, what was eaten, what each site was given and gave back."""

    def __init__(self) -> None:
        self.put_in: Counter[int] = Counter()
        self.eaten: Counter[int] = Counter()
        self.at_site: Counter[tuple[int, int]] = Counter()
        self.overdrafts = 0
        self.beyond_grants = 0
        self._newest: Counter[int] = Counter()

    def given(self, site: int, message: LeaseMessage) -> None:
        """A message reached a site; one seen before is nothing."""
        if message.n == self._newest[site] + 1:
            self._newest[site] += 1
            if message.kind == LeaseKind.GRANT:
                self.at_site[site, message.person] += message.amount

    def given_back(self, site: int, person: int, fen: int) -> None:
        """A site let go of a part."""
        self.at_site[site, person] -= fen
        self.beyond_grants += self.at_site[site, person] < 0

    def bought(self, site: int, person: int, fen: int) -> None:
        """Somebody was told that it is paid."""
        self.eaten[person] += fen
        self.at_site[site, person] -= fen
        self.overdrafts += self.eaten[person] > self.put_in[person]
        self.beyond_grants += self.at_site[site, person] < 0

    def left(self, person: int) -> int:
        """What a person must have, wherever it is."""
        return self.put_in[person] - self.eaten[person]


class Dark:
    """Sites without network, and their people."""

    def __init__(self, *, sites: int, people: int, seed: int) -> None:
        self.random = Random(seed)
        self.counter = PlainCounter()
        self.office = Office(range(1, sites + 1), order=[MONTH, CASH])
        rules = rule_book([MONTH])
        self.tills = [Till(site, rules) for site in self.office.sites]
        self.people = [
            Person(number, "", "", 1, self.random.randint(1, sites), 0, 0, "", 0) for number in range(1, people + 1)
        ]
        for person in self.people:
            self.office.hire(person.id, person.home_site, MEAL_FEN)
        self.taken = self.refused = self.grants = self.returns = self.replays = 0
        self._waiting: dict[int, list[Told]] = {site: [] for site in self.office.sites}

    def run(self, purchases: int) -> None:
        """Until so many purchases were taken in the dark; then everybody comes back and says all."""
        while self.taken < purchases:
            self._money_comes_in()
            for till in self.tills:
                if self.random.random() < 0.7:
                    self._contact(till)
            for _ in range(A_ROUND):
                self._buy()
        self.heal()

    def heal(self) -> None:
        """Contact without faults until nothing moves."""
        for _ in range(8):
            for till in self.tills:
                self._send_up(till, share=1.0)
                self._pull(till, self.office.newest(till.site) - till.book.n)

    def fen_astray(self) -> int:
        """How far books, tills and the plain counter are apart, summed over people and sites: 0 or fen were lost."""
        apart = 0
        for person in self.people:
            held = self.office.held(person.id)
            everywhere = sum(self.office.free(person.id).values()) + sum(held.values())
            apart += abs(everywhere - self.counter.left(person.id))
            for till in self.tills:
                here = till.book.balances(person.id)
                apart += sum(abs(here.get(b, 0) - held.get((till.site, b), 0)) for b in (MONTH, CASH))
                apart += abs(sum(here.values()) - self.counter.at_site[till.site, person.id])
        return apart

    def figures(self) -> dict[str, Any]:
        """For the report."""
        return {
            "sites": len(self.tills),
            "people": len(self.people),
            "taken": self.taken,
            "refused": self.refused,
            "grants": self.grants,
            "returns": self.returns,
            "replays": self.replays,
            "overdrafts": self.counter.overdrafts + self.counter.beyond_grants + self.office.overdrafts,
            "set_aside": self.office.set_aside,
            "fen_astray": self.fen_astray(),
        }

    def _buy(self) -> None:
        random = self.random
        person, till = random.choice(self.people), random.choice(self.tills)
        if random.random() < 0.5:
            till = self.tills[person.home_site - 1]
        fen = random.randint(60, 2_600)
        if isinstance(till.pay(person, fen, TODAY, online=False), Plan):
            self.counter.bought(till.site, person.id, fen)
            self.taken += 1
        else:
            self.refused += 1

    def _money_comes_in(self) -> None:
        for _ in range(A_ROUND // 3):
            person, fen = self.random.choice(self.people), self.random.randint(500, 6_000)
            self.counter.put_in[person.id] += fen
            self.office.put(person.id, self.random.choice((MONTH, CASH)), fen)

    def _contact(self, till: Till) -> None:
        """A few heartbeats; any of them may be the last before the next cut."""
        self._send_up(till, share=self.random.random())
        self.office.minute()
        for _ in range(self.random.randint(0, A_ROUND // 12)):
            self.office.serve(till.site, self.random.choice(self.people).id, self.random.randint(100, 5_000))
        self._pull(till, self.random.randint(0, A_ROUND))
        if self.random.random() < 0.5:
            self._send_up(till, share=self.random.random())

    def _pull(self, till: Till, most: int) -> None:
        here = start = till.book.n
        if self.random.random() < 0.5:  # a page that came before comes once more
            start = max(0, start - self.random.randint(1, 500))
            self.replays += here - start
        page = self.office.page(till.site, start, limit=here - start + most)
        self.grants += sum(message.kind == LeaseKind.GRANT and message.n > here for message in page)
        before = len(till.entries)
        for message in page:
            self.counter.given(till.site, message)
        till.apply(page)
        for kind, payload in till.entries[before:]:
            assert kind == Kind.LEASE_RETURNED
            assert isinstance(payload, LeaseReturned)
            self.returns += 1
            for move in payload.moves:
                self.counter.given_back(till.site, move.person, move.amount)

    def _send_up(self, till: Till, *, share: float) -> None:
        waiting = self._waiting[till.site]
        waiting += till.unsent()
        most = int(len(waiting) * share)
        self.office.take(till.site, waiting[:most])
        del waiting[:most]

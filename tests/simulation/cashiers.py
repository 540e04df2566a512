"""Cashiers that a month is played to: the one who knows all, the optimist, the one with fixed limits.

They share no code with leases, the ledger or the payment rules.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

from tests.simulation.trace import AGAIN, SUBSIDY, TOP_UP, WANTED, Calendar, Event, Trace, last_day_of_month

_FOR_GOOD: Final = 99_991_231
BUYING: Final = (WANTED, AGAIN)


@dataclass
class Tally:
    """What a cashier took and refused, home diners and visitors apart."""

    wanted: Counter[str] = field(default_factory=Counter)
    wanted_fen: Counter[str] = field(default_factory=Counter)
    taken: Counter[str] = field(default_factory=Counter)
    taken_fen: Counter[str] = field(default_factory=Counter)
    overdrafts: int = 0
    overdraft_fen: int = 0
    accepted: list[bool] = field(default_factory=list)  # of each purchase, in the month's order

    def note(self, who: str, fen: int, *, taken: bool) -> None:
        """One purchase more."""
        self.wanted[who] += 1
        self.wanted_fen[who] += fen
        self.accepted.append(taken)
        if taken:
            self.taken[who] += 1
            self.taken_fen[who] += fen

    def share(self, who: str, ceiling: "Tally") -> float:
        """Accepted value over the ceiling's."""
        return self.taken_fen[who] / max(1, ceiling.taken_fen[who])

    def figures(self, ceiling: "Tally") -> dict[str, float]:
        """For the report."""
        figures: dict[str, float] = {}
        for who in ("home", "visiting"):
            figures[who] = round(self.share(who, ceiling), 4)
            figures[f"{who}_fen"] = self.taken_fen[who]
            figures[f"{who}_refused"] = self.wanted[who] - self.taken[who]
        return figures | {"overdrafts": self.overdrafts, "overdraft_fen": self.overdraft_fen}


class Cashier(Protocol):
    """Plays every event of a month, in order."""

    tally: Tally

    def act(self, event: Event, *, visiting: bool) -> None:
        """One event."""


class Wallet:
    """One balance: dated subsidies first, the earliest to expire before the others, then cash, which may go below 0."""

    __slots__ = ("parts",)

    def __init__(self, cash_fen: int) -> None:
        self.parts = {_FOR_GOOD: cash_fen}

    def put(self, fen: int, expires: int = _FOR_GOOD) -> None:
        """More."""
        self.parts[expires] = self.parts.get(expires, 0) + fen

    def good(self, day: int) -> int:
        """What may be spent on a day."""
        return sum(fen for expires, fen in self.parts.items() if expires >= day)

    def pay(self, fen: int, day: int) -> None:
        """Take it, from cash what there is too little of."""
        for expires in sorted(self.parts):
            if expires >= day and expires != _FOR_GOOD:
                part = min(fen, self.parts[expires])
                self.parts[expires] -= part
                fen -= part
        self.parts[_FOR_GOOD] -= fen


def wallets(trace: Trace) -> dict[int, Wallet]:
    """Everybody's money at the first minute."""
    found = {}
    for diner in trace.diners:
        found[diner.person] = wallet = Wallet(diner.cash_fen)
        if diner.subsidy_fen:
            wallet.put(diner.subsidy_fen, last_day_of_month(trace.first_day))
    return found


class AllKnowing:
    """One true balance, always at hand: what it takes is the ceiling."""

    def __init__(self, trace: Trace) -> None:
        self.tally = Tally()
        self._calendar = Calendar(trace)
        self._wallets = wallets(trace)

    def act(self, event: Event, *, visiting: bool) -> None:
        """Take what the balance covers."""
        day = self._calendar.day(event.minute)
        wallet = self._wallets[event.person]
        if event.kind == TOP_UP:
            wallet.put(event.fen)
        elif event.kind == SUBSIDY:
            wallet.put(event.fen, last_day_of_month(day))
        elif event.kind in BUYING:
            taken = wallet.good(day) >= event.fen
            if taken:
                wallet.pay(event.fen, day)
            self.tally.note("visiting" if visiting else "home", event.fen, taken=taken)


class LastSeen:
    """No leases: online against the cloud's balance, offline against the one last seen, as far as `limit` lets.

    The cloud hears of offline purchases when the site is back. What passes the true balance is an overdraft.
    """

    def __init__(self, trace: Trace) -> None:
        self.tally = Tally()
        self._calendar = Calendar(trace)
        self._true, self._cloud = wallets(trace), wallets(trace)
        self._changes = self._calendar.changes()[::-1]
        self._unsent: dict[int, list[Event]] = {site: [] for site in trace.sites}
        self._seen: dict[int, dict[int, int]] = {site: {} for site in trace.sites}
        self._spent: dict[int, Counter[int]] = {site: Counter() for site in trace.sites}

    def limit(self, seen_fen: int) -> int:
        """What a site may spend of a balance during one cut."""
        return seen_fen

    def act(self, event: Event, *, visiting: bool) -> None:
        """Come and go with the network, then take or refuse."""
        while self._changes and self._changes[-1][0] <= event.minute:
            self._come_or_go(*self._changes.pop())
        day = self._calendar.day(event.minute)
        if event.kind in (TOP_UP, SUBSIDY):
            expires = _FOR_GOOD if event.kind == TOP_UP else last_day_of_month(day)
            self._true[event.person].put(event.fen, expires)
            self._cloud[event.person].put(event.fen, expires)
        elif event.kind in BUYING:
            taken = self._may(event, day)
            if taken:
                self._take(event, day)
            self.tally.note("visiting" if visiting else "home", event.fen, taken=taken)

    def _may(self, event: Event, day: int) -> bool:
        if self._calendar.online(event.place, event.minute):
            return self._cloud[event.person].good(day) >= event.fen
        seen = self._seen[event.place].get(event.person, 0)
        return self._spent[event.place][event.person] + event.fen <= self.limit(seen)

    def _take(self, event: Event, day: int) -> None:
        wallet = self._true[event.person]
        before = min(0, wallet.good(day))
        wallet.pay(event.fen, day)
        below = before - min(0, wallet.good(day))
        if below:
            self.tally.overdrafts += 1
            self.tally.overdraft_fen += below
        if self._calendar.online(event.place, event.minute):
            self._cloud[event.person].pay(event.fen, day)
        else:
            self._unsent[event.place].append(event)
            self._spent[event.place][event.person] += event.fen

    def _come_or_go(self, minute: int, site: int) -> None:
        if self._calendar.online(site, minute):
            for event in self._unsent[site]:
                self._cloud[event.person].pay(event.fen, self._calendar.day(event.minute))
            self._unsent[site].clear()
            self._spent[site].clear()
        else:
            day = self._calendar.day(minute)
            self._seen[site] = {person: wallet.good(day) for person, wallet in self._cloud.items()}


class Optimist(LastSeen):
    """Takes everything offline that the balance last seen covers."""


class FixedPart(LastSeen):
    """Each site may spend its part of the balance last seen."""

    def limit(self, seen_fen: int) -> int:
        """One half, for two sites."""
        return seen_fen // len(self._seen)


class FixedAmount(LastSeen):
    """Each site may spend so much of a balance during one cut."""

    MOST_FEN = 3_000

    def limit(self, seen_fen: int) -> int:
        """Two meals, where the balance last seen covers them."""
        return min(seen_fen, self.MOST_FEN)


def play(trace: Trace, cashiers: Iterable[Cashier]) -> None:
    """The month, to every cashier."""
    home = {diner.person: diner.home for diner in trace.diners}
    for cashier in cashiers:
        tally = cashier.tally
        served: dict[int, bool] = {}
        for event in trace.events:
            if event.kind == AGAIN and served[event.person]:
                tally.accepted.append(False)  # nobody eats twice because another cashier would have refused
                continue
            cashier.act(event, visiting=bool(event.place) and event.place != home[event.person])
            if event.kind in BUYING:
                served[event.person] = tally.accepted[-1]

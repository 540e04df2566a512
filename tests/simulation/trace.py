"""The fixed month: what people of two canteens wanted, paid in and announced, and when the networks were cut.

`data/campus_month.csv.xz` is read, never drawn again; `trace_drawing.py` says how it was drawn once. It is text:
`# ` and the drawing's own words, then one line a record, in order of time within each kind of the second part.

    day,20261016           the first day; minutes count from its midnight, local time
    person,1,2,0,4200,15000    number, home site, group (0 staff, 1 student, 2 contractor), cash and subsidy held, fen
    cut,1,3120,3190,3194   site, minutes: the network goes, it is back, the site is up to date with the cloud again
    s,21690,17,0,40000     subsidy of the new month: minute, person, 0, fen (spendable until that month's last day)
    t,655,17,0,10000       top-up in the app or by a clerk, in the cloud: minute, person, 0, fen
    a,600,17,2,0           a visit announced in the app: minute, person, visited site, 0
    b,702,17,1,1550        a purchase that somebody wants: minute, person, site, fen
    r,705,17,1,1550        the same once more after a top-up, by somebody refused: a cashier who took it is not asked
"""

import lzma
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, NamedTuple

from protocols.values.instants import date_to_day, day_to_date

MONTH: Final = Path(__file__).parent / "data" / "campus_month.csv.xz"
MINUTES_A_DAY: Final = 1440

SUBSIDY, TOP_UP, ANNOUNCED, WANTED, AGAIN = "s", "t", "a", "b", "r"


class Diner(NamedTuple):
    """A person at the trace's first minute."""

    person: int
    home: int
    group: int
    cash_fen: int
    subsidy_fen: int


class Cut(NamedTuple):
    """A site without network in [from, back), and without a current state until `current`."""

    site: int
    from_minute: int
    back_minute: int
    current_minute: int


class Event(NamedTuple):
    """One record of the second part."""

    kind: str
    minute: int
    person: int
    place: int
    fen: int


@dataclass(frozen=True)
class Trace:
    """A month: who, when cut, what happened."""

    first_day: int
    diners: tuple[Diner, ...]
    cuts: tuple[Cut, ...]
    events: tuple[Event, ...]
    words: str = ""

    @property
    def sites(self) -> tuple[int, ...]:
        """The canteens."""
        return tuple(sorted({diner.home for diner in self.diners} | {cut.site for cut in self.cuts}))

    def of(self, keep: Callable[[int], bool]) -> "Trace":
        """The same month for some of the people: nobody's money depends on anybody else's."""
        diners = tuple(diner for diner in self.diners if keep(diner.person))
        kept = {diner.person for diner in diners}
        events = tuple(event for event in self.events if event.person in kept)
        return Trace(self.first_day, diners, self.cuts, events, self.words)


class Calendar:
    """Days of the trace, and when sites are in touch."""

    def __init__(self, trace: Trace) -> None:
        self._first = day_to_date(trace.first_day)
        self._days: dict[int, int] = {}
        self._edges: dict[int, list[int]] = {site: [] for site in trace.sites}
        for cut in sorted(trace.cuts):
            self._edges[cut.site] += [cut.from_minute, cut.current_minute]

    def day(self, minute: int) -> int:
        """The day of a minute, yyyymmdd."""
        number = minute // MINUTES_A_DAY
        if number not in self._days:
            self._days[number] = date_to_day(self._first + timedelta(days=number))
        return self._days[number]

    def online(self, site: int, minute: int) -> bool:
        """Whether a site and the cloud can hear each other and stand at the same point."""
        return bisect_right(self._edges[site], minute) % 2 == 0

    def changes(self) -> list[tuple[int, int]]:
        """(minute, site) of every going and coming."""
        return sorted((minute, site) for site, edges in self._edges.items() for minute in edges)


def last_day_of_month(day: int) -> int:
    """The last day of the month of a day."""
    first = day_to_date(day).replace(day=1)
    return date_to_day((first + timedelta(days=32)).replace(day=1) - timedelta(days=1))


def read(path: Path = MONTH) -> Trace:
    """Parse a trace file."""
    first_day, words = 0, []
    diners: list[Diner] = []
    cuts: list[Cut] = []
    events: list[Event] = []
    for line in lzma.decompress(path.read_bytes()).decode().splitlines():
        if line.startswith("#"):
            words.append(line[2:])
            continue
        kind, *rest = line.split(",")
        fields = [int(field) for field in rest]
        if len(kind) == 1:
            events.append(Event(kind, *fields))
        elif kind == "person":
            diners.append(Diner(*fields))
        elif kind == "cut":
            cuts.append(Cut(*fields))
        else:
            first_day = fields[0]
    return Trace(first_day, tuple(diners), tuple(cuts), tuple(events), "\n".join(words))


def write(trace: Trace, path: Path) -> int:
    """Write a trace file; its size in bytes."""
    lines = [f"# {line}" for line in trace.words.splitlines()]
    lines.append(f"day,{trace.first_day}")
    lines += _lines("person", trace.diners)
    lines += _lines("cut", trace.cuts)
    lines += [",".join(map(str, event)) for event in trace.events]
    packed = lzma.compress(("\n".join(lines) + "\n").encode(), preset=9 | lzma.PRESET_EXTREME)
    path.write_bytes(packed)
    return len(packed)


def _lines(word: str, records: Iterable[tuple[int, ...]]) -> list[str]:
    return [",".join((word, *map(str, record))) for record in records]

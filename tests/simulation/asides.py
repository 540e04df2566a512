"""What becomes of each entry as it comes in: applied, parked behind its own, or set aside; counted by lane and hour."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from tests.simulation import wirewords as words
from tests.simulation.auditor import Violation
from tests.simulation.changes import Changes, Entry, StreamId

MOST_RUNNING: Final = 20  # of one reason, before a stream stops (rule 26)
_HOUR_MS: Final = 3_600_000
_UNREAD: Final = frozenset({"malformed", "misnumbered", "unknown_kind", "refused", "defect"})
_APPLIED, _PARKED, _QUARANTINED = 1, 2, 3
_PLACE: Final = {_APPLIED: 0, _QUARANTINED: 2, _PARKED: 3}
Hour = tuple[int, int, int]  # device, lane, hour


@dataclass
class Waiting:
    """What waits of one stream, by its number: its subject. And how often one reason came running."""

    subjects: dict[int, str] = field(default_factory=dict)
    reason: str = ""
    running: int = 0

    def behind(self, subject: str, depends_on: int, seq: int) -> int:
        """What an entry has to wait behind; 0 where nothing."""
        if depends_on in self.subjects:
            return depends_on
        mine = [n for n, other in self.subjects.items() if subject and other == subject and n < seq]
        return min(mine, default=0)


@dataclass
class Asides:
    """All streams'. A restored cloud's are taken over as they stood in the backup."""

    waiting: dict[StreamId, Waiting] = field(default_factory=dict)
    counts: dict[Hour, Counter[int]] = field(default_factory=dict)  # of applied 0, duplicates 1, set aside 2, parked 3
    places: dict[tuple[int, int, int, int], tuple[Hour, int]] = field(default_factory=dict)

    def kept(self) -> "Asides":
        """The same, that nothing later changes."""
        waiting = {key: Waiting(dict(row.subjects), row.reason, row.running) for key, row in self.waiting.items()}
        return Asides(waiting, {hour: Counter(many) for hour, many in self.counts.items()}, dict(self.places))

    def resumed(self, device: int, epoch: int) -> None:
        """A person lets a stream go on: what runs is counted anew."""
        for key, waiting in self.waiting.items():
            if key[:2] == (device, epoch):
                waiting.running, waiting.reason = 0, ""

    def follow(self, changes: Changes, known: int) -> None:
        """Entries that came in and `known` that came again, or some that were applied at last. Raises Violation."""
        for entry in sorted(changes.entries, key=lambda each: each.seq):
            self._came(entry, changes.world)
        for entry in sorted(changes.replayed, key=lambda each: each.seq):
            waiting = self.waiting[entry.stream]
            waiting.subjects.pop(entry.seq, None)
            self._behind(entry, waiting)
        self._stopped(changes)
        for place in changes.moved:
            self._counted(place, int(changes.world.inbox[place].state))
        self._certificate(changes, known)

    def _came(self, entry: Entry, world: Any) -> None:
        waiting = self.waiting.setdefault(entry.stream, Waiting())
        place = (*entry.stream, entry.seq)
        row = world.quarantine.get(place)
        hour = entry.fact.business_ms // _HOUR_MS * _HOUR_MS if entry.fact is not None else 0
        lane = words.lane_of(entry.fact) if entry.fact is not None else 0
        if entry.applied:
            if row is not None:
                raise Violation(f"entry {place} is applied and set aside as {row}")
            self._behind(entry, waiting)
            waiting.running, waiting.reason = 0, ""
        else:
            self._aside(entry, waiting, row)
            if row.code in _UNREAD or entry.fact is None:
                lane, hour = row.lane, row.hour_ms
            elif (row.lane, row.hour_ms) != (lane, hour):
                raise Violation(f"entry {place} of lane {lane} is set aside as of {row.lane}, {row.hour_ms}")
            subject = words.subject_of(world.inbox[place].body)[0] if entry.fact is not None else ""
            waiting.subjects[entry.seq] = subject
        self.places[place] = ((entry.stream[0], lane, hour), 0)

    def _behind(self, entry: Entry, waiting: Waiting) -> None:
        if entry.fact is None:
            raise Violation(f"entry {entry.seq} of {entry.stream} cannot be read, and is applied")
        behind = waiting.behind(*words.subject_of(entry.fact.body), entry.seq)
        if behind:
            raise Violation(f"entry {entry.seq} of {entry.stream} overtook entry {behind}, which waits")

    def _aside(self, entry: Entry, waiting: Waiting, row: Any) -> None:
        place = (*entry.stream, entry.seq)
        if row is None:
            raise Violation(f"entry {place} is not applied, and not set aside")
        behind = 0
        if entry.fact is not None and row.code not in _UNREAD:
            behind = waiting.behind(*words.subject_of(entry.fact.body), entry.seq)
        if (row.code == "behind") != bool(behind) or row.behind_seq != behind:
            raise Violation(f"entry {place} waits behind {row.behind_seq} ({row.code}), it has to behind {behind}")
        if (row.state == "parked") != (row.code in ("behind", "unknown_kind")):
            raise Violation(f"entry {place} is {row.state} for {row.code}")
        if row.state != "parked":
            waiting.running = waiting.running + 1 if waiting.reason == row.code else 1
            waiting.reason = row.code
            if waiting.running > MOST_RUNNING:
                raise Violation(f"{entry.stream} set {waiting.running} running aside for {row.code}, and goes on")

    def _stopped(self, changes: Changes) -> None:
        for key, before in changes.streams_before.items():
            if changes.streams[key].state == "stopped" and before.state != "stopped":
                waiting = self.waiting.setdefault(key, Waiting())
                if waiting.running != MOST_RUNNING:
                    raise Violation(f"{key} stops after {waiting.running} running for {waiting.reason}")

    def _counted(self, place: tuple[int, int, int, int], state: int) -> None:
        hour, before = self.places[place]
        many = self.counts.setdefault(hour, Counter())
        if before:
            many[_PLACE[before]] -= 1
        many[_PLACE[state]] += 1
        self.places[place] = (hour, state)

    def _certificate(self, changes: Changes, known: int) -> None:
        again = 0
        for hour in changes.hours:
            many = self.counts.setdefault(hour, Counter())
            found = changes.world.counts[hour]
            if (found[0], found[2], found[3]) != (many[0], many[2], many[3]) or found[1] < many[1]:
                raise Violation(f"the certificate of {hour} counts {found}, not {dict(many)}")
            again += found[1] - many[1]
            many[1] = found[1]
        if again != known:
            raise Violation(f"{again} entries are counted as having come before; {known} had")

"""What the desk reads and writes in memory."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from cloud.core.errors import NotFound
from cloud.sync.entries import decoded, kind_name, to_fields
from cloud.sync.quarantine import Approval, Correction, QuarantineDetail, QuarantineItem, shown_entry
from cloud.sync.sites_memory import MemorySites
from cloud.sync.state import EntryState, Open, Problem, StreamState, counted, for_a_person
from cloud.sync.store import EntryKey, MendRecord
from cloud.sync.world_memory import Aside, Mend
from protocols.values.ids import EntryId


class MemoryDesk(MemorySites):
    """The part of `MemoryStore` that the desk uses."""

    async def waiting_item(self, item_id: int) -> QuarantineDetail:
        """One item with its bytes and correction. Raises NotFound."""
        key: EntryKey | None = self.world.items.get(item_id)
        if key is None:
            raise NotFound("nothing of that number is set aside")
        row, kept = self.world.quarantine[key], self.world.inbox[key]
        behind = sum(
            1
            for _, other in self.world.quarantine.group(key[:3])
            if other.state == "parked" and other.behind_seq == key[3]
        )
        item = QuarantineItem(
            row.id, EntryId(key[0], key[1], key[3]), key[2], kind_name(row.kind), row.subject, row.state, row.code,
            row.words, row.behind_seq, behind, row.received_at, row.resolved_at,
        )  # fmt: skip
        entry, payload = decoded(kept.body, None)
        found = self.mend_of(key)
        correction = None if found is None else _correction(kept.body, *found)
        return QuarantineDetail(item, kept.body, kept.hash, shown_entry(entry), to_fields(payload), correction)

    async def add_mend(self, mend: MendRecord) -> int:
        """Keep a correction, which replaces one before."""
        before = self.mend_of(mend.key)
        if before is not None:
            self.world.mends[before[0]] = replace(before[1], withdrawn=True)
        number = len(self.world.mends) + 1
        self.world.mends[number] = Mend(mend, {})
        return number

    async def add_approval(self, correction: int, *, by: int, at: datetime, signature: bytes) -> None:  # noqa: ARG002 - kept by nobody here
        """A person stands behind a correction; once each."""
        mend = self.world.mends[correction]
        if by not in mend.approvals:
            self.world.mends[correction] = replace(mend, approvals={**mend.approvals, by: at})

    async def set_mended(self, item_id: int) -> None:
        """The item has a correction."""
        key = self.world.items[item_id]
        self.world.quarantine[key] = replace(self.world.quarantine[key], state="mended")

    async def open_items(self, stream: StreamState) -> list[Open]:
        """Everything of a stream that waits, in order of seq."""
        found = []
        for key, row in self.waiting_of(stream):
            mend = self.mend_of(key)
            payload = mend[1].record.payload if mend is not None and mend[1].approved else None
            hour = datetime.fromtimestamp(row.hour_ms / 1000, UTC)
            found.append(Open(key[3], row.state, row.code, row.lane, hour, self.world.inbox[key].body, payload))
        return found

    async def blocked(self, stream: StreamState, tried: Iterable[int]) -> dict[str, int]:
        """Subject -> first seq that waits."""
        found: dict[str, int] = {}
        passed_over = set(tried)
        for key, row in self.waiting_of(stream):
            if row.subject and key[3] not in passed_over:
                found.setdefault(row.subject, key[3])
        return found

    async def close_items(
        self, stream: StreamState, items: Sequence[Open], *,
        applied: Sequence[int], still: dict[int, Problem], now: datetime,
    ) -> None:  # fmt: skip
        """Mark what was applied, give the others their present reasons, and move the counts."""
        of_stream = (stream.device, stream.epoch, stream.branch)
        for seq in applied:
            key = (*of_stream, seq)
            self.world.quarantine[key] = replace(self.world.quarantine[key], state="replayed", resolved_at=now)
            self.world.inbox[key] = replace(self.world.inbox[key], state=EntryState.APPLIED)
        for seq, problem in still.items():
            row: Aside | None = self.world.quarantine.get((*of_stream, seq))
            if row is not None and row.state != "replayed":
                words = problem.words.replace("\x00", "?")
                self.world.quarantine[*of_stream, seq] = replace(row, code=problem.code, words=words)
        judged = {item.seq for item in items if for_a_person(item, still)}
        for seq in sorted(judged):
            key = (*of_stream, seq)
            self.world.quarantine[key] = replace(self.world.quarantine[key], state="waiting")
            self.world.inbox[key] = replace(self.world.inbox[key], state=EntryState.QUARANTINED)
        for item in items:
            by = counted(item, set(applied), judged)
            if any(by):
                self.count(stream.device, item.lane, int(item.hour.timestamp() * 1000), (by[0], 0, *by[1:]))

    def count(self, device: int, lane: int, hour_ms: int, more: tuple[int, int, int, int]) -> None:
        """Add to the certificate: applied, duplicates, quarantined, parked."""
        before = self.world.counts.get((device, lane, hour_ms), (0, 0, 0, 0))
        a, d, q, p = (old + new for old, new in zip(before, more, strict=True))
        self.world.counts[device, lane, hour_ms] = (a, d, q, p)

    def waiting_of(self, stream: StreamState) -> list[tuple[EntryKey, Aside]]:
        """What of a stream waits, in order of seq."""
        rows = self.world.quarantine.group((stream.device, stream.epoch, stream.branch))
        return sorted((row for row in rows if row[1].state != "replayed"), key=lambda row: row[0])

    def mend_of(self, key: EntryKey) -> tuple[int, Mend] | None:
        """The correction of an entry that is not withdrawn."""
        for number, mend in self.world.mends.group(key):
            if not mend.withdrawn:
                return number, mend
        return None


def _correction(body: bytes, number: int, mend: Mend) -> Correction:
    _, payload = decoded(body, mend.record.payload)
    approvals = sorted((at, person) for person, at in mend.approvals.items())
    record = mend.record
    return Correction(
        number, to_fields(payload), record.note, record.people_needed, record.made_by, record.made_at,
        tuple(Approval(person, at) for at, person in approvals),
    )  # fmt: skip

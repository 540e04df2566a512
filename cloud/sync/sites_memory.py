"""Streams, heartbeats, declarations and replicas in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import msgspec

from cloud.ledger.store import Holder, LeaseSite
from cloud.ledger.store_memory import MemoryLedger
from cloud.sync.state import StreamState
from cloud.sync.store import ReplicaChange, Standing
from cloud.sync.world_memory import MemoryTransaction
from protocols.payments.facts import Declaration
from protocols.sync.messages import Heartbeat, ReplicaRow


class MemorySites:
    """The part of `MemoryStore` that is about sites."""

    def __init__(self, tx: MemoryTransaction) -> None:
        self.tx, self.world = tx, tx.world
        self._ledger = MemoryLedger(tx.world)

    @property
    def ledger(self) -> MemoryLedger:
        """The books in the same transaction."""
        return self._ledger

    async def close_epochs(self, site: int, *, before: int) -> None:
        """Earlier epochs of a site get no new leases."""
        for holder, row in self.world.lease_sites.group(site):
            if holder.epoch < before and row.state == "open":
                self.world.lease_sites[holder] = replace(row, state="closed")

    async def add_lease_site(self, holder: Holder, device: int) -> None:
        """A holder of leases."""
        if holder not in self.world.lease_sites:
            generation = self.world.meta["generation"]
            self.world.lease_sites[holder] = LeaseSite(*holder, device, 0, 0, "open", generation, 0, None, None)

    async def add_stream(self, device: int, epoch: int, *, site: int, head: bytes) -> None:
        """An empty stream."""
        key = (device, epoch, 0)
        if key not in self.world.streams:
            self.world.streams[key] = StreamState(*key, site, 0, 0, head, 0, "open", "", "", 0, 0)

    async def let_go_on(self, device: int, epoch: int, branch: int) -> bool:
        """Open a stopped or held stream."""
        stream = self.world.streams.get((device, epoch, branch))
        if stream is None or stream.state not in ("stopped", "held"):
            return False
        reason = "accepted" if stream.state == "held" else ""
        self.world.streams[device, epoch, branch] = replace(
            stream, state="open", state_reason=reason, streak=0, streak_reason=""
        )
        return True

    async def note_beat(self, device: int, beat: Heartbeat, now: datetime) -> None:
        """Keep the newest heartbeat of a stream, and the most that any has reported (rule 20)."""
        key = (device, beat.epoch, 0)
        if key not in self.world.streams:
            return
        most, _ = self.world.beats.get(key, (beat, now))
        if most.head_seq > beat.head_seq or self._contradicted(device, most):
            beat = msgspec.structs.replace(beat, head_seq=most.head_seq, head=most.head, sum_fen=most.sum_fen)
        self.world.beats[key] = (beat, now)

    def _contradicted(self, device: int, said: Heartbeat) -> bool:
        """Whether the entry reported has come in as another, and on no branch as it was reported."""
        streams = [key for key in self.world.streams if key[:2] == (device, said.epoch)]
        hashes = {key[2]: kept.hash for key in streams if (kept := self.world.inbox.get((*key, said.head_seq)))}
        return 0 in hashes and said.head not in hashes.values()

    async def standing(self, device: int, epoch: int) -> Standing | None:
        """How a stream stands."""
        stream = self.world.streams.get((device, epoch, 0))
        if stream is None:
            return None
        site = self.world.lease_sites.get(Holder(stream.site, epoch))
        undeclared = (
            site is not None and site.declared_generation < self.world.meta["generation"] and site.state != "lost"
        )
        newest_n = site.newest_n if site is not None else 0
        return Standing(stream.applied_through, stream.safe_through, stream.state, newest_n, undeclared)

    async def keep_declared(self, holder: Holder, part: Declaration, now: datetime) -> None:  # noqa: ARG002 - nobody asks when
        """Keep one part of a declaration."""
        key = (*holder, part.generation, part.part)
        if key not in self.world.declared:
            self.world.declared[key] = part

    async def declared(self, holder: Holder, generation: int) -> list[Declaration]:
        """The parts that came in, in order."""
        return [part for _, part in sorted(self.world.declared.group((*holder, generation)), key=lambda row: row[0])]

    async def lock_head(self, site: int, collection: str) -> int:
        """The version of a collection."""
        if (site, collection) not in self.world.heads:
            self.world.heads[site, collection] = (0, None)
        return self.world.heads[site, collection][0]

    async def put_rows(self, site: int, collection: str, version: int, changes: Sequence[ReplicaChange]) -> bool:
        """Rows under the numbers after `version`."""
        changed = False
        for number, (key, effective_from_ms, body) in enumerate(changes, version + 1):
            place = (site, collection, key, effective_from_ms)
            before = self.world.replica.get(place)
            if before is None or before[1] != body:
                self.world.replica[place] = (number, body)
                changed = True
        return changed

    async def set_head(self, site: int, collection: str, version: int) -> None:
        """A new version."""
        self.world.heads[site, collection] = (version, None)

    async def versions(self, site: int) -> dict[str, int]:
        """Newest version of each collection of a site."""
        return {name: version for (of, name), (version, _) in sorted(self.world.heads.items()) if of == site}

    async def head(self, site: int, collection: str) -> tuple[int, bytes | None]:
        """Version and digest of a collection."""
        found: tuple[int, bytes | None] = self.world.heads.get((site, collection), (0, None))
        return found

    async def rows_between(
        self, site: int, collection: str, after: int, through: int, limit: int
    ) -> list[ReplicaRow]:  # fmt: skip
        """Rows of versions in a range, in order."""
        found = [
            ReplicaRow(key[2], version, key[3], body)
            for key, (version, body) in self.world.replica.group((site, collection))
            if after < version <= through and (after > 0 or body is not None)
        ]
        return sorted(found, key=lambda row: row.version)[:limit]

    async def live_rows(self, site: int, collection: str) -> list[tuple[str, int, bytes]]:
        """All that is not removed."""
        rows = self.world.replica.group((site, collection))
        return [(key[2], key[3], body) for key, (_, body) in rows if body is not None]

    async def keep_digest(self, site: int, collection: str, version: int, digest: bytes) -> None:
        """The digest of a version, where it is still the present one and has none."""
        if self.world.heads.get((site, collection)) == (version, None):
            self.world.heads[site, collection] = (version, digest)

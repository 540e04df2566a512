"""Streams, heartbeats, declarations and replicas on PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from cloud.core.database import Transaction
from cloud.ledger.store import Holder
from cloud.ledger.store_postgres import PostgresLedger
from cloud.sync.store import ReplicaChange, Standing
from cloud.sync.streams import CONTRADICTED
from protocols.payments import facts
from protocols.sync.codec import encode
from protocols.sync.messages import Heartbeat, ReplicaRow

_BEAT: Final = f"""
UPDATE streams AS n SET heartbeat_at = $3, waiting = $7, offset_ms = $8, uncertainty_ms = $9, disk_free_mb = $10,
    revoked_through = $11, lanes = $12::jsonb, replicas = $13::jsonb,
    reported_seq = CASE WHEN before.holds AND n.reported_seq <= $4 THEN $4 ELSE n.reported_seq END,
    reported_head = CASE WHEN before.holds AND n.reported_seq <= $4 THEN $5 ELSE n.reported_head END,
    reported_sum_fen = CASE WHEN before.holds AND n.reported_seq <= $4 THEN $6 ELSE n.reported_sum_fen END
FROM (SELECT NOT {CONTRADICTED} AS holds FROM streams AS s WHERE s.device = $1 AND s.epoch = $2 AND s.branch = 0)
    AS before
WHERE n.device = $1 AND n.epoch = $2 AND n.branch = 0
"""  # noqa: S608 - made of constants
_STANDING: Final = """
SELECT s.applied_through, s.safe_through, s.state, coalesce(l.newest_n, 0),
       coalesce(l.declared_generation < g.generation AND l.state <> 'lost', false)
FROM streams AS s CROSS JOIN core_generation AS g LEFT JOIN lease_sites AS l ON l.site = s.site AND l.epoch = s.epoch
WHERE s.device = $1 AND s.epoch = $2 AND s.branch = 0
"""
_KEEP_DECLARED: Final = """
INSERT INTO declarations (site, epoch, generation, part, organisation_id, parts, body, received_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING
"""
_LOCK_HEAD: Final = """
INSERT INTO replica_heads AS h (site, collection, organisation_id, version) VALUES ($1, $2, $3, 0)
ON CONFLICT (site, collection) DO UPDATE SET version = h.version RETURNING version
"""
_PUT: Final = """
INSERT INTO replica_rows AS r (site, collection, key, effective_from_ms, organisation_id, version, body)
SELECT $1, $2, k.key, k.effective_from_ms, $3, $4 + k.n, k.body
FROM unnest($5::text[], $6::bigint[], $7::bytea[]) WITH ORDINALITY AS k (key, effective_from_ms, body, n)
ON CONFLICT (site, collection, key, effective_from_ms) DO UPDATE SET version = excluded.version, body = excluded.body
WHERE r.body IS DISTINCT FROM excluded.body
"""
_BETWEEN: Final = """
SELECT key, version, effective_from_ms, body FROM replica_rows
WHERE site = $1 AND collection = $2 AND version > $3 AND version <= $4 AND ($5 OR body IS NOT NULL)
ORDER BY version LIMIT $6
"""


class PostgresSites:
    """The part of `PostgresStore` that is about sites."""

    def __init__(self, tx: Transaction) -> None:
        self.tx = tx
        self._ledger = PostgresLedger(tx)

    @property
    def ledger(self) -> PostgresLedger:
        """The books in the same transaction."""
        return self._ledger

    async def close_epochs(self, site: int, *, before: int) -> None:
        """Earlier epochs of a site get no new leases."""
        await self.tx.execute(
            "UPDATE lease_sites SET state = 'closed' WHERE site = $1 AND epoch < $2 AND state = 'open'", site, before
        )

    async def add_lease_site(self, holder: Holder, device: int) -> None:
        """A holder of leases."""
        await self.tx.execute(
            "INSERT INTO lease_sites (site, epoch, organisation_id, device, declared_generation)"
            " SELECT $1, $2, $3, $4, generation FROM core_generation ON CONFLICT DO NOTHING",
            *holder, self.tx.organisation_id, device,
        )  # fmt: skip

    async def add_stream(self, device: int, epoch: int, *, site: int, head: bytes) -> None:
        """An empty stream."""
        await self.tx.execute(
            "INSERT INTO streams (device, epoch, organisation_id, site, head) VALUES ($1, $2, $3, $4, $5)"
            " ON CONFLICT DO NOTHING",
            device, epoch, self.tx.organisation_id, site, head,
        )  # fmt: skip

    async def let_go_on(self, device: int, epoch: int, branch: int) -> bool:
        """Open a stopped or held stream."""
        done = await self.tx.execute(
            "UPDATE streams SET state = 'open',"
            " state_reason = CASE WHEN state = 'held' THEN 'accepted' ELSE '' END, streak = 0, streak_reason = ''"
            " WHERE device = $1 AND epoch = $2 AND branch = $3 AND state IN ('stopped', 'held')",
            device, epoch, branch,
        )  # fmt: skip
        return done != "UPDATE 0"

    async def note_beat(self, device: int, beat: Heartbeat, now: datetime) -> None:
        """Keep the newest heartbeat of a stream, and the most that any has reported (rule 20)."""
        await self.tx.execute(
            _BEAT, device, beat.epoch, now, beat.head_seq, beat.head, beat.sum_fen, beat.waiting, beat.offset_ms,
            beat.uncertainty_ms, beat.disk_free_mb, beat.revoked_through, _json(beat.lanes), _json(beat.replicas),
        )  # fmt: skip

    async def standing(self, device: int, epoch: int) -> Standing | None:
        """How a stream stands."""
        row = await self.tx.fetchrow(_STANDING, device, epoch)
        return None if row is None else Standing(*row)

    async def keep_declared(self, holder: Holder, part: facts.Declaration, now: datetime) -> None:
        """Keep one part of a declaration."""
        await self.tx.execute(
            _KEEP_DECLARED, *holder, part.generation, part.part, self.tx.organisation_id, part.parts, encode(part), now
        )

    async def declared(self, holder: Holder, generation: int) -> list[facts.Declaration]:
        """The parts that came in, in order."""
        rows = await self.tx.fetch(
            "SELECT body FROM declarations WHERE site = $1 AND epoch = $2 AND generation = $3 ORDER BY part",
            *holder, generation,
        )  # fmt: skip
        return [facts.decode(facts.Declaration, bytes(row[0])) for row in rows]

    async def lock_head(self, site: int, collection: str) -> int:
        """The version of a collection, locked."""
        return int(await self.tx.fetchval(_LOCK_HEAD, site, collection, self.tx.organisation_id))

    async def put_rows(self, site: int, collection: str, version: int, changes: Sequence[ReplicaChange]) -> bool:
        """Rows under the numbers after `version`."""
        keys, instants, bodies = ([change[n] for change in changes] for n in range(3))
        done = await self.tx.execute(_PUT, site, collection, self.tx.organisation_id, version, keys, instants, bodies)
        return done.rsplit(" ", 1)[1] != "0"

    async def set_head(self, site: int, collection: str, version: int) -> None:
        """A new version."""
        await self.tx.execute(
            "UPDATE replica_heads SET version = $3, digest = NULL WHERE site = $1 AND collection = $2",
            site, collection, version,
        )  # fmt: skip

    async def versions(self, site: int) -> dict[str, int]:
        """Newest version of each collection of a site."""
        rows = await self.tx.fetch(
            "SELECT collection, version FROM replica_heads WHERE site = $1 ORDER BY collection", site
        )
        return {row[0]: row[1] for row in rows}

    async def head(self, site: int, collection: str) -> tuple[int, bytes | None]:
        """Version and digest of a collection."""
        row = await self.tx.fetchrow(
            "SELECT version, digest FROM replica_heads WHERE site = $1 AND collection = $2", site, collection
        )
        if row is None:
            return 0, None
        return row[0], None if row[1] is None else bytes(row[1])

    async def rows_between(self, site: int, collection: str, after: int, through: int, limit: int) -> list[ReplicaRow]:
        """Rows of versions in a range, in order."""
        rows = await self.tx.fetch(_BETWEEN, site, collection, after, through, after > 0, limit)
        return [ReplicaRow(row[0], row[1], row[2], row[3]) for row in rows]

    async def live_rows(self, site: int, collection: str) -> list[tuple[str, int, bytes]]:
        """All that is not removed."""
        rows = await self.tx.fetch(
            "SELECT key, effective_from_ms, body FROM replica_rows"
            " WHERE site = $1 AND collection = $2 AND body IS NOT NULL",
            site, collection,
        )  # fmt: skip
        return [(row[0], row[1], row[2]) for row in rows]

    async def keep_digest(self, site: int, collection: str, version: int, digest: bytes) -> None:
        """The digest of a version, where it is still the present one and has none."""
        await self.tx.execute(
            "UPDATE replica_heads SET digest = $4 WHERE site = $1 AND collection = $2 AND version = $3"
            " AND digest IS NULL",
            site, collection, version, digest,
        )  # fmt: skip


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode().replace("\\u0000", "?")

"""Streams: opening them, how they stand, resuming them. A verified backup moves `safe_through` (main wires it)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from cloud.core.database import Transaction
from cloud.core.errors import NotFound
from protocols.journal.chain import genesis

_STATUS: Final = """
SELECT s.device, s.epoch, s.branch, s.site, s.state, s.state_reason, s.applied_through, s.head, s.safe_through,
       s.sum_fen, s.heartbeat_at, s.reported_seq, s.reported_head, s.reported_sum_fen, s.waiting, s.offset_ms,
       s.uncertainty_ms, s.disk_free_mb, s.revoked_through, s.last_batch_at, s.forked_after,
       s.lanes::text AS lanes, s.replicas::text AS replicas,
       coalesce(l.newest_n, 0) AS lease_newest_n, coalesce(l.applied_n, 0) AS lease_applied_n,
       coalesce(l.state, '') AS lease_state,
       (SELECT count(*) FROM quarantine AS q WHERE q.device = s.device AND q.epoch = s.epoch AND q.branch = s.branch
          AND q.state IN ('waiting', 'mended')) AS quarantined,
       (SELECT count(*) FROM quarantine AS q WHERE q.device = s.device AND q.epoch = s.epoch AND q.branch = s.branch
          AND q.state = 'parked') AS parked
FROM streams AS s LEFT JOIN lease_sites AS l ON l.site = s.site AND l.epoch = s.epoch
WHERE ($1::bigint IS NULL OR s.device = $1) ORDER BY s.device, s.epoch, s.branch
"""


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """How a stream stands: what came in, what the gateway last reported, and what is set aside."""

    device: int
    epoch: int
    branch: int
    site: int
    state: str  # open, stopped, frozen, held
    state_reason: str
    applied_through: int
    head: bytes
    safe_through: int
    sum_fen: int  # settlements less refunds, of what came in
    heartbeat_at: datetime | None
    reported_seq: int
    reported_head: bytes | None
    reported_sum_fen: int
    waiting: int
    offset_ms: int
    uncertainty_ms: int
    disk_free_mb: int
    revoked_through: int
    last_batch_at: datetime | None
    forked_after: int
    lanes: tuple[tuple[int, str, int], ...]
    replicas: dict[str, int]
    lease_newest_n: int
    lease_applied_n: int
    lease_state: str
    quarantined: int
    parked: int

    @property
    def missing_at_least(self) -> tuple[int, int]:
        """Entries and fen that the gateway reported and the cloud has not: what a lost disk took (rule 20)."""
        return max(0, self.reported_seq - self.applied_through), self.reported_sum_fen - self.sum_fen


async def open_stream(tx: Transaction, *, device: int, site: int, epoch: int) -> None:
    """Make the stream and the lease account of a new epoch of a site. Earlier epochs get no new leases. Repeatable."""
    organisation = tx.organisation_id
    await tx.execute(
        "UPDATE lease_sites SET state = 'closed' WHERE site = $1 AND epoch < $2 AND state = 'open'", site, epoch
    )
    await tx.execute(
        "INSERT INTO lease_sites (site, epoch, organisation_id, device, declared_generation)"
        " SELECT $1, $2, $3, $4, generation FROM core_generation ON CONFLICT DO NOTHING",
        site, epoch, organisation, device,
    )  # fmt: skip
    await tx.execute(
        "INSERT INTO streams (device, epoch, organisation_id, site, head) VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT DO NOTHING",
        device, epoch, organisation, site, genesis(device, epoch),
    )  # fmt: skip


async def statuses(tx: Transaction, *, device: int | None = None) -> list[StreamStatus]:
    """Every stream this organisation sees, or those of one device."""
    return [_status(row) for row in await tx.fetch(_STATUS, device)]


async def resume(tx: Transaction, *, device: int, epoch: int, branch: int = 0) -> None:
    """A person lets a stream go on that was stopped (bad deploy) or held (revoked key). Raises NotFound."""
    done = await tx.execute(
        "UPDATE streams SET state = 'open', state_reason = CASE WHEN state = 'held' THEN 'accepted' ELSE '' END,"
        " streak = 0, streak_reason = ''"
        " WHERE device = $1 AND epoch = $2 AND branch = $3 AND state IN ('stopped', 'held')",
        device, epoch, branch,
    )  # fmt: skip
    if done == "UPDATE 0":
        raise NotFound("no stopped or held stream of that number")


def _status(row: Any) -> StreamStatus:
    fields = dict(row)
    fields["lanes"] = msgspec.json.decode(fields["lanes"], type=tuple[tuple[int, str, int], ...])
    fields["replicas"] = msgspec.json.decode(fields["replicas"], type=dict[str, int])
    return StreamStatus(**fields)

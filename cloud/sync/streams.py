"""Streams: opening them, how they stand, resuming them. A verified backup moves `safe_through` (main wires it)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from cloud.core.database import Transaction
from cloud.core.errors import NotFound
from cloud.ledger.store import Holder
from cloud.sync.store import SiteStore
from protocols.journal.chain import genesis

# Of a stream `s`: the newest entry its gateway reported has come in as another, and on no branch as it was reported.
CONTRADICTED: Final = """
(s.reported_seq <= s.applied_through
 AND EXISTS (SELECT FROM inbox AS i WHERE i.device = s.device AND i.epoch = s.epoch AND i.branch = 0
             AND i.seq = s.reported_seq AND i.hash <> s.reported_head)
 AND NOT EXISTS (SELECT FROM inbox AS i WHERE i.device = s.device AND i.epoch = s.epoch
                 AND i.seq = s.reported_seq AND i.hash = s.reported_head))
"""
_STATUS: Final = f"""
SELECT s.device, s.epoch, s.branch, s.site, s.state, s.state_reason, s.applied_through, s.head, s.safe_through,
       s.sum_fen, s.heartbeat_at, s.reported_seq, s.reported_head, s.reported_sum_fen, s.waiting, s.offset_ms,
       s.uncertainty_ms, s.disk_free_mb, s.revoked_through, s.last_batch_at, s.forked_after,
       s.lanes::text AS lanes, s.replicas::text AS replicas,
       s.branch = 0 AND {CONTRADICTED} AS contradicted,
       coalesce(l.newest_n, 0) AS lease_newest_n, coalesce(l.applied_n, 0) AS lease_applied_n,
       coalesce(l.state, '') AS lease_state,
       (SELECT count(*) FROM quarantine AS q WHERE q.device = s.device AND q.epoch = s.epoch AND q.branch = s.branch
          AND q.state IN ('waiting', 'mended')) AS quarantined,
       (SELECT count(*) FROM quarantine AS q WHERE q.device = s.device AND q.epoch = s.epoch AND q.branch = s.branch
          AND q.state = 'parked') AS parked
FROM streams AS s LEFT JOIN lease_sites AS l ON l.site = s.site AND l.epoch = s.epoch
WHERE ($1::bigint IS NULL OR s.device = $1) ORDER BY s.device, s.epoch, s.branch
"""  # noqa: S608 - made of constants


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """How a stream stands: what came in, the most that the gateway has reported, and what is set aside."""

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
    contradicted: bool  # the entry reported is not the one that came in: an old image was put back, or a copy goes on
    lease_newest_n: int
    lease_applied_n: int
    lease_state: str
    quarantined: int
    parked: int

    @property
    def missing_at_least(self) -> tuple[int, int]:
        """Entries and fen that the gateway reported and the cloud has not: what a lost disk took (rule 20)."""
        if self.contradicted:
            return 1, 0  # the one reported at least; what it was worth is hidden by what came in its place
        return max(0, self.reported_seq - self.applied_through), self.reported_sum_fen - self.sum_fen


async def open_stream(store: SiteStore, *, device: int, site: int, epoch: int) -> None:
    """Make the stream and the lease account of a new epoch of a site. Earlier epochs get no new leases. Repeatable."""
    await store.close_epochs(site, before=epoch)
    await store.add_lease_site(Holder(site, epoch), device)
    await store.add_stream(device, epoch, site=site, head=genesis(device, epoch))


async def statuses(tx: Transaction, *, device: int | None = None) -> list[StreamStatus]:
    """Every stream this organisation sees, or those of one device."""
    return [_status(row) for row in await tx.fetch(_STATUS, device)]


async def resume(store: SiteStore, *, device: int, epoch: int, branch: int = 0) -> None:
    """A person lets a stream go on that was stopped (bad deploy) or held (revoked key). Raises NotFound."""
    if not await store.let_go_on(device, epoch, branch):
        raise NotFound("no stopped or held stream of that number")


def _status(row: Any) -> StreamStatus:
    fields = dict(row)
    fields["lanes"] = msgspec.json.decode(fields["lanes"], type=tuple[tuple[int, str, int], ...])
    fields["replicas"] = msgspec.json.decode(fields["replicas"], type=dict[str, int])
    return StreamStatus(**fields)

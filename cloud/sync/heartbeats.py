"""Heartbeats: how a site stands, and what is new for it (rule 20)."""

from datetime import datetime
from typing import Final

import msgspec

from cloud.core.database import Transaction
from cloud.ledger.lease_store import Holder
from cloud.sync import replicas
from cloud.sync.devices import DeviceRecord
from protocols.sync.messages import Heartbeat, HeartbeatAnswer, LeaseKind
from protocols.values.errors import Malformed
from protocols.values.instants import to_ms

_INT64: Final = 2**63
_NOTE: Final = """
UPDATE streams SET heartbeat_at = $3, reported_seq = $4, reported_head = $5, reported_sum_fen = $6, waiting = $7,
    offset_ms = $8, uncertainty_ms = $9, disk_free_mb = $10, revoked_through = $11, lanes = $12::jsonb,
    replicas = $13::jsonb
WHERE device = $1 AND epoch = $2 AND branch = 0
"""
_STATE: Final = """
SELECT s.applied_through, s.safe_through, s.state, coalesce(l.newest_n, 0) AS newest_n,
       coalesce(l.declared_generation < g.generation AND l.state <> 'lost', false) AS undeclared
FROM streams AS s CROSS JOIN core_generation AS g LEFT JOIN lease_sites AS l ON l.site = s.site AND l.epoch = s.epoch
WHERE s.device = $1 AND s.epoch = $2 AND s.branch = 0
"""


async def note(
    tx: Transaction, device: DeviceRecord, beat: Heartbeat, *, generation: int, now: datetime
) -> HeartbeatAnswer:  # fmt: skip
    """Write a heartbeat down. The answer names the epoch that writes now, so that a replaced gateway learns of it."""
    numbers = (
        beat.epoch, beat.head_seq, beat.sum_fen, beat.waiting, beat.offset_ms, beat.uncertainty_ms, beat.disk_free_mb,
        beat.revoked_through,
    )  # fmt: skip
    if not all(-_INT64 <= number < _INT64 for number in numbers) or not 0 <= beat.epoch < 2**31:
        raise Malformed("a number of the heartbeat is out of range")
    await tx.execute(
        _NOTE, device.device, beat.epoch, now, beat.head_seq, beat.head, beat.sum_fen, beat.waiting, beat.offset_ms,
        beat.uncertainty_ms, beat.disk_free_mb, beat.revoked_through, _json(beat.lanes), _json(beat.replicas),
    )  # fmt: skip
    row = await tx.fetchrow(_STATE, device.device, device.epoch)
    versions = await replicas.versions(tx, device.site)
    if row is None:
        return HeartbeatAnswer(generation, device.epoch, to_ms(now), 0, versions, 0, 0, "frozen")
    state = "frozen" if row["state"] in ("frozen", "held") else row["state"]
    if state == "open" and row["undeclared"]:
        state = "declare"
    return HeartbeatAnswer(
        generation, device.epoch, to_ms(now), row["newest_n"], versions, row["applied_through"], row["safe_through"],
        state,
    )  # fmt: skip


async def must_declare(tx: Transaction, holder: Holder) -> bool:
    """Whether a restored cloud does not know yet what the site holds."""
    return bool(
        await tx.fetchval(
            "SELECT l.declared_generation < g.generation FROM lease_sites AS l, core_generation AS g"
            " WHERE l.site = $1 AND l.epoch = $2 AND l.state <> 'lost'",
            *holder,
        )
    )


async def lease_state(tx: Transaction, holder: Holder) -> str:
    """The state of a lease site, "" where there is none."""
    return str(await tx.fetchval("SELECT state FROM lease_sites WHERE site = $1 AND epoch = $2", *holder) or "")


async def grants_under_way(tx: Transaction, holder: Holder, person: int) -> int:
    """What was leased to the site for a person and is not yet applied there, as far as the site has said."""
    return int(
        await tx.fetchval(
            "SELECT coalesce(sum(m.amount), 0) FROM lease_messages AS m JOIN lease_sites AS s USING (site, epoch)"
            " WHERE m.site = $1 AND m.epoch = $2 AND m.n > s.applied_n AND m.kind = $3 AND m.person = $4",
            *holder, int(LeaseKind.GRANT), person,
        )
    )  # fmt: skip


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode().replace("\\u0000", "?")

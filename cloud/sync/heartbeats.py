"""Heartbeats: how a site stands, and what is new for it (rule 20)."""

from datetime import datetime
from typing import Final

from cloud.ledger.store import Holder, LeaseStore
from cloud.sync.devices import DeviceRecord
from cloud.sync.store import SiteStore
from protocols.sync.messages import Heartbeat, HeartbeatAnswer
from protocols.values.errors import Malformed
from protocols.values.instants import to_ms

_INT64: Final = 2**63


async def note(
    store: SiteStore, device: DeviceRecord, beat: Heartbeat, *, generation: int, now: datetime
) -> HeartbeatAnswer:  # fmt: skip
    """Write a heartbeat down. The answer names the epoch that writes now, so that a replaced gateway learns of it."""
    numbers = (
        beat.epoch, beat.head_seq, beat.sum_fen, beat.waiting, beat.offset_ms, beat.uncertainty_ms, beat.disk_free_mb,
        beat.revoked_through,
    )  # fmt: skip
    if not all(-_INT64 <= number < _INT64 for number in numbers) or not 0 <= beat.epoch < 2**31:
        raise Malformed("a number of the heartbeat is out of range")
    await store.note_beat(device.device, beat, now)
    stands = await store.standing(device.device, device.epoch)
    versions = await store.versions(device.site)
    if stands is None:
        return HeartbeatAnswer(generation, device.epoch, to_ms(now), 0, versions, 0, 0, "frozen")
    state = "frozen" if stands.state in ("frozen", "held") else stands.state
    if state == "open" and stands.undeclared:
        state = "declare"
    return HeartbeatAnswer(
        generation, device.epoch, to_ms(now), stands.newest_n, versions, stands.applied_through, stands.safe_through,
        state,
    )  # fmt: skip


async def must_declare(ledger: LeaseStore, holder: Holder, *, generation: int) -> bool:
    """Whether a restored cloud does not know yet what the site holds."""
    site = await ledger.lease_site(holder)
    return site is not None and site.declared_generation < generation and site.state != "lost"

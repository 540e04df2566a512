"""The door of sync for domains: streams and how they stand, what is set aside, completeness, entries' own bytes.

Everything runs in the caller's transaction, entered into its organisation, unless it says "system transaction".
`cloud.sync.desk.QuarantineDesk` (mend, approve, replay) is made once by main and handed to the devices domain.
"""

from datetime import datetime
from typing import Any

from cloud.core.database import Transaction
from cloud.sync import certificate, entries, streams
from cloud.sync.certificate import HourCount, StreamCertificate
from cloud.sync.entries import StoredEntry
from cloud.sync.quarantine import QuarantineDetail, QuarantineItem, list_quarantine, read_quarantine
from cloud.sync.sites_postgres import PostgresSites
from cloud.sync.streams import StreamStatus
from protocols.values.ids import EntryId


async def open_stream(tx: Transaction, *, device: int, site: int, epoch: int) -> None:
    """Make the stream and the lease account of a gateway's new epoch; the site's earlier epochs get no new leases."""
    await streams.open_stream(PostgresSites(tx), device=device, site=site, epoch=epoch)


async def stream_statuses(tx: Transaction, *, device: int | None = None) -> list[StreamStatus]:
    """Every stream of this organisation, or of one device, oldest epoch first."""
    return await streams.statuses(tx, device=device)


async def resume_stream(tx: Transaction, *, device: int, epoch: int, branch: int = 0) -> None:
    """Let a stopped or held stream go on (a person's decision). Raises NotFound."""
    await streams.resume(PostgresSites(tx), device=device, epoch=epoch, branch=branch)


async def quarantine(
    tx: Transaction, *, state: str = "", device: int | None = None, after_id: int = 0, limit: int = 50
) -> list[QuarantineItem]:
    """What is set aside, oldest first; `state` one of waiting, parked, mended, replayed, "" all but replayed."""
    return await list_quarantine(tx, state=state, device=device, after_id=after_id, limit=limit)


async def quarantine_detail(tx: Transaction, item_id: int) -> QuarantineDetail:
    """One of them with its bytes, payload by field names, correction and approvals. Raises NotFound."""
    return await read_quarantine(tx, item_id)


async def completeness(tx: Transaction, *, device: int, since: datetime, until: datetime) -> list[HourCount]:
    """What became of a device's entries, per lane and hour they happened in (duplicates: hour received)."""
    return await certificate.hours(tx, device=device, since=since, until=until)


async def stream_certificate(tx: Transaction, *, device: int, epoch: int) -> StreamCertificate:
    """Whether every entry up to the reported head is accounted for, and what is missing at least."""
    return await certificate.of_stream(tx, device=device, epoch=epoch)


async def entry(tx: Transaction, entry_id: EntryId, *, branch: int = 0) -> StoredEntry:
    """An entry as it came in: its bytes, decoded parts, hash, state and the checkpoint that covers it. NotFound."""
    return await entries.read(tx, entry_id, branch=branch)


def payload_fields(payload: Any) -> Any:
    """A payload struct as plain fields by name, for a form; `mend` takes the same shape."""
    return entries.to_fields(payload)

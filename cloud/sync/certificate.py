"""The completeness certificate: what became of every entry, per lane and hour; and what a lost disk would lack."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cloud.core.database import Transaction
from cloud.core.errors import NotFound
from cloud.sync.streams import statuses

_HOURS: Final = """
SELECT hour, lane, applied, duplicates, quarantined, parked FROM completeness
WHERE device = $1 AND hour >= $2 AND hour < $3 ORDER BY hour, lane
"""


@dataclass(frozen=True, slots=True)
class HourCount:
    """Entries of one lane (0: of no lane) that happened in the hour from `hour_at`."""

    hour_at: datetime
    lane: int
    applied: int
    duplicates: int  # by the hour they came again
    quarantined: int
    parked: int

    @property
    def received(self) -> int:
        """All that came in once."""
        return self.applied + self.quarantined + self.parked

    @property
    def complete(self) -> bool:
        """Whether nothing of it waits."""
        return self.applied == self.received


@dataclass(frozen=True, slots=True)
class StreamCertificate:
    """Whether a stream is whole up to what its gateway last reported."""

    device: int
    epoch: int
    reported_seq: int
    received: int
    applied: int
    waiting_here: int
    missing: int  # entries the gateway reported and the cloud has not
    missing_fen: int

    @property
    def complete(self) -> bool:
        """Every reported entry is applied."""
        return not self.missing and self.applied == self.received


async def hours(tx: Transaction, *, device: int, since: datetime, until: datetime) -> list[HourCount]:
    """Counts of a device from `since` to before `until`."""
    return [HourCount(*row) for row in await tx.fetch(_HOURS, device, since, until)]


async def of_stream(tx: Transaction, *, device: int, epoch: int) -> StreamCertificate:
    """The certificate of a stream's first branch. Raises NotFound."""
    found = [s for s in await statuses(tx, device=device) if s.epoch == epoch and s.branch == 0]
    if not found:
        raise NotFound("no such stream")
    (stream,) = found
    waiting = stream.quarantined + stream.parked
    missing, missing_fen = stream.missing_at_least
    return StreamCertificate(
        device, epoch, max(stream.reported_seq, stream.applied_through), stream.applied_through,
        stream.applied_through - waiting, waiting, missing, missing_fen if missing else 0,
    )  # fmt: skip

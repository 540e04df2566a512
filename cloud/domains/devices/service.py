"""The public door of devices: how gateways stand, and which replica versions sites have reached."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cloud.core.context import Core
from cloud.core.database import Transaction
from cloud.domains.devices import gateways, rules
from cloud.sync import service as sync
from cloud.sync.streams import StreamStatus


@dataclass(frozen=True)
class Standing:
    """A gateway and how its present stream stands; None of it where it never came."""

    id: int
    name: str
    site_id: int
    epoch: int
    state: str
    reason: str
    software: str
    key_id: int | None
    key_made_at: datetime | None
    stream: StreamStatus | None
    online: bool

    @property
    def seen_at(self) -> datetime | None:
        """When it was last heard."""
        return self.stream.heartbeat_at if self.stream else None

    @property
    def waiting(self) -> int:
        """Entries it said wait there."""
        return self.stream.waiting if self.stream else 0

    @property
    def lanes(self) -> tuple[tuple[int, str, int], ...]:
        """(lane, state word, people waiting) by its last heartbeat."""
        return self.stream.lanes if self.stream else ()


async def standing(core: Core, tx: Transaction) -> list[Standing]:
    """Every gateway, in order of id."""
    now = core.clock.now()
    streams = {(status.device, status.epoch): status for status in await sync.stream_statuses(tx) if not status.branch}
    made = []
    for row in await gateways.rows(tx):
        stream = streams.get((row["id"], row["epoch"]))
        fields: dict[str, Any] = {
            name: row[name] for name in ("id", "name", "site_id", "epoch", "state", "reason", "software")
        }
        online = (
            stream is not None and row["state"] in ("active", "frozen") and rules.is_online(stream.heartbeat_at, now)
        )
        key = {"key_id": row["key_id"], "key_made_at": row["key_made_at"]}
        made.append(Standing(**fields, **key, stream=stream, online=online))
    return made


async def replicas_reached(tx: Transaction) -> dict[int, dict[str, int]]:
    """The replica versions that each site last reported, by collection."""
    newest = sorted(await sync.stream_statuses(tx), key=lambda status: status.epoch)
    return {status.site: status.replicas for status in newest}


async def register_gateway(
    core: Core, tx: Transaction, *, actor: str, name: str, site_id: int
) -> tuple[int, str, datetime]:
    """Register a gateway; answers its id and its one-time code with its end."""
    return await gateways.register(core, tx, actor=actor, name=name, site_id=site_id)

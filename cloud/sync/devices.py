"""What `/edge/v1` asks of whoever knows the devices. The devices domain implements `DeviceDirectory`; main injects it.

Every method gets the caller's transaction: a `cloud.core.database.Transaction`, or that of a world in memory. `device`
and `key` run in a system transaction, before the organisation is known: open the tables they read with
`app_allow_system`. `provision` enters the organisation itself (`tx.enter`), takes the code once, gives the epoch
(devices alone counts epochs, rule 21) and then calls `cloud.sync.service.open_stream(tx, device=…, site=…, epoch=…)`.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from protocols.sync.messages import Provision, Provisioned


class DeviceState(StrEnum):
    """`REVOKED` and `LOST` devices get no session; what they had sent stays."""

    ACTIVE = "active"
    FROZEN = "frozen"  # a fork was seen: sessions go on so that both branches are kept, rights do not
    REVOKED = "revoked"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """A gateway as sync needs it. `epoch` is the one it writes under now; `time_zone` its site's IANA name."""

    device: int
    organisation: int
    site: int
    epoch: int
    state: DeviceState
    name: str
    time_zone: str
    site_key: bytes


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """A public key and the range of its stream it may sign (rule 22); `until_seq` 0 is no end.

    A revoked key's checkpoints are no longer taken by themselves: the backlog waits for a person. `branch` is the one
    whose entry brought the key; the directory's keys are those of the first.
    """

    key_id: int
    public_key: bytes  # 64 bytes, X || Y
    epoch: int
    from_seq: int
    until_seq: int
    revoked: bool
    branch: int = 0


class DeviceDirectory(Protocol):
    """Keys, states, codes and epochs of gateways."""

    async def device(self, tx: Any, device: int) -> DeviceRecord | None:
        """The device, or None. System transaction."""

    async def key(self, tx: Any, device: int, key_id: int) -> DeviceKey | None:
        """A key of the device, also one that is no longer used, or None. System transaction."""

    async def provision(self, tx: Any, request: Provision, *, generation: int, now: datetime) -> Provisioned:
        """Take the one-time code (its signature was verified) and answer who the gateway is.

        The same code with the same public key answers the same again; any other use raises a CloudError.
        """

    async def freeze(self, tx: Any, device: int, *, reason: str) -> None:
        """A fork was seen: freeze the device's keys, tell a person. Organisation's transaction; repeatable."""

    async def software_seen(self, tx: Any, device: int, software: str) -> None:
        """A session was opened by this software. Organisation's transaction."""

"""The gateways of a simulated cloud: codes taken once, epochs, keys with the range of entries each may sign.

What the devices domain keeps in its tables is kept in the world's, so that a transaction and a backup hold it too.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random

from cloud.core.errors import Conflict, Forbidden, NotFound
from cloud.ledger.undo import Table
from cloud.sync import streams
from cloud.sync.devices import DeviceKey, DeviceRecord, DeviceState
from cloud.sync.registry import EntryContext, Fact, Row
from cloud.sync.store_memory import MemoryStore
from cloud.sync.world_memory import MemoryTransaction, World
from protocols.crypto import sm2
from protocols.journal.kinds import Kind
from protocols.journal.messages import Entry
from protocols.payments.facts import KeyRotated
from protocols.sync.messages import Provision, Provisioned
from protocols.values.instants import to_ms

TIME_ZONE = "Asia/Shanghai"
FIRST_DEVICE = 1_000
Trouble = Callable[[str], None]  # told before "write", "finish" and "commit"; raises Unavailable for a passing fault

_STATES = {
    "active": DeviceState.ACTIVE,
    "frozen": DeviceState.FROZEN,
    "revoked": DeviceState.REVOKED,
    "lost": DeviceState.LOST,
    "never": DeviceState.REVOKED,  # its code is not taken yet
}


class CodeRefused(Forbidden):
    """The code is not known, or another gateway took it."""

    code = "code_refused"


@dataclass(frozen=True, slots=True)
class Device:
    """A gateway's row; `code_key` is the public key that took the code."""

    site: int
    state: str
    epoch: int
    code: str
    code_key: bytes
    site_key: bytes


class SimWorld(World):
    """The books with what the domains know of gateways, people and limits."""

    def __init__(self, organisation: int, trouble: Trouble) -> None:
        super().__init__(organisation)
        self.trouble = trouble
        self.devices: Table[int, Device] = Table(self.undo)
        self.keys: Table[tuple[int, int], DeviceKey] = Table(self.undo, group=lambda key, _row: (key[0],))
        self.codes: Table[str, int] = Table(self.undo)
        self.leavers: Table[int, bool] = Table(self.undo)  # whether nothing is left
        self.limits: Table[int, tuple[int, tuple[int, ...]]] = Table(self.undo)  # rule -> worth a day, whom it is for

    @asynccontextmanager
    async def system_transaction(self) -> AsyncIterator[MemoryTransaction]:
        """As the real one; what troubles the database may come just before the commit."""
        async with super().system_transaction() as tx:
            yield tx
            self.trouble("commit")

    def device_at(self, site: int) -> int:
        """The gateway of a site. Raises NotFound."""
        for number, device in self.devices.items():
            if device.site == site:
                return number
        raise NotFound("there is no such site")


class SimDirectory:
    """The DeviceDirectory of a world."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def register(self, world: SimWorld, site: int) -> int:
        """A gateway without a code."""
        number = FIRST_DEVICE + site
        if number in world.devices:
            raise Conflict("the site has a gateway")
        world.devices[number] = Device(site, "never", 0, "", b"", self._random.randbytes(32))
        return number

    def new_code(self, world: SimWorld, number: int) -> str:
        """A fresh code; what the gateway's keys could do so far ends."""
        self.end_keys(world, number)
        code = self._random.randbytes(8).hex()
        world.devices[number] = replace(world.devices[number], state="never", code=code, code_key=b"")
        world.codes[code] = number
        return code

    def end_keys(self, world: SimWorld, number: int) -> None:
        """Revoke every key."""
        for key_id, key in world.keys.group(number):
            world.keys[key_id] = replace(key, revoked=True)

    def set_state(self, world: SimWorld, number: int, state: str) -> None:
        """Active, frozen, revoked, lost, or never."""
        world.devices[number] = replace(world.devices[number], state=state)

    async def device(self, tx: MemoryTransaction, device: int) -> DeviceRecord | None:
        """The gateway, or None."""
        row: Device | None = _world(tx).devices.get(device)
        if row is None or not row.epoch:
            return None
        return DeviceRecord(
            device, tx.organisation_id, row.site, row.epoch, _STATES[row.state], f"g{device}", TIME_ZONE, row.site_key
        )

    async def key(self, tx: MemoryTransaction, device: int, key_id: int) -> DeviceKey | None:
        """A key of the gateway, or None."""
        found: DeviceKey | None = _world(tx).keys.get((device, key_id))
        return found

    async def provision(
        self, tx: MemoryTransaction, request: Provision, *, generation: int, now: datetime
    ) -> Provisioned:
        """Take the code once; the same code with the same key answers the same."""
        world = _world(tx)
        number = world.codes.get(request.code)
        row = world.devices.get(number)
        if row is None or row.code != request.code or (row.code_key and row.code_key != request.public_key):
            raise CodeRefused
        await tx.enter(world.organisation)
        if not row.code_key:
            row = replace(row, state="active", epoch=row.epoch + 1, code_key=request.public_key)
            world.devices[number] = row
            key_id = max((key.key_id for _, key in world.keys.group(number)), default=0) + 1
            world.keys[number, key_id] = DeviceKey(key_id, request.public_key, row.epoch, 1, 0, revoked=False)
            await streams.open_stream(MemoryStore(tx), device=number, site=row.site, epoch=row.epoch)
        key_id = max(key.key_id for _, key in world.keys.group(number) if key.public_key == row.code_key)
        return Provisioned(
            world.organisation, row.site, number, row.epoch, key_id, generation, TIME_ZONE, to_ms(now), row.site_key
        )

    async def freeze(self, tx: MemoryTransaction, device: int, *, reason: str) -> None:
        """A fork was seen."""
        row = _world(tx).devices[device]
        if row.state == "active":
            _world(tx).devices[device] = replace(row, state="frozen")

    async def software_seen(self, tx: MemoryTransaction, device: int, software: str) -> None:
        """Nobody asks."""


class KeyRotations:
    """A new key signs after its entry; the old one stays good for what it signed (as the devices domain does)."""

    kinds = frozenset({int(Kind.KEY_ROTATED)})
    tables: dict[str, tuple[str, ...]] = {}  # noqa: RUF012 - read only

    def rows(self, context: EntryContext, entry: Entry, payload: KeyRotated) -> Iterable[tuple[str, Row]]:
        """No rows."""
        return ()

    async def applied(self, tx: MemoryTransaction, context: EntryContext, facts: Sequence[Fact]) -> None:
        """End the old key's range at the rotation and begin the new one's, on the first branch only."""
        if context.branch:
            return
        keys = _world(tx).keys
        for entry, payload in facts:
            good = [
                key
                for _, key in keys.group(context.device)
                if key.epoch == context.epoch and not key.until_seq and not key.revoked
            ]
            old = max(good, key=lambda key: key.key_id, default=None)
            if old is None or old.key_id >= payload.key_id:
                continue
            if sm2.verify(public=old.public_key, message=payload.public_key, signature=payload.signature):
                keys[context.device, old.key_id] = replace(old, until_seq=entry.seq)
                keys[context.device, payload.key_id] = DeviceKey(
                    payload.key_id, payload.public_key, context.epoch, entry.seq, 0, revoked=False
                )


def _world(tx: MemoryTransaction) -> SimWorld:
    assert isinstance(tx.world, SimWorld)
    return tx.world

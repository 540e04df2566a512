"""Who the gateways are, for `/edge/v1`: codes taken once, epochs, keys with the range of entries each may sign."""

from datetime import datetime
from typing import Final

from asyncpg import Record

from cloud.core.context import Core
from cloud.core.database import Transaction
from cloud.core.errors import TooMany
from cloud.core.events import emit
from cloud.domains.devices import rules
from cloud.domains.devices.errors import CodeRefused
from cloud.domains.devices.events import FROZEN, PROVISIONED
from cloud.domains.identity import service as identity
from cloud.domains.identity.events import record
from cloud.sync import service as sync
from cloud.sync.devices import DeviceKey, DeviceRecord, DeviceState
from protocols.sync.messages import Provision, Provisioned
from protocols.values.instants import to_ms

_STATES: Final = {
    "active": DeviceState.ACTIVE,
    "frozen": DeviceState.FROZEN,
    "revoked": DeviceState.REVOKED,
    "lost": DeviceState.LOST,
    "never": DeviceState.REVOKED,  # replaced, and the new gateway has not taken its code yet
}


class GatewayDirectory:
    """The DeviceDirectory of `cloud.sync`, over the tables of this domain."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._tries = rules.TryLimit()

    async def device(self, tx: Transaction, device: int) -> DeviceRecord | None:
        """The gateway, or None. System transaction."""
        row = await tx.fetchrow(
            "SELECT g.*, s.time_zone FROM devices_gateways g JOIN places_sites s ON s.id = g.site_id WHERE g.id = $1",
            device,
        )
        if row is None or not row["epoch"]:
            return None
        # only keys are read, and they are opened to the system role; the organisation is known from the row
        acting = Transaction(tx.connection, row["organisation_id"])
        return DeviceRecord(
            device=row["id"],
            organisation=row["organisation_id"],
            site=row["site_id"],
            epoch=row["epoch"],
            state=_STATES[row["state"]],
            name=row["name"],
            time_zone=row["time_zone"],
            site_key=await identity.site_key(self._core, acting, row["site_id"]),
        )

    async def key(self, tx: Transaction, device: int, key_id: int) -> DeviceKey | None:
        """A key of the gateway, or None. System transaction."""
        if not 0 <= key_id < 2**31:
            return None
        row = await tx.fetchrow("SELECT * FROM devices_keys WHERE gateway_id = $1 AND key_id = $2", device, key_id)
        if row is None:
            return None
        return DeviceKey(
            key_id=row["key_id"],
            public_key=bytes(row["public_key"]),
            epoch=row["epoch"],
            from_seq=row["first_seq"],
            until_seq=row["last_seq"] or 0,
            revoked=row["revoked_at"] is not None,
        )

    async def provision(self, tx: Transaction, request: Provision, *, generation: int, now: datetime) -> Provisioned:
        """Take the one-time code; the same code with the same key answers the same. Raises CodeRefused, TooMany."""
        now_s = self._core.clock.monotonic_s()
        wait_s = self._tries.wait_s(now_s)
        if wait_s > 0:
            raise TooMany("too many wrong codes", retry_after_s=int(wait_s) + 1)
        query = "SELECT * FROM devices_gateways WHERE code_hash = $1 FOR UPDATE"
        row = await tx.fetchrow(query, rules.hash_code(request.code))
        used = row and row["code_public_key"] and bytes(row["code_public_key"])
        if row is None or row["code_expires_at"] <= now or (used and used != request.public_key):
            self._tries.refused(now_s)
            raise CodeRefused
        await tx.enter(row["organisation_id"])
        if not used:
            await self._begin_epoch(tx, row, request, now)
        return await self._answer(tx, row["id"], generation, now)

    async def freeze(self, tx: Transaction, device: int, *, reason: str) -> None:
        """A fork was seen: the gateway gets no rights until a person decides (rule 21). Harmless when repeated."""
        done = await tx.execute(
            "UPDATE devices_gateways SET state = 'frozen', reason = $2 WHERE id = $1 AND state = 'active'",
            device,
            reason[:200],
        )
        if done.endswith(" 1"):
            now = self._core.clock.now()
            await emit(tx, FROZEN, {"gateway_id": device}, at=now)
            await record(
                tx,
                at=now,
                actor="system",
                action="devices.freeze",
                target=f"gateway:{device}",
                after={"reason": reason},
            )

    async def software_seen(self, tx: Transaction, device: int, software: str) -> None:
        """A session was opened by this software."""
        query = "UPDATE devices_gateways SET software = $2 WHERE id = $1 AND software <> $2"
        await tx.execute(query, device, software[:100])

    async def _begin_epoch(self, tx: Transaction, row: Record, request: Provision, now: datetime) -> None:
        """The cloud alone counts epochs; no two streams of a site share one (rule 21)."""
        gateway, site = row["id"], row["site_id"]
        await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"epoch:{site}")
        epoch = 1 + await tx.fetchval("SELECT coalesce(max(epoch), 0) FROM devices_epochs WHERE site_id = $1", site)
        query = "INSERT INTO devices_epochs (site_id, epoch, gateway_id, begun_at) VALUES ($1, $2, $3, $4)"
        await tx.execute(query, site, epoch, gateway, now)
        await tx.execute(
            "INSERT INTO devices_keys (gateway_id, key_id, public_key, epoch, first_seq, made_at) "
            "SELECT $1, coalesce(max(key_id), 0) + 1, $2, $3, 1, $4 FROM devices_keys WHERE gateway_id = $1",
            gateway,
            request.public_key,
            epoch,
            now,
        )
        await tx.execute(
            "UPDATE devices_gateways SET state = 'active', reason = '', epoch = $2, code_public_key = $3, "
            "software = $4 WHERE id = $1",
            gateway,
            epoch,
            request.public_key,
            request.software[:100],
        )
        await sync.open_stream(tx, device=gateway, site=site, epoch=epoch)
        await emit(tx, PROVISIONED, {"gateway_id": gateway, "site_id": site, "epoch": epoch}, at=now)
        after = {"epoch": epoch, "name": request.name[:100]}
        actor = f"gateway:{gateway}"
        await record(tx, at=now, actor=actor, action="devices.provision", target=actor, after=after)

    async def _answer(self, tx: Transaction, gateway: int, generation: int, now: datetime) -> Provisioned:
        row = await tx.fetchrow(
            "SELECT g.organisation_id, g.site_id, g.epoch, s.time_zone, (SELECT max(key_id) FROM devices_keys k "
            "WHERE k.gateway_id = g.id AND k.public_key = g.code_public_key) AS key_id "
            "FROM devices_gateways g JOIN places_sites s ON s.id = g.site_id WHERE g.id = $1",
            gateway,
        )
        assert row is not None
        return Provisioned(
            organisation=row["organisation_id"],
            site=row["site_id"],
            device=gateway,
            epoch=row["epoch"],
            key_id=row["key_id"],
            generation=generation,
            time_zone=row["time_zone"],
            server_ms=to_ms(now),
            site_key=await identity.site_key(self._core, tx, row["site_id"]),
        )

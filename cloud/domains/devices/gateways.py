"""Use cases of gateways: register, revoke, replace, declare lost. A code is shown once and kept as a hash."""

import secrets
from datetime import datetime

from asyncpg import Record

from cloud.core.context import Core
from cloud.core.database import Transaction
from cloud.core.errors import Conflict, NotFound
from cloud.core.events import emit
from cloud.core.sessions import User
from cloud.domains.devices import rules
from cloud.domains.devices.errors import SiteHasGateway
from cloud.domains.devices.events import CHANGED
from cloud.domains.devices.schemas import BearerIn, CertificateOut, LostOut, ReplacedOut
from cloud.domains.devices.tables import Gateway
from cloud.domains.identity.events import record
from cloud.domains.places import service as places
from cloud.ledger import service as ledger
from cloud.sync import service as sync
from protocols.values.instants import local_day, to_ms

HOLDING = ("never", "active", "frozen")


async def rows(tx: Transaction, gateway_id: int | None = None) -> list[Record]:
    """Gateways with their present key."""
    return await tx.fetch(
        "SELECT g.*, k.key_id, k.made_at AS key_made_at FROM devices_gateways g LEFT JOIN LATERAL ("
        "SELECT key_id, made_at FROM devices_keys WHERE gateway_id = g.id AND revoked_at IS NULL "
        "ORDER BY key_id DESC LIMIT 1) k ON true WHERE $1::bigint IS NULL OR g.id = $1 ORDER BY g.id LIMIT 10000",
        gateway_id,
    )


async def register(core: Core, tx: Transaction, *, actor: str, name: str, site_id: int) -> tuple[int, str, datetime]:
    """A new gateway with its one-time code. Raises SiteHasGateway, NotFound."""
    await places.site(tx, site_id)
    if await Gateway.exists(site_id=site_id, state__in=HOLDING):
        raise SiteHasGateway
    now = core.clock.now()
    code, expires_at = rules.code_from(secrets.token_bytes(rules.CODE_RANDOMNESS)), now + rules.CODE_VALID
    gateway = await Gateway.create(
        name=name, site_id=site_id, made_at=now, code_hash=rules.hash_code(code), code_expires_at=expires_at
    )
    after = {"name": name, "site_id": site_id}
    await record(tx, at=now, actor=actor, action="devices.register", target=f"gateway:{gateway.id}", after=after)
    return gateway.id, code, expires_at


async def revoke(core: Core, user: User, gateway_id: int) -> None:
    """Take a gateway's keys away; a backlog under them waits for a person (rule 22)."""
    async with core.database.transaction(user.organisation_id) as tx:
        await _locked(tx, gateway_id)
        await _end(core, tx, gateway_id, user, state="revoked", action="devices.revoke")


async def replace(core: Core, user: User, gateway_id: int) -> ReplacedOut:
    """A new code for a gateway that takes over under the next epoch, and what the old one took with it."""
    async with core.database.transaction(user.organisation_id) as tx:
        row = await _locked(tx, gateway_id)
        held = row["state"] in HOLDING
        if not held and await Gateway.exists(site_id=row["site_id"], state__in=HOLDING):
            raise SiteHasGateway
        missing = await certificate(tx, gateway_id, row["epoch"])
        code, now = rules.code_from(secrets.token_bytes(rules.CODE_RANDOMNESS)), core.clock.now()
        expires_at = now + rules.CODE_VALID
        await _end(core, tx, gateway_id, user, state="never", action="devices.replace")
        await tx.execute(
            "UPDATE devices_gateways SET code_hash = $2, code_expires_at = $3, code_public_key = NULL WHERE id = $1",
            gateway_id,
            rules.hash_code(code),
            expires_at,
        )
        if missing is not None:
            await tx.execute(
                "UPDATE devices_epochs SET ended_at = coalesce(ended_at, $3), ended_by = 'replaced', certificate = $4 "
                "WHERE gateway_id = $1 AND epoch = $2",
                gateway_id,
                row["epoch"],
                now,
                missing.model_dump_json(),
            )
        return ReplacedOut(id=gateway_id, provisioning_code=code, expires_at=expires_at, certificate=missing)


async def declare_lost(core: Core, user: User, gateway_id: int, body: BearerIn) -> LostOut:
    """A person declares the gateway (or its earlier epoch) lost: what it held is in doubt, later facts cost the bearer.

    Raises NotFound, Conflict (rule 6).
    """
    async with core.database.transaction(user.organisation_id) as tx:
        row = await _locked(tx, gateway_id)
        epoch = body.epoch or row["epoch"]
        query = "SELECT 1 FROM devices_epochs WHERE gateway_id = $1 AND epoch = $2"
        if not await tx.fetchval(query, gateway_id, epoch):
            raise Conflict("this gateway never held anything under that epoch")
        now = core.clock.now()
        day = local_day(to_ms(now), await places.zone_of(tx, row["site_id"]))
        missing = await certificate(tx, gateway_id, epoch)
        amount = await ledger.declare_lost(
            tx, row["site_id"], epoch=epoch, bearer=body.bearer, now=now, business_day=day
        )
        if epoch == row["epoch"] and row["state"] != "never":
            await _end(core, tx, gateway_id, user, state="lost", action="devices.declare_lost", bearer=body.bearer)
        else:
            after = {"epoch": epoch, "bearer": body.bearer, "in_doubt_fen": amount}
            target = f"gateway:{gateway_id}"
            actor = f"user:{user.id}"
            await record(tx, at=now, actor=actor, action="devices.declare_lost", target=target, after=after)
        return LostOut(in_doubt_fen=amount, certificate=missing)


async def resume(core: Core, user: User, gateway_id: int) -> None:
    """Let a stopped or held stream go on, or a frozen gateway work again. Raises NotFound, Conflict."""
    async with core.database.transaction(user.organisation_id) as tx:
        row = await _locked(tx, gateway_id)
        stuck = [s for s in await sync.stream_statuses(tx, device=gateway_id) if s.state in ("stopped", "held")]
        if not stuck and row["state"] != "frozen":
            raise Conflict("nothing of this gateway is stopped")
        for status in stuck:
            await sync.resume_stream(tx, device=gateway_id, epoch=status.epoch, branch=status.branch)
        query = "UPDATE devices_gateways SET state = 'active', reason = '' WHERE id = $1 AND state = 'frozen'"
        await tx.execute(query, gateway_id)
        now = core.clock.now()
        await emit(tx, CHANGED, {"gateway_id": gateway_id}, at=now)
        target = f"gateway:{gateway_id}"
        await record(tx, at=now, actor=f"user:{user.id}", action="devices.resume", target=target)


async def certificate(tx: Transaction, gateway_id: int, epoch: int) -> CertificateOut | None:
    """What the gateway's last heartbeat spoke of and the core has not: at least n entries, ¥x (rule 20)."""
    for status in await sync.stream_statuses(tx, device=gateway_id):
        if status.epoch == epoch and not status.branch:
            entries, fen = status.missing_at_least
            return CertificateOut(
                epoch=status.epoch,
                reported_seq=status.reported_seq,
                applied_through=status.applied_through,
                missing_entries=entries,
                missing_fen=fen if entries else 0,
                heartbeat_at=status.heartbeat_at,
            )
    return None


async def found(tx: Transaction, gateway_id: int) -> Record:
    """One gateway. Raises NotFound."""
    found_rows = await rows(tx, gateway_id)
    if not found_rows:
        raise NotFound("there is no such gateway")
    return found_rows[0]


async def _locked(tx: Transaction, gateway_id: int) -> Record:
    await tx.execute("SELECT 1 FROM devices_gateways WHERE id = $1 FOR UPDATE", gateway_id)
    return await found(tx, gateway_id)


async def _end(
    core: Core, tx: Transaction, gateway_id: int, user: User, *, state: str, action: str, bearer: int | None = None
) -> None:
    now = core.clock.now()
    await tx.execute(
        "UPDATE devices_keys SET revoked_at = $2 WHERE gateway_id = $1 AND revoked_at IS NULL", gateway_id, now
    )
    query = "UPDATE devices_gateways SET state = $2, code_hash = NULL WHERE id = $1"
    await tx.execute(query, gateway_id, state)
    await tx.execute(
        "UPDATE devices_epochs SET ended_at = $2, ended_by = $3 WHERE gateway_id = $1 AND ended_at IS NULL",
        gateway_id,
        now,
        state,
    )
    await emit(tx, CHANGED, {"gateway_id": gateway_id}, at=now)
    after = {"state": state} if bearer is None else {"state": state, "bearer": bearer}
    await record(tx, at=now, actor=f"user:{user.id}", action=action, target=f"gateway:{gateway_id}", after=after)

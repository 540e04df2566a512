"""HTTP of gateways."""

from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query

from cloud.core import rights
from cloud.core.auth import current_user
from cloud.core.context import CoreDependency
from cloud.core.pages import Page
from cloud.core.sessions import User
from cloud.domains.devices import commands, gateways, quarantine_routes, service
from cloud.domains.devices.schemas import (
    BearerIn,
    CodeOut,
    CommandIn,
    CommandOut,
    GatewayIn,
    GatewayOut,
    HourOut,
    LostOut,
    ReplacedOut,
)
from cloud.domains.devices.service import Standing
from cloud.domains.places import service as places
from cloud.sync import service as sync
from cloud.sync.certificate import HourCount

router = APIRouter(prefix="/api/v1/devices", tags=["devices"])
router.include_router(quarantine_routes.router)

Reader = Annotated[User, Depends(current_user(rights.DEVICES_READ))]
Manager = Annotated[User, Depends(current_user(rights.DEVICES_MANAGE))]
PathId = Annotated[int, Path(ge=1, lt=2**53)]
Day = Annotated[date, Query(ge=date(2000, 1, 1), le=date(2999, 12, 31))]


@router.get("/gateways")
async def get_gateways(core: CoreDependency, user: Reader) -> Page[GatewayOut]:
    """Every gateway: backlog, clock, replicas, leases, what is set aside."""
    async with core.database.transaction(user.organisation_id) as tx:
        names = await places.site_names(tx)
        return Page(items=[_gateway(each, names) for each in await service.standing(core, tx)])


@router.post("/gateways", status_code=201)
async def post_gateway(core: CoreDependency, user: Manager, body: GatewayIn) -> CodeOut:
    """Register a gateway; the one-time code is in this answer only."""
    async with core.database.transaction(user.organisation_id) as tx:
        gateway_id, code, expires_at = await gateways.register(
            core, tx, actor=f"user:{user.id}", name=body.name, site_id=body.site_id
        )
    return CodeOut(id=gateway_id, provisioning_code=code, expires_at=expires_at)


@router.post("/gateways/{gateway_id}/revoke", status_code=204)
async def post_revoke(core: CoreDependency, user: Manager, gateway_id: PathId) -> None:
    """Take a gateway's keys away."""
    await gateways.revoke(core, user, gateway_id)


@router.post("/gateways/{gateway_id}/replace")
async def post_replace(core: CoreDependency, user: Manager, gateway_id: PathId) -> ReplacedOut:
    """A code for the gateway that takes over under a new epoch, and what the old one took with it."""
    return await gateways.replace(core, user, gateway_id)


@router.post("/gateways/{gateway_id}/declare-lost")
async def post_declare_lost(core: CoreDependency, user: Manager, gateway_id: PathId, body: BearerIn) -> LostOut:
    """Declare a gateway lost."""
    return await gateways.declare_lost(core, user, gateway_id, body)


@router.post("/gateways/{gateway_id}/resume", status_code=204)
async def post_resume(core: CoreDependency, user: Manager, gateway_id: PathId) -> None:
    """Let a gateway's stopped or held stream go on, or a frozen gateway work again: a person's decision."""
    await gateways.resume(core, user, gateway_id)


@router.get("/gateways/{gateway_id}/commands")
async def get_commands(core: CoreDependency, user: Reader, gateway_id: PathId) -> Page[CommandOut]:
    """The last commands to a gateway and what became of them."""
    return Page(items=await commands.recent(core, user, gateway_id))


@router.post("/gateways/{gateway_id}/commands", status_code=201)
async def post_command(core: CoreDependency, user: Manager, gateway_id: PathId, body: CommandIn) -> CommandOut:
    """Ask a gateway to do something now; answered, expired or undelivered, and in the audit trail."""
    return await commands.send(core, user, gateway_id, body)


@router.get("/gateways/{gateway_id}/completeness")
async def get_completeness(
    core: CoreDependency, user: Reader, gateway_id: PathId, day: Day | None = None
) -> Page[HourOut]:
    """What became of every entry of a day at the gateway's site, per lane and hour it happened in."""
    async with core.database.transaction(user.organisation_id) as tx:
        gateway = await gateways.found(tx, gateway_id)
        zone = await places.zone_of(tx, gateway["site_id"])
        begins = datetime.combine(day or core.clock.now().astimezone(zone).date(), time(), zone)
        hours = await sync.completeness(tx, device=gateway_id, since=begins, until=begins + timedelta(days=1))
    return Page(items=[_hour(each) for each in hours])


def _hour(each: HourCount) -> HourOut:
    return HourOut(
        hour_at=each.hour_at,
        lane_id=each.lane,
        received=each.received,
        applied=each.applied,
        duplicate=each.duplicates,
        quarantined=each.quarantined,
        parked=each.parked,
        complete=each.complete,
    )


def _state(each: Standing) -> Literal["online", "offline", "never", "revoked", "lost", "frozen"]:
    if each.state == "active":
        return "online" if each.online else "offline"
    if each.state == "frozen":
        return "frozen"
    if each.state == "lost":
        return "lost"
    return "revoked" if each.state == "revoked" else "never"


def _gateway(each: Standing, names: dict[int, str]) -> GatewayOut:
    stream = each.stream
    held = each.state in ("active", "frozen") and stream is not None
    return GatewayOut(
        id=each.id,
        name=each.name,
        site_id=each.site_id,
        site_name=names.get(each.site_id, ""),
        epoch=each.epoch,
        state=_state(each),
        reason=each.reason,
        stream_state=stream.state if stream else "",
        offline_since_at=each.seen_at if held and not each.online else None,
        head_seq=max(stream.reported_seq, stream.applied_through) if stream else 0,
        applied_through=stream.applied_through if stream else 0,
        safe_through=stream.safe_through if stream else 0,
        waiting=each.waiting,
        sum_fen=stream.reported_sum_fen if stream else 0,
        offset_ms=stream.offset_ms if stream else 0,
        uncertainty_ms=stream.uncertainty_ms if stream else 0,
        key_id=each.key_id,
        key_made_at=each.key_made_at,
        disk_free_mb=stream.disk_free_mb if stream and stream.disk_free_mb >= 0 else None,
        replicas=stream.replicas if stream else {},
        lease_n=stream.lease_applied_n if stream else 0,
        lease_newest_n=stream.lease_newest_n if stream else 0,
        quarantined=stream.quarantined if stream else 0,
        parked=stream.parked if stream else 0,
        software=each.software,
    )

"""HTTP of the quarantine (待处理): look, mend, approve, replay."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request

from cloud.core import rights
from cloud.core.auth import current_user
from cloud.core.context import Core, CoreDependency
from cloud.core.database import Transaction
from cloud.core.pages import Page, PageRequest, after_values, make_page, page_request
from cloud.core.sessions import User
from cloud.domains.devices import gateways
from cloud.domains.devices.quarantine_schemas import (
    ApprovalOut,
    CorrectionOut,
    MendIn,
    QuarantineDetailOut,
    QuarantineOut,
    ReplayedOut,
    StillOut,
)
from cloud.domains.identity.events import record
from cloud.domains.places import service as places
from cloud.sync import service as sync
from cloud.sync.desk import QuarantineDesk
from cloud.sync.quarantine import QuarantineDetail, QuarantineItem

router = APIRouter()

Reader = Annotated[User, Depends(current_user(rights.DEVICES_READ))]
Mender = Annotated[User, Depends(current_user(rights.QUARANTINE_MEND))]
Paged = Annotated[PageRequest, Depends(page_request)]
PathId = Annotated[int, Path(ge=1, lt=2**53)]
State = Literal["waiting", "parked", "mended", "replayed"]


def get_desk(request: Request) -> QuarantineDesk:
    """The desk of the application a request came to."""
    desk = request.app.state.quarantine_desk
    assert isinstance(desk, QuarantineDesk)
    return desk


Desk = Annotated[QuarantineDesk, Depends(get_desk)]


@router.get("/quarantine")
async def get_quarantine(
    core: CoreDependency,
    user: Reader,
    page: Paged,
    state: State | None = None,
    gateway_id: Annotated[int | None, Query(ge=1, lt=2**53)] = None,
) -> Page[QuarantineOut]:
    """What is set aside, oldest first; without `state` all that is not replayed yet."""
    after = after_values(page, int)
    async with core.database.transaction(user.organisation_id) as tx:
        items = await sync.quarantine(
            tx, state=state or "", device=gateway_id, after_id=after[0] if after else 0, limit=page.fetch
        )
        names = await _names(tx)
    return make_page(items, page, key=lambda item: [item.id], item=lambda item: _item(item, names))


@router.get("/quarantine/{item_id}")
async def get_quarantine_item(core: CoreDependency, user: Reader, item_id: PathId) -> QuarantineDetailOut:
    """One entry with its bytes, what they say, its correction and who stands behind that."""
    async with core.database.transaction(user.organisation_id) as tx:
        return _detail(await sync.quarantine_detail(tx, item_id), await _names(tx))


@router.post("/quarantine/{item_id}/mend")
async def post_mend(
    core: CoreDependency, user: Mender, desk: Desk, item_id: PathId, body: MendIn
) -> QuarantineDetailOut:
    """Say what the entry should have said. A change of amount or person needs a second person (rule 27)."""
    async with core.database.transaction(user.organisation_id) as tx:
        detail = await desk.mend(tx, item_id, fields=body.payload, note=body.note, by=user.id, now=core.clock.now())
        await _record(core, tx, user, "devices.mend", detail.item, {"note": body.note})
        return _detail(detail, await _names(tx))


@router.post("/quarantine/{item_id}/approve")
async def post_approve(core: CoreDependency, user: Mender, desk: Desk, item_id: PathId) -> QuarantineDetailOut:
    """Stand behind a correction as a further person."""
    async with core.database.transaction(user.organisation_id) as tx:
        detail = await desk.approve(tx, item_id, by=user.id, now=core.clock.now())
        await _record(core, tx, user, "devices.approve_mend", detail.item, None)
        return _detail(detail, await _names(tx))


@router.post("/quarantine/{item_id}/replay")
async def post_replay(core: CoreDependency, user: Mender, desk: Desk, item_id: PathId) -> ReplayedOut:
    """Apply the entry, as mended, and what waited behind it, in order."""
    async with core.database.transaction(user.organisation_id) as tx:
        item = (await sync.quarantine_detail(tx, item_id)).item
        gateway = await gateways.found(tx, item.entry_id.device)
        zone = (await places.site(tx, gateway["site_id"])).time_zone
        done = await desk.replay(tx, item_id, now=core.clock.now(), time_zone=zone)
        await _record(core, tx, user, "devices.replay", item, {"applied": len(done.applied), "still": len(done.still)})
    return ReplayedOut(
        applied=list(done.applied),
        still=[StillOut(seq=seq, code=found.code, reason=found.words) for seq, found in sorted(done.still.items())],
    )


async def _names(tx: Transaction) -> dict[int, str]:
    return {row["id"]: row["name"] for row in await gateways.rows(tx)}


async def _record(
    core: Core, tx: Transaction, user: User, action: str, item: QuarantineItem, after: dict[str, Any] | None
) -> None:
    target = f"entry:{item.entry_id}"
    await record(tx, at=core.clock.now(), actor=f"user:{user.id}", action=action, target=target, after=after)


def _item(item: QuarantineItem, names: dict[int, str]) -> QuarantineOut:
    return QuarantineOut(
        id=item.id,
        entry_id=str(item.entry_id),
        gateway_id=item.entry_id.device,
        gateway_name=names.get(item.entry_id.device, ""),
        kind=item.kind,
        subject=item.subject,
        state=item.state,
        received_at=item.received_at,
        resolved_at=item.resolved_at,
        reason_code=item.reason_code,
        reason=item.reason,
        parked_behind=item.parked_behind,
    )


def _detail(detail: QuarantineDetail, names: dict[int, str]) -> QuarantineDetailOut:
    made = detail.correction
    return QuarantineDetailOut(
        **_item(detail.item, names).model_dump(),
        entry=detail.entry,
        payload=detail.payload,
        body_hex=detail.body.hex(),
        hash=detail.hash.hex(),
        correction=None
        if made is None
        else CorrectionOut(
            payload=made.payload,
            note=made.note,
            people_needed=made.people_needed,
            made_by=made.made_by,
            made_at=made.made_at,
            approved=made.approved,
        ),
        approvals=[
            ApprovalOut(user_id=each.person, approved_at=each.approved_at) for each in (made.approvals if made else ())
        ],
    )

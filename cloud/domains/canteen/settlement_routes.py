"""HTTP of what was sold."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from cloud.core import rights
from cloud.core.auth import current_user
from cloud.core.context import CoreDependency
from cloud.core.errors import NotFound
from cloud.core.idempotency import IdempotencyKey
from cloud.core.pages import Page, PageRequest, page_request
from cloud.core.sessions import User
from cloud.domains.canteen import refunds, settlements
from cloud.domains.canteen.queries import SettlementFilter
from cloud.domains.canteen.schemas import Day
from cloud.domains.canteen.settlement_schemas import (
    ClosingOut,
    RefundRequestIn,
    RefundRequestOut,
    SettlementDetail,
    SettlementOut,
    State,
    TodayOut,
)
from protocols.values.errors import Malformed
from protocols.values.ids import EntryId
from protocols.values.instants import date_to_day

router = APIRouter()

Reader = Annotated[User, Depends(current_user(rights.CANTEEN_READ))]
Payer = Annotated[User, Depends(current_user(rights.PAYMENTS_MANAGE))]
Paged = Annotated[PageRequest, Depends(page_request)]
QueryId = Annotated[int | None, Query(ge=1, lt=2**53)]
EntryPath = Annotated[str, Path(max_length=60, description="DEVICE-EPOCH-SEQ")]


@router.get("/settlements")
async def get_settlements(
    core: CoreDependency,
    user: Reader,
    page: Paged,
    search: Annotated[str, Query(max_length=100, description="Receipt, entry id, staff number or part of a name")] = "",
    canteen_id: QueryId = None,
    lane_id: QueryId = None,
    person_id: QueryId = None,
    day: Day | None = None,
    state: State | None = None,
) -> Page[SettlementOut]:
    """Settlements, newest first."""
    wanted = SettlementFilter(
        canteen_id=canteen_id,
        lane_id=lane_id,
        person_ids=None if person_id is None else [person_id],
        business_day=None if day is None else date_to_day(day),
        state=state,
    )
    return await settlements.page(core, user, page, search, wanted)


@router.get("/settlements/{entry_id}")
async def get_settlement(core: CoreDependency, user: Reader, entry_id: EntryPath) -> SettlementDetail:
    """One settlement down to plates and ledger lines."""
    return await settlements.detail(core, user, _entry(entry_id))


@router.post("/settlements/{entry_id}/refunds", status_code=201)
async def post_refund(
    core: CoreDependency, user: Payer, entry_id: EntryPath, body: RefundRequestIn, key: IdempotencyKey
) -> RefundRequestOut:
    """Give money back away from the till; executed once for an Idempotency-Key."""
    return await refunds.execute(core, user, _entry(entry_id), body, key)


@router.get("/refund-proposals")
async def get_refund_proposals(core: CoreDependency, user: Reader) -> Page[SettlementOut]:
    """Settlements that a person should look at: a dynamic code's time step that had paid before (rule 15)."""
    return await settlements.refund_proposals(core, user)


@router.get("/today")
async def get_today(core: CoreDependency, user: Reader, day: Day | None = None) -> TodayOut:
    """The day as it stands; top dishes are of the last thousand settlements."""
    return await settlements.today(core, user, date_to_day(day) if day else None)


@router.get("/day-closings")
async def get_day_closings(
    core: CoreDependency, user: Reader, page: Paged, day: Day | None = None, lane_id: QueryId = None
) -> Page[ClosingOut]:
    """Closed days of lanes, each reconciled to the ledger to the fen."""
    return await settlements.closings(core, user, page, day=date_to_day(day) if day else None, lane_id=lane_id)


def _entry(text: str) -> EntryId:
    try:
        entry = EntryId.parse(text)
    except Malformed as error:
        raise NotFound("there is no such settlement") from error
    if max(entry) >= 2**53 or entry.epoch >= 2**31:
        raise NotFound("there is no such settlement")
    return entry

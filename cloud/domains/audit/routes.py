"""HTTP of the audit trail."""

import json
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from cloud.core import rights
from cloud.core.auth import current_user
from cloud.core.context import CoreDependency
from cloud.core.pages import Page, PageRequest, after_values, make_page, page_request
from cloud.core.sessions import User
from cloud.domains.audit import service
from cloud.domains.audit.schemas import RecordOut, VerificationOut

router = APIRouter(prefix="/api/v1/audit", tags=["audit"])

Auditor = Annotated[User, Depends(current_user(rights.AUDIT_READ))]


@router.get("/records")
async def get_records(
    core: CoreDependency,
    user: Auditor,
    page: Annotated[PageRequest, Depends(page_request)],
    search: Annotated[str, Query(max_length=100)] = "",
    actor: Annotated[str | None, Query(max_length=100)] = None,
    target: Annotated[str | None, Query(max_length=100)] = None,
) -> Page[RecordOut]:
    """Records, newest first."""
    after = after_values(page, int)
    async with core.database.transaction(user.organisation_id) as tx:
        rows = await service.page(
            tx, before_id=after[0] if after else 2**62, fetch=page.fetch, search=search, actor=actor, target=target
        )
    return make_page(
        rows,
        page,
        key=lambda row: [row["id"]],
        item=lambda row: RecordOut(
            **{name: row[name] for name in ("id", "at", "actor", "action", "target")},
            before=json.loads(row["before"]),
            after=json.loads(row["after"]),
            hash=bytes(row["hash"]).hex(),
        ),
    )


@router.get("/verification")
async def get_verification(core: CoreDependency, user: Auditor) -> VerificationOut:
    """Walk the whole chain."""
    async with core.database.transaction(user.organisation_id) as tx:
        found = await service.verify(tx)
    return VerificationOut(intact=found.broken_at is None, **vars(found))

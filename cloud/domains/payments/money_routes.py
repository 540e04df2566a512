"""HTTP of money that moves and how it adds up."""

from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, Path, Query, UploadFile

from cloud.core import rights
from cloud.core.auth import current_user
from cloud.core.context import CoreDependency
from cloud.core.idempotency import IdempotencyKey
from cloud.core.pages import Page, PageRequest, page_request
from cloud.core.sessions import User
from cloud.domains.payments import accounts_view, clearing, exceptions, money, statements, subsidies, subsidy_files
from cloud.domains.payments.money_schemas import (
    BalanceOut,
    ClearingIn,
    ClearingOut,
    CorrectionIn,
    ExceptionOut,
    FileOut,
    FlowOut,
    GrantIn,
    GrantOut,
    MovedOut,
    SettleIn,
    StatementOut,
    TopUpIn,
    WithdrawalIn,
)

router = APIRouter()

Reader = Annotated[User, Depends(current_user(rights.PAYMENTS_READ))]
Manager = Annotated[User, Depends(current_user(rights.PAYMENTS_MANAGE))]
Paged = Annotated[PageRequest, Depends(page_request)]
PathId = Annotated[int, Path(ge=1, lt=2**53)]
_PERIOD = r"^2[0-9]{3}-(0[1-9]|1[0-2])$"


@router.get("/people/{person_id}/balances")
async def get_balances(core: CoreDependency, user: Reader, person_id: PathId) -> Page[BalanceOut]:
    """A person's buckets, by place."""
    return await accounts_view.balances(core, user, person_id)


@router.get("/people/{person_id}/flows")
async def get_flows(core: CoreDependency, user: Reader, person_id: PathId, page: Paged) -> Page[FlowOut]:
    """A person's movements, newest first."""
    return await accounts_view.flows(core, user, person_id, page)


@router.post("/top-ups", status_code=201)
async def post_top_up(core: CoreDependency, user: Manager, body: TopUpIn, key: IdempotencyKey) -> MovedOut:
    """Put money into a bucket."""
    return await money.top_up(core, user, body, key)


@router.post("/withdrawals", status_code=201)
async def post_withdrawal(core: CoreDependency, user: Manager, body: WithdrawalIn, key: IdempotencyKey) -> MovedOut:
    """Pay out what is available; `asked` says that sites were asked to give back first."""
    return await money.withdraw(core, user, body, key)


@router.post("/corrections", status_code=201)
async def post_correction(core: CoreDependency, user: Manager, body: CorrectionIn, key: IdempotencyKey) -> MovedOut:
    """Mend an operator's error, up or down."""
    return await money.correct(core, user, body, key)


@router.post("/subsidy-rules/{rule_id}/grants", status_code=201)
async def post_grant(
    core: CoreDependency, user: Manager, rule_id: PathId, body: GrantIn, key: IdempotencyKey
) -> GrantOut:
    """Grant a subsidy for a period; each person once."""
    return await subsidies.grant_by_rule(core, user, rule_id, body, key)


@router.post("/subsidy-files", status_code=201)
async def post_subsidy_file(
    core: CoreDependency,
    user: Manager,
    file: Annotated[UploadFile, File(description="xlsx or csv with 工号 and 金额, perhaps 账户")],
    period: Annotated[str, Form(pattern=_PERIOD)],
    dry_run: Annotated[bool, Form()] = False,  # noqa: FBT002 - a form's field
) -> FileOut:
    """Grant what a file says, once for its digest; errors are told by row, and then nothing is granted."""
    content = await file.read(subsidy_files.BYTES_MOST + 1)
    return await subsidy_files.grant_by_file(
        core, user, name=file.filename or "", content=content, period=period, dry_run=dry_run
    )


@router.get("/clearings")
async def get_clearings(core: CoreDependency, user: Reader) -> Page[ClearingOut]:
    """Clearings: cleared, or waiting for a site and how much."""
    return await clearing.standing(core, user)


@router.post("/clearings", status_code=201)
async def post_clearings(
    core: CoreDependency, user: Manager, body: ClearingIn, key: IdempotencyKey
) -> Page[ClearingOut]:
    """Clear buckets."""
    return await clearing.start(core, user, body, key)


@router.get("/exceptions")
async def get_exceptions(
    core: CoreDependency,
    user: Reader,
    page: Paged,
    state: Annotated[str | None, Query(pattern="^(open|settled)$")] = None,
) -> Page[ExceptionOut]:
    """Valid facts that broke a rule meanwhile."""
    return await exceptions.page(core, user, page, state=state)


@router.post("/exceptions/{exception_id}/settle")
async def post_settle(
    core: CoreDependency, user: Manager, exception_id: PathId, body: SettleIn, key: IdempotencyKey
) -> ExceptionOut:
    """Say who bears an exception."""
    return await exceptions.settle(core, user, exception_id, body, key)


@router.get("/statement")
async def get_statement(
    core: CoreDependency, user: Reader, month: Annotated[str, Query(pattern=_PERIOD)]
) -> StatementOut:
    """A month to the fen, each total beside what another part of the books says of it."""
    return await statements.statement(core, user, month)

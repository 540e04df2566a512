"""HTTP of identity: people, groups, credentials, operators."""

from typing import Annotated

from asyncpg import Record
from fastapi import APIRouter, Depends, File, Form, Path, Query, UploadFile

from cloud.core import rights
from cloud.core.auth import current_user
from cloud.core.context import CoreDependency
from cloud.core.database import Transaction
from cloud.core.errors import NotFound
from cloud.core.pages import Page, PageRequest, after_values, make_page, page_request
from cloud.core.sessions import User
from cloud.domains.identity import credentials, people, people_files, queries, rules
from cloud.domains.identity.events import record
from cloud.domains.identity.schemas import (
    AgeIn,
    CredentialIn,
    CredentialOut,
    GroupIn,
    GroupOut,
    OperatorIn,
    OperatorOut,
    PeopleFileOut,
    PersonDetail,
    PersonIn,
    PersonOut,
    PersonPatch,
    Reason,
    UnconfirmedOut,
)
from cloud.domains.identity.tables import Group

router = APIRouter(prefix="/api/v1/identity", tags=["identity"])

Reader = Annotated[User, Depends(current_user(rights.IDENTITY_READ))]
Manager = Annotated[User, Depends(current_user(rights.IDENTITY_MANAGE))]
Paged = Annotated[PageRequest, Depends(page_request)]
PathId = Annotated[int, Path(ge=1, lt=2**53)]
QueryId = Annotated[int | None, Query(ge=1, lt=2**53)]


@router.get("/groups")
async def get_groups(core: CoreDependency, user: Reader, page: Paged) -> Page[GroupOut]:
    """Groups in order of id; the tree is in `parent_id`."""
    after = after_values(page, int)
    async with core.database.transaction(user.organisation_id):
        rows = await Group.filter(id__gt=after[0] if after else 0).order_by("id").limit(page.fetch).values()
    return make_page(rows, page, key=lambda row: [row["id"]], item=lambda row: GroupOut(**row))


@router.post("/groups", status_code=201)
async def post_group(core: CoreDependency, user: Manager, body: GroupIn) -> GroupOut:
    """A new group."""
    async with core.database.transaction(user.organisation_id) as tx:
        group = await Group.create(**body.model_dump())
        await record(
            tx, at=core.clock.now(), actor=people.actor_of(user), action="identity.make_group",
            target=f"group:{group.id}", after=body.model_dump(),
        )  # fmt: skip
    return GroupOut(id=group.id, **body.model_dump())


@router.get("/people")
async def get_people(
    core: CoreDependency,
    user: Reader,
    page: Paged,
    search: Annotated[str, Query(max_length=100)] = "",
    group_id: QueryId = None,
    site_id: QueryId = None,
    state: Annotated[str | None, Query(pattern="^(active|leaving|left)$")] = None,
) -> Page[PersonOut]:
    """People; `search` is part of a number or name, or a whole phone number."""
    after = after_values(page, int)
    async with core.database.transaction(user.organisation_id) as tx:
        keys = await core.vault.keys(tx)
        rows = await queries.page_of_people(
            tx,
            after_id=after[0] if after else 0,
            fetch=page.fetch,
            search=search,
            phone_index=keys.blind(search, field=people.PHONE_FIELD) if search else None,
            group_id=group_id,
            site_id=site_id,
            state=state,
        )
    return make_page(rows, page, key=lambda row: [row["id"]], item=_person)


@router.post("/people", status_code=201)
async def post_person(core: CoreDependency, user: Manager, body: PersonIn) -> PersonOut:
    """Somebody joins."""
    return _person(await people.create(core, user, body))


@router.post("/people-files", status_code=201)
async def post_people_file(
    core: CoreDependency,
    user: Manager,
    file: Annotated[UploadFile, File(description="xlsx or csv with 工号, 姓名, 部门, perhaps 手机 and 身份证")],
    home_site_id: Annotated[int, Form(ge=1, lt=2**53)],
    dry_run: Annotated[bool, Form()] = False,  # noqa: FBT002 - a form's field
) -> PeopleFileOut:
    """Take in a staff list, whole or not at all; errors are told by row."""
    content = await file.read(people_files.BYTES_MOST + 1)
    return await people_files.take_in(core, user, content=content, home_site_id=home_site_id, dry_run=dry_run)


@router.get("/people/{person_id}")
async def get_person(core: CoreDependency, user: Reader, person_id: PathId) -> PersonDetail:
    """One person. With the right `personal.read` phone and identity number are in clear, and that is recorded."""
    row, phone, number = await people.show(core, user, person_id)
    extra = {name: row[name] for name in _DETAIL}
    return PersonDetail(**_person(row).model_dump(), **extra, phone=phone, identity_number=number)


@router.patch("/people/{person_id}")
async def patch_person(core: CoreDependency, user: Manager, person_id: PathId, body: PersonPatch) -> PersonOut:
    """Change a person."""
    return _person(await people.change(core, user, person_id, body))


@router.post("/people/{person_id}/leave")
async def post_leave(core: CoreDependency, user: Manager, person_id: PathId) -> PersonOut:
    """Somebody leaves: credentials end now, `available` is paid now, the rest as leases close."""
    return _person(await people.leave(core, user, person_id))


@router.post("/people/{person_id}/erase")
async def post_erase(core: CoreDependency, user: Manager, person_id: PathId) -> PersonOut:
    """Forget who somebody was, once they have left and been paid; every site confirms."""
    return _person(await people.erase(core, user, person_id))


@router.post("/people/{person_id}/block")
async def post_block(core: CoreDependency, user: Manager, person_id: PathId, body: Reason) -> PersonOut:
    """Blacklist with a reason."""
    return _person(await people.block(core, user, person_id, body.reason))


@router.post("/people/{person_id}/unblock")
async def post_unblock(core: CoreDependency, user: Manager, person_id: PathId) -> PersonOut:
    """Take off the blacklist."""
    return _person(await people.block(core, user, person_id, ""))


@router.get("/people/{person_id}/credentials")
async def get_credentials(core: CoreDependency, user: Reader, person_id: PathId) -> Page[CredentialOut]:
    """A person's credentials, with how many sites confirmed each revocation."""
    async with core.database.transaction(user.organisation_id) as tx:
        if await queries.person_row(tx, person_id) is None:
            raise NotFound("there is no such person")
        rows = await queries.credentials_of(tx, [person_id])
        return Page(items=[await _credential(tx, row) for row in rows])


@router.post("/people/{person_id}/credentials", status_code=201)
async def post_credential(core: CoreDependency, user: Manager, person_id: PathId, body: CredentialIn) -> CredentialOut:
    """Give a card, code or PIN. A static code's token is in this answer only."""
    row, token = await credentials.give(core, user, person_id, body)
    return _credential_out(row, (0, 0), token)


@router.post("/credentials/{credential_id}/revoke")
async def post_revoke(
    core: CoreDependency, user: Manager, credential_id: PathId, body: Reason | None = None
) -> CredentialOut:
    """Revoke at every site."""
    row = await credentials.revoke(core, user, credential_id, body.reason if body else "revoked")
    async with core.database.transaction(user.organisation_id) as tx:
        return await _credential(tx, row)


@router.get("/confirmations")
async def get_confirmations(core: CoreDependency, user: Reader) -> Page[UnconfirmedOut]:
    """What some site has not confirmed yet, the oldest first (rule 16)."""
    async with core.database.transaction(user.organisation_id) as tx:
        rows = await queries.unconfirmed(tx)
        heard = await queries.heard_at(tx) if rows else {}
    return Page(items=[_unconfirmed(row, heard) for row in rows])


@router.get("/operators")
async def get_operators(core: CoreDependency, user: Reader, page: Paged) -> Page[OperatorOut]:
    """Who may refund and close at lanes."""
    after = after_values(page, int)
    async with core.database.transaction(user.organisation_id) as tx:
        rows = await queries.operators(tx, after_id=after[0] if after else 0, fetch=page.fetch)
    return make_page(rows, page, key=lambda row: [row["id"]], item=lambda row: OperatorOut(**dict(row)))


@router.post("/operators", status_code=201)
async def post_operator(core: CoreDependency, user: Manager, body: OperatorIn) -> OperatorOut:
    """Make a person an operator."""
    operator_id = await credentials.make_operator(core, user, body)
    async with core.database.transaction(user.organisation_id) as tx:
        [row] = await queries.operators(tx, after_id=operator_id - 1, fetch=1)
    return OperatorOut(**dict(row))


@router.put("/credential-ages", status_code=204)
async def put_age(core: CoreDependency, user: Manager, body: AgeIn) -> None:
    """Set how old a replica may be for a kind of credential to be trusted."""
    await credentials.set_age(core, user, body)


_DETAIL = ("identity_number_masked", "pin_over_fen", "day_pin_over_fen", "joined_at", "left_at")


def _person(row: Record) -> PersonOut:
    return PersonOut(
        **{name: row[name] for name in PersonOut.model_fields if name != "home_site_name"},
        home_site_name=row["home_site_name"] or "",
    )


def _unconfirmed(row: Record, heard: queries.Heard) -> UnconfirmedOut:
    return UnconfirmedOut(
        subject=row["subject"],
        site_id=row["site_id"],
        asked_at=row["asked_at"],
        site_name=row["site_name"] or "",
        person_id=row["person_id"],
        person_name=row["person_name"] or "",
        heard_at=heard.get(row["site_id"]),
    )


async def _credential(tx: Transaction, row: Record) -> CredentialOut:
    subject = f"credential:{row['id']}"
    counts = await queries.confirmations(tx, [subject])
    return _credential_out(row, counts.get(subject, (0, 0)), None)


def _credential_out(row: Record, counts: tuple[int, int], token: str | None) -> CredentialOut:
    names = ("id", "value_masked", "valid_from", "valid_until", "cap_fen", "made_at", "revoked_at", "revoked_reason")
    values = {name: row[name] for name in names}
    kind = rules.WORD_OF_KIND.get(row["kind"], str(row["kind"]))
    return CredentialOut(**values, kind=kind, confirmed_sites=counts[0], sites=counts[1], token=token)

"""`/api/v1/identity/session`: sign in, see who is signed in, choose a password, sign out."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from cloud.core.auth import COOKIE, current_user
from cloud.core.context import Core, CoreDependency
from cloud.core.passwords import PASSWORD_MOST
from cloud.core.sessions import User, change_password, find_session, sign_in, sign_out

router = APIRouter(prefix="/api/v1/identity/session", tags=["session"])
_AnyUser = Annotated[User, Depends(current_user(before_password_change=True))]


class SignIn(BaseModel):
    """A login name and its password."""

    login: str = Field(min_length=1, max_length=100)
    password: str = Field(min_length=1, max_length=PASSWORD_MOST)


class NewPassword(BaseModel):
    """The present password and the one that takes its place."""

    old_password: str = Field(min_length=1, max_length=PASSWORD_MOST)
    new_password: str = Field(min_length=1, max_length=PASSWORD_MOST)


class SessionAnswer(BaseModel):
    """Who is signed in, for whom they act and what they may do."""

    user_id: int
    login: str
    name: str
    organisation_id: int
    organisation_name: str
    home_organisation_id: int
    rights: list[str]
    must_change_password: bool
    ends_at: datetime | None = None


@router.post("")
async def post_session(body: SignIn, request: Request, response: Response, core: CoreDependency) -> SessionAnswer:
    """Sign in: the answer sets the session's cookie."""
    security = core.settings.security
    client = request.headers.get("user-agent", "")
    token, ends_at = await sign_in(
        core.database, core.clock, security, login=body.login, password=body.password, client=client
    )
    response.set_cookie(
        COOKIE,
        token,
        max_age=security.session_most_s,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
        path="/",
    )
    user = await find_session(core.database, core.clock, security, token=token)
    return await _answer(core, user, ends_at)


@router.get("")
async def get_session(user: _AnyUser, core: CoreDependency) -> SessionAnswer:
    """Who is signed in."""
    return await _answer(core, user, None)


@router.put("/password", status_code=204)
async def put_password(body: NewPassword, user: _AnyUser, core: CoreDependency) -> None:
    """Choose a new password; all other sessions of the user end."""
    await change_password(
        core.database, core.clock, core.settings.security, user=user, old=body.old_password, new=body.new_password
    )


@router.delete("", status_code=204, dependencies=[Depends(current_user(before_password_change=True))])
async def delete_session(request: Request, response: Response, core: CoreDependency) -> None:
    """Sign out."""
    await sign_out(core.database, token=request.cookies[COOKIE])
    response.delete_cookie(COOKIE, path="/")


async def _answer(core: Core, user: User, ends_at: datetime | None) -> SessionAnswer:
    async with core.database.transaction(user.organisation_id) as tx:
        name = await tx.fetchval("SELECT name FROM core_organisations WHERE id = $1", user.organisation_id)
    return SessionAnswer(
        user_id=user.id,
        login=user.login,
        name=user.name,
        organisation_id=user.organisation_id,
        organisation_name=name,
        home_organisation_id=user.home_organisation_id,
        rights=sorted(user.rights),
        must_change_password=user.must_change_password,
        ends_at=ends_at,
    )

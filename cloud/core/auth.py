"""Who is asking, as a FastAPI dependency: `user: Annotated[User, Depends(current_user("payments.manage"))]`."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from fastapi import Header, Request, Security
from fastapi.security import APIKeyCookie

from cloud.core.context import CoreDependency
from cloud.core.errors import Forbidden, Unauthenticated
from cloud.core.sessions import PasswordMustChange, User, find_session

COOKIE: Final = "qm_session"
CSRF_HEADER: Final = "X-Quartermaster"
CSRF_VALUE: Final = "1"
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_cookie = APIKeyCookie(name=COOKIE, auto_error=False, description="Made by POST /api/v1/identity/session")


class CsrfMissing(Forbidden):
    """A changing request without the header that a foreign page cannot send."""

    code = "csrf_missing"
    title = f"Changing requests carry the header {CSRF_HEADER}: {CSRF_VALUE}"


def current_user(right: str | None = None, *, before_password_change: bool = False) -> Callable[..., Awaitable[User]]:
    """A dependency that gives the signed-in User, who must hold `right` if one is named.

    Raises Unauthenticated, Forbidden, CsrfMissing or PasswordMustChange. The header `X-Organisation` acts for an
    organisation below the user's own.
    """

    async def dependency(
        request: Request,
        core: CoreDependency,
        token: Annotated[str | None, Security(_cookie)] = None,
        organisation: Annotated[int | None, Header(alias="X-Organisation", ge=1, lt=2**53)] = None,
    ) -> User:
        if not token:
            raise Unauthenticated
        if request.method not in _SAFE_METHODS and request.headers.get(CSRF_HEADER) != CSRF_VALUE:
            raise CsrfMissing
        user = await find_session(
            core.database, core.clock, core.settings.security, token=token, acting_for=organisation
        )
        if user.must_change_password and not before_password_change:
            raise PasswordMustChange
        if right is not None:
            user.need(right)
        return user

    return dependency


SignedIn = Annotated[User, Security(current_user())]

"""Signing in and out: lock-out after wrong passwords, opaque tokens of which only the SM3 is kept."""

import asyncio
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from cloud.core.clock import Clock
from cloud.core.database import Database, Transaction
from cloud.core.errors import Forbidden, Invalid, TooMany, Unauthenticated
from cloud.core.passwords import hash_password, password_matches, password_weakness
from cloud.settings import Security
from protocols.crypto.sm3 import sm3

_TOKEN_SIZE: Final = 32
_TOUCH_AFTER: Final = timedelta(seconds=60)
_SESSIONS_MOST: Final = 20
_NOBODY: Final = "scrypt$14$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


class WrongPassword(Unauthenticated):
    """Login and password do not belong together; which of the two is wrong is not told."""

    code = "wrong_password"
    title = "Login name or password is wrong"


class Locked(TooMany):
    """Too many wrong passwords: `retry_after_s` says how long the lock lasts."""

    code = "locked"
    title = "Locked after too many wrong passwords"


class PasswordMustChange(Forbidden):
    """Signed in with a one-time password: choose one of your own first."""

    code = "password_must_change"
    title = "Choose a new password first"


@dataclass(frozen=True)
class User:
    """Who a request comes from. `organisation_id` is the one acted for: the user's own, or one below it."""

    id: int
    session_id: int
    home_organisation_id: int
    organisation_id: int
    login: str
    name: str
    rights: frozenset[str]
    must_change_password: bool = False
    person_id: int | None = None

    def may(self, right: str) -> bool:
        """Whether the user holds `right`."""
        return right in self.rights

    def need(self, right: str) -> None:
        """Raise Forbidden unless the user holds `right`."""
        if right not in self.rights:
            raise Forbidden(f"this needs the right {right}", right=right)


async def sign_in(
    database: Database, clock: Clock, security: Security, *, login: str, password: str, client: str = ""
) -> tuple[str, datetime]:
    """A fresh session's token and its end. Raises WrongPassword or Locked; both take the same time."""
    now = clock.now()
    async with database.system_transaction() as tx:
        row = await tx.fetchrow(
            "SELECT id, organisation_id, password_hash, locked_until FROM core_users "
            "WHERE lower(login) = lower($1) AND active",
            login,
        )
    if row and row["locked_until"] and row["locked_until"] > now:
        raise Locked(retry_after_s=int((row["locked_until"] - now).total_seconds()) + 1)
    right = await asyncio.to_thread(password_matches, password, row["password_hash"] if row else _NOBODY)
    if row is None:
        raise WrongPassword
    if not right:
        await _count_failure(database, row["id"], now, security)
        raise WrongPassword
    token = secrets.token_urlsafe(_TOKEN_SIZE)
    ends_at = now + timedelta(seconds=security.session_most_s)
    async with database.transaction(row["organisation_id"]) as tx:
        await tx.execute("UPDATE core_users SET failures = 0, locked_until = NULL WHERE id = $1", row["id"])
        await _make_session(tx, user_id=row["id"], token=token, now=now, ends_at=ends_at, client=client)
    return token, ends_at


async def find_session(
    database: Database, clock: Clock, security: Security, *, token: str, acting_for: int | None = None
) -> User:
    """The user of a token. Raises Unauthenticated for an unknown or ended one, Forbidden for a foreign organisation."""
    now = clock.now()
    async with database.system_transaction() as tx:
        row = await tx.fetchrow(_FIND, _hash(token))
        idle = timedelta(seconds=security.session_idle_s)
        if row is None or row["ends_at"] <= now or row["seen_at"] + idle <= now:
            raise Unauthenticated
        if now - row["seen_at"] > _TOUCH_AFTER:
            await tx.execute("UPDATE core_sessions SET seen_at = $2 WHERE id = $1", row["session_id"], now)
        organisation = row["organisation_id"]
        if acting_for is not None and acting_for != organisation:
            await tx.enter(organisation)
            if not await tx.fetchval("SELECT app_visible($1)", acting_for):
                raise Forbidden("this organisation is not below yours")
            organisation = acting_for
    return _user(row, organisation)


async def sign_out(database: Database, *, token: str) -> None:
    """End the session; an unknown token is no error."""
    async with database.system_transaction() as tx:
        await tx.execute("DELETE FROM core_sessions WHERE token_sm3 = $1", _hash(token))


async def change_password(
    database: Database, clock: Clock, security: Security, *, user: User, old: str, new: str
) -> None:
    """Give the user a new password and end all other sessions. Raises WrongPassword or Invalid."""
    weakness = password_weakness(new, login=user.login, least=security.password_least)
    if weakness:
        raise Invalid("new_password", weakness, reason="weak_password")
    async with database.transaction(user.home_organisation_id) as tx:
        stored = await tx.fetchval("SELECT password_hash FROM core_users WHERE id = $1", user.id)
        if not await asyncio.to_thread(password_matches, old, stored):
            raise WrongPassword
        hashed = await asyncio.to_thread(hash_password, new, cost=security.scrypt_cost)
        await tx.execute(
            "UPDATE core_users SET password_hash = $2, password_changed_at = $3, must_change_password = false "
            "WHERE id = $1",
            user.id,
            hashed,
            clock.now(),
        )
        await tx.execute("DELETE FROM core_sessions WHERE user_id = $1 AND id <> $2", user.id, user.session_id)


_FIND: Final = """
SELECT s.id AS session_id, s.seen_at, s.ends_at, u.id, u.organisation_id, u.login, u.name, u.person_id,
       u.must_change_password,
       ARRAY(SELECT DISTINCT unnest(r.rights) FROM core_user_roles AS ur JOIN core_roles AS r ON r.id = ur.role_id
             WHERE ur.user_id = u.id) AS rights
FROM core_sessions AS s JOIN core_users AS u ON u.id = s.user_id
WHERE s.token_sm3 = $1 AND u.active
"""


async def _count_failure(database: Database, user_id: int, now: datetime, security: Security) -> None:
    async with database.system_transaction() as tx:
        await tx.execute(
            "UPDATE core_users SET failures = CASE WHEN failures + 1 >= $3 THEN 0 ELSE failures + 1 END, "
            "locked_until = CASE WHEN failures + 1 >= $3 THEN $4 ELSE locked_until END "
            "WHERE id = $1 AND (locked_until IS NULL OR locked_until <= $2)",
            user_id,
            now,
            security.lockout_failures,
            now + timedelta(seconds=security.lockout_s),
        )


async def _make_session(
    tx: Transaction, *, user_id: int, token: str, now: datetime, ends_at: datetime, client: str
) -> None:
    await tx.execute(
        "INSERT INTO core_sessions (organisation_id, user_id, token_sm3, created_at, seen_at, ends_at, client) "
        "VALUES ($1, $2, $3, $4, $4, $5, $6)",
        tx.organisation_id,
        user_id,
        _hash(token),
        now,
        ends_at,
        client[:200],
    )
    await tx.execute(
        "DELETE FROM core_sessions WHERE user_id = $1 AND (ends_at < $2 OR id IN "
        "(SELECT id FROM core_sessions WHERE user_id = $1 ORDER BY id DESC OFFSET $3))",
        user_id,
        now,
        _SESSIONS_MOST,
    )


def _hash(token: str) -> bytes:
    return sm3(token.encode("utf-8", "surrogatepass"))


def _user(row: Any, organisation: int) -> User:
    return User(
        id=row["id"],
        session_id=row["session_id"],
        home_organisation_id=row["organisation_id"],
        organisation_id=organisation,
        login=row["login"],
        name=row["name"],
        rights=frozenset(row["rights"]),
        must_change_password=row["must_change_password"],
        person_id=row["person_id"],
    )

"""Who may sign in: users, their roles, and the first administrator of a fresh installation."""

import asyncio
from dataclasses import dataclass
from typing import Final

from cloud.core import rights
from cloud.core.clock import Clock
from cloud.core.database import Database, Transaction
from cloud.core.errors import Invalid
from cloud.core.passwords import hash_password, one_time_password, password_weakness
from cloud.settings import Security

ADMINISTRATOR: Final = "admin"


@dataclass(frozen=True)
class OneTimePassword:
    """Printed once, kept nowhere."""

    organisation_id: int
    login: str
    password: str


async def make_role(tx: Transaction, name: str, granted: frozenset[str]) -> int:
    """A role of the transaction's organisation. Raises Invalid for a right that does not exist."""
    unknown = sorted(granted - rights.ALL)
    if unknown:
        raise Invalid("rights", f"no such right: {', '.join(unknown)}", reason="unknown_right")
    made = await tx.fetchval(
        "INSERT INTO core_roles (organisation_id, name, rights) VALUES ($1, $2, $3) "
        "ON CONFLICT (organisation_id, name) DO UPDATE SET rights = excluded.rights RETURNING id",
        tx.organisation_id,
        name,
        sorted(granted),
    )
    return int(made)


async def make_user(
    tx: Transaction,
    *,
    login: str,
    name: str,
    password: str,
    role_ids: tuple[int, ...],
    clock: Clock,
    security: Security,
    must_change_password: bool = True,
) -> int:
    """A user of the transaction's organisation. Raises Invalid for a weak password; a taken login is a Conflict."""
    weakness = password_weakness(password, login=login, least=security.password_least)
    if weakness:
        raise Invalid("password", weakness, reason="weak_password")
    hashed = await asyncio.to_thread(hash_password, password, cost=security.scrypt_cost)
    now = clock.now()
    user_id = await tx.fetchval(
        "INSERT INTO core_users (organisation_id, login, name, password_hash, password_changed_at, "
        "must_change_password, created_at) VALUES ($1, $2, $3, $4, $5, $6, $5) RETURNING id",
        tx.organisation_id,
        login,
        name,
        hashed,
        now,
        must_change_password,
    )
    for role_id in role_ids:
        await tx.execute(
            "INSERT INTO core_user_roles (organisation_id, user_id, role_id) VALUES ($1, $2, $3)",
            tx.organisation_id,
            user_id,
            role_id,
        )
    return int(user_id)


async def ensure_first_administrator(
    database: Database, clock: Clock, security: Security, *, organisation_name: str, must_change_password: bool
) -> OneTimePassword | None:
    """Where nobody can sign in yet: an administrator of the first organisation with every right; else None."""
    async with database.system_transaction() as tx:
        if await tx.fetchval("SELECT 1 FROM core_users LIMIT 1"):
            return None
        organisation_id = await tx.fetchval("SELECT min(id) FROM core_organisations")
        if organisation_id is None:
            organisation_id = await tx.fetchval(
                "INSERT INTO core_organisations (name) VALUES ($1) RETURNING id", organisation_name
            )
        await tx.enter(organisation_id)
        role_id = await make_role(tx, "系统管理员", rights.ALL)
        password = one_time_password()
        await make_user(
            tx,
            login=ADMINISTRATOR,
            name="管理员",
            password=password,
            role_ids=(role_id,),
            clock=clock,
            security=security,
            must_change_password=must_change_password,
        )
    return OneTimePassword(organisation_id, ADMINISTRATOR, password)

"""Use cases of people: join, change, block, leave; rows, replicas and the audit trail change in one transaction."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import asyncpg
from asyncpg import Record

from cloud.core.bulk import insert_rows
from cloud.core.context import Core
from cloud.core.crypto import OrganisationKeys
from cloud.core.database import Transaction
from cloud.core.errors import Conflict, Invalid, NotFound
from cloud.core.events import emit
from cloud.core.masking import mask_identity_number, mask_name, mask_phone
from cloud.core.rights import PERSONAL_READ
from cloud.core.sessions import User
from cloud.domains.identity import edge, faces_store, queries
from cloud.domains.identity.errors import NumberTaken, PersonLeft, PhoneTaken
from cloud.domains.identity.events import PERSON_JOINED, PERSON_LEFT, PERSON_MOVED, record
from cloud.domains.identity.schemas import PersonIn, PersonPatch
from cloud.domains.identity.tables import Person

PHONE_FIELD = "identity.people.phone"
IDENTITY_NUMBER_FIELD = "identity.people.identity_number"


def actor_of(user: User) -> str:
    """How the audit trail names a user."""
    return f"user:{user.id}"


async def join(core: Core, tx: Transaction, *, actor: str, people: Sequence[PersonIn]) -> list[int]:
    """Take people in, send them to every site, and say so. Answers their ids in order."""
    await _check_homes(tx, [person.home_site_id for person in people])
    keys = await core.vault.keys(tx)
    now = core.clock.now()
    try:
        await insert_rows(tx, "identity_people", _COLUMNS, [_values(keys, person, now) for person in people])
    except asyncpg.UniqueViolationError as error:
        raise PhoneTaken if error.constraint_name == "identity_people_phone" else NumberTaken from error
    query = "SELECT number, id FROM identity_people WHERE organisation_id = $1 AND number = ANY ($2)"
    known = {row["number"]: row["id"] for row in await tx.fetch(query, tx.organisation_id, [p.number for p in people])}
    ids = [int(known[person.number]) for person in people]
    await edge.publish_people(tx, ids, await edge.sites(tx))
    homes = [[person_id, person.home_site_id] for person_id, person in zip(ids, people, strict=True)]
    await emit(tx, PERSON_JOINED, {"homes": homes}, at=now)
    for person_id, person in zip(ids[:_RECORDED_MOST], people, strict=False):
        after = {"number": person.number, "group_id": person.group_id, "home_site_id": person.home_site_id}
        await record(tx, at=now, actor=actor, action="identity.join", target=f"person:{person_id}", after=after)
    if len(ids) > _RECORDED_MOST:
        after = {"people": len(ids), "first_id": ids[0], "last_id": ids[-1]}
        await record(tx, at=now, actor=actor, action="identity.import", target="people", after=after)
    return ids


async def create(core: Core, user: User, body: PersonIn) -> Record:
    """One person joins."""
    async with core.database.transaction(user.organisation_id) as tx:
        [person_id] = await join(core, tx, actor=actor_of(user), people=[body])
        return await _row(tx, person_id)


async def change(core: Core, user: User, person_id: int, body: PersonPatch) -> Record:
    """Change a person and send the change to every site. Raises NotFound, PersonLeft."""
    async with core.database.transaction(user.organisation_id) as tx:
        before = await _locked(tx, person_id)
        changes: dict[str, Any] = {k: v for k, v in body.model_dump(exclude_unset=True).items() if v is not None}
        if "phone" in changes:
            changes |= _phone(await core.vault.keys(tx), changes.pop("phone"))
        if "home_site_id" in changes:
            await _check_homes(tx, [changes["home_site_id"]])
        if changes:
            await Person.filter(id=person_id).update(**changes)
        after = await _row(tx, person_id)
        await edge.publish_people(tx, [person_id], await edge.sites(tx))
        now = core.clock.now()
        if after["home_site_id"] != before["home_site_id"]:
            moved = {"person_id": person_id, "from_site_id": before["home_site_id"], "site_id": after["home_site_id"]}
            await emit(tx, PERSON_MOVED, moved, at=now)
        shown = [name for name in changes if not name.startswith("phone_")] + ["phone_masked"]
        await record(
            tx,
            at=now,
            actor=actor_of(user),
            action="identity.change",
            target=f"person:{person_id}",
            before={name: _plain(name, before[name]) for name in shown},
            after={name: _plain(name, after[name]) for name in shown},
        )
        return after


async def block(core: Core, user: User, person_id: int, reason: str) -> Record:
    """Put a person on the blacklist with a reason ('' takes them off); sites confirm it one by one (rule 16)."""
    async with core.database.transaction(user.organisation_id) as tx:
        before = await _locked(tx, person_id)
        await Person.filter(id=person_id).update(blocked=reason)
        versions = await edge.publish_people(tx, [person_id], await edge.sites(tx))
        now = core.clock.now()
        await edge.ask_confirmation(tx, f"person:{person_id}", "people", versions, at=now)
        await record(
            tx, at=now, actor=actor_of(user), action="identity.block" if reason else "identity.unblock",
            target=f"person:{person_id}", before={"blocked": before["blocked"]}, after={"blocked": reason},
        )  # fmt: skip
        return await _row(tx, person_id)


async def leave(core: Core, user: User, person_id: int) -> Record:
    """A person leaves: every credential is revoked now; payments pays out as leases close (rule 14)."""
    async with core.database.transaction(user.organisation_id) as tx:
        await _locked(tx, person_id)
        now = core.clock.now()
        await Person.filter(id=person_id).update(state="leaving", left_at=now, blocked="left")
        versions = await edge.publish_people(tx, [person_id], await edge.sites(tx))
        await edge.ask_confirmation(tx, f"person:{person_id}", "people", versions, at=now)
        await revoke_all(core, tx, person_id, "left", now)
        await faces_store.forget(tx, person_id, by="left", now=now)
        await emit(tx, PERSON_LEFT, {"person_id": person_id}, at=now)
        await record(tx, at=now, actor=actor_of(user), action="identity.leave", target=f"person:{person_id}")
        return await _row(tx, person_id)


async def erase(core: Core, user: User, person_id: int) -> Record:
    """Forget who somebody was, once they have left: the books keep the id alone, every site confirms (rule 16).

    Journal entries hold ids only, so nothing of the chain is touched. Raises NotFound, Conflict.
    """
    async with core.database.transaction(user.organisation_id) as tx:
        state = await tx.fetchval("SELECT state FROM identity_people WHERE id = $1 FOR UPDATE", person_id)
        if state is None:
            raise NotFound("there is no such person")
        if state != "left":
            raise Conflict("somebody is erased after leaving, once the last lease has closed")
        await tx.execute(
            "UPDATE identity_people SET name = '***', number = 'erased-' || id, phone_sealed = NULL, "
            "phone_index = NULL, phone_masked = '', identity_number_sealed = NULL, identity_number_index = NULL, "
            "identity_number_masked = '' WHERE id = $1",
            person_id,
        )
        await tx.execute(
            "UPDATE identity_credentials SET value_sealed = NULL, value_index = NULL, value_masked = '', "
            "pin_hash = NULL WHERE person_id = $1",
            person_id,
        )
        versions = await edge.publish_people(tx, [person_id], await edge.sites(tx))
        now = core.clock.now()
        await edge.ask_confirmation(tx, f"person:{person_id}", "people", versions, at=now)
        await faces_store.forget(tx, person_id, by="erased", now=now)
        await record(tx, at=now, actor=actor_of(user), action="identity.erase", target=f"person:{person_id}")
        return await _row(tx, person_id)


async def close_leaver(core: Core, tx: Transaction, person_id: int) -> None:
    """The leaver's last lease has closed: sites need hold the person no longer."""
    await Person.filter(id=person_id, state="leaving").update(state="left")
    await edge.publish_people(tx, [person_id], await edge.sites(tx))
    await record(tx, at=core.clock.now(), actor="system", action="identity.left", target=f"person:{person_id}")


async def revoke_all(core: Core, tx: Transaction, person_id: int, reason: str, now: datetime) -> None:
    """Revoke every credential and operator right of a person at every site."""
    site_ids = await edge.sites(tx)
    keys = await core.vault.keys(tx)
    revoked = await tx.fetch(
        "UPDATE identity_credentials SET revoked_at = $2, revoked_reason = $3 "
        "WHERE person_id = $1 AND revoked_at IS NULL RETURNING *",
        person_id,
        now,
        reason,
    )
    versions = await edge.publish_credentials(tx, keys, revoked, site_ids)
    for row in revoked:
        await edge.ask_confirmation(tx, f"credential:{row['id']}", "credentials", versions, at=now)
    operators = await tx.fetch(
        "UPDATE identity_operators SET revoked_at = $2 WHERE person_id = $1 AND revoked_at IS NULL RETURNING id",
        person_id,
        now,
    )
    if operators:
        await edge.publish_operators(tx, keys, [row["id"] for row in operators], site_ids)


async def show(core: Core, user: User, person_id: int) -> tuple[Record, str | None, str | None]:
    """A person with phone and identity number in clear where the user may see them; that is recorded."""
    async with core.database.transaction(user.organisation_id) as tx:
        row = await _row(tx, person_id)
        if not user.may(PERSONAL_READ):
            return row, None, None
        keys = await core.vault.keys(tx)
        phone = keys.open(row["phone_sealed"], field=PHONE_FIELD) if row["phone_sealed"] else None
        sealed = row["identity_number_sealed"]
        number = keys.open(sealed, field=IDENTITY_NUMBER_FIELD) if sealed else None
        if phone or number:
            await record(
                tx, at=core.clock.now(), actor=actor_of(user), action="identity.read_personal",
                target=f"person:{person_id}",
            )  # fmt: skip
        return row, phone, number


_RECORDED_MOST = 20


_COLUMNS = {
    "number": "text",
    "name": "text",
    "group_id": "bigint",
    "home_site_id": "bigint",
    "valid_from": "date",
    "valid_until": "date",
    "pin_over_fen": "bigint",
    "day_pin_over_fen": "bigint",
    "joined_at": "timestamptz",
    "identity_number_sealed": "bytea",
    "identity_number_index": "bytea",
    "identity_number_masked": "text",
    "phone_sealed": "bytea",
    "phone_index": "bytea",
    "phone_masked": "text",
}


def _values(keys: OrganisationKeys, body: PersonIn, now: datetime) -> tuple[Any, ...]:
    number = body.identity_number.upper() if body.identity_number else None
    made: dict[str, Any] = {
        **body.model_dump(exclude={"phone", "identity_number"}),
        "valid_from": body.valid_from or now.date(),
        "joined_at": now,
        "identity_number_sealed": keys.seal(number, field=IDENTITY_NUMBER_FIELD) if number else None,
        "identity_number_index": keys.blind(number, field=IDENTITY_NUMBER_FIELD) if number else None,
        "identity_number_masked": mask_identity_number(number) if number else "",
        **(_phone(keys, body.phone) if body.phone else {"phone_sealed": None, "phone_index": None, "phone_masked": ""}),
    }
    return tuple(made[name] for name in _COLUMNS)


def _phone(keys: OrganisationKeys, phone: str) -> dict[str, Any]:
    return {
        "phone_sealed": keys.seal(phone, field=PHONE_FIELD),
        "phone_index": keys.blind(phone, field=PHONE_FIELD),
        "phone_masked": mask_phone(phone),
    }


async def _row(tx: Transaction, person_id: int) -> Record:
    row = await queries.person_row(tx, person_id)
    if row is None:
        raise NotFound("there is no such person")
    return row


async def _locked(tx: Transaction, person_id: int) -> Record:
    state = await tx.fetchval("SELECT state FROM identity_people WHERE id = $1 FOR UPDATE", person_id)
    if state is not None and state != "active":
        raise PersonLeft
    if state is None:
        raise NotFound("there is no such person")
    return await _row(tx, person_id)


async def _check_homes(tx: Transaction, site_ids: Sequence[int]) -> None:
    if await queries.missing_sites(tx, site_ids):
        raise Invalid("home_site_id", "there is no such site", reason="unknown")


def _plain(column: str, value: object) -> object:
    """A value for the audit trail: days as text, names masked."""
    if column == "name":
        return mask_name(str(value))
    return value.isoformat() if isinstance(value, date) else value

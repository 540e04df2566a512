"""Use cases of cards, codes, PINs and operators. A value is kept sealed; sites get it under their own key."""

import asyncio
import secrets
from datetime import date

import asyncpg
from asyncpg import Record

from cloud.core.bulk import insert_rows
from cloud.core.context import Core
from cloud.core.database import Transaction
from cloud.core.errors import Conflict, Invalid, NotFound
from cloud.core.masking import mask_phone
from cloud.core.sessions import User
from cloud.domains.identity import edge, rules
from cloud.domains.identity.errors import CredentialTaken, PersonLeft
from cloud.domains.identity.events import record
from cloud.domains.identity.people import PHONE_FIELD, actor_of
from cloud.domains.identity.schemas import AgeIn, CredentialIn, OperatorIn
from cloud.domains.identity.tables import Operator
from protocols.payments.credentials import hash_pin
from protocols.payments.reference import CredentialKind

_COLUMNS = {
    "person_id": "bigint",
    "kind": "smallint",
    "value_sealed": "bytea",
    "value_index": "bytea",
    "value_masked": "text",
    "pin_hash": "bytea",
    "valid_from": "date",
    "valid_until": "date",
    "cap_fen": "bigint",
    "made_at": "timestamptz",
}


async def give(core: Core, user: User, person_id: int, body: CredentialIn) -> tuple[Record, str | None]:
    """Give a person a credential and send it to every site; a static code's token is answered once."""
    kind = rules.KIND_WORDS[body.kind]
    token = secrets.token_urlsafe(16) if kind == CredentialKind.STATIC_CODE else None
    pin_hash = await _pin_hash(body.pin) if kind == CredentialKind.PHONE_PIN and body.pin else None
    async with core.database.transaction(user.organisation_id) as tx:
        value = await _value(core, tx, person_id, kind, body, token)
        await give_many(core, tx, [(person_id, kind, value, pin_hash)], cap_fen=body.cap_fen, until=body.valid_until)
        row = await tx.fetchrow(
            "SELECT * FROM identity_credentials WHERE person_id = $1 ORDER BY id DESC LIMIT 1", person_id
        )
        assert row is not None
        await record(
            tx, at=core.clock.now(), actor=actor_of(user), action="identity.give_credential",
            target=f"person:{person_id}", after={"credential": row["id"], "kind": body.kind},
        )  # fmt: skip
        return row, token


async def give_many(
    core: Core,
    tx: Transaction,
    given: list[tuple[int, CredentialKind, str, bytes | None]],
    *,
    cap_fen: int = 0,
    until: date | None = None,
) -> list[int]:
    """Store credentials (person, kind, value, PIN hash) and send them to every site; answers their ids."""
    keys = await core.vault.keys(tx)
    now = core.clock.now()
    newest = await tx.fetchval("SELECT coalesce(max(id), 0) FROM identity_credentials")
    rows = []
    for person_id, kind, value, pin_hash in given:
        index = keys.blind(value, field=f"{edge.VALUE_FIELD}.{int(kind)}") if value else None
        sealed = keys.seal(value, field=edge.VALUE_FIELD) if value else None
        masked = _masked(kind, value)
        rows.append((person_id, int(kind), sealed, index, masked, pin_hash, now.date(), until, cap_fen, now))
    try:
        await insert_rows(tx, "identity_credentials", _COLUMNS, rows)
    except asyncpg.UniqueViolationError as error:
        raise CredentialTaken from error
    stored = await tx.fetch(
        "SELECT * FROM identity_credentials WHERE person_id = ANY ($1) AND made_at = $2 AND id > $3 ORDER BY id",
        [person_id for person_id, _, _, _ in given],
        now,
        newest,
    )
    await edge.publish_credentials(tx, keys, stored, await edge.sites(tx))
    return [row["id"] for row in stored]


async def revoke(core: Core, user: User, credential_id: int, reason: str) -> Record:
    """Revoke a credential; every site withdraws it and confirms (rule 16). Raises NotFound, Conflict."""
    async with core.database.transaction(user.organisation_id) as tx:
        found = await tx.fetchrow("SELECT revoked_at FROM identity_credentials WHERE id = $1 FOR UPDATE", credential_id)
        if found is None:
            raise NotFound("there is no such credential")
        if found["revoked_at"] is not None:
            raise Conflict("this credential was revoked already")
        now = core.clock.now()
        row = await tx.fetchrow(
            "UPDATE identity_credentials SET revoked_at = $2, revoked_reason = $3 WHERE id = $1 RETURNING *",
            credential_id,
            now,
            reason,
        )
        assert row is not None
        versions = await edge.publish_credentials(tx, await core.vault.keys(tx), [row], await edge.sites(tx))
        await edge.ask_confirmation(tx, f"credential:{credential_id}", "credentials", versions, at=now)
        await record(
            tx, at=now, actor=actor_of(user), action="identity.revoke_credential",
            target=f"credential:{credential_id}", after={"reason": reason, "person": row["person_id"]},
        )  # fmt: skip
        return row


async def make_operator(core: Core, user: User, body: OperatorIn) -> int:
    """Let a person refund and close at lanes by a card and a PIN of their own."""
    pin_hash = await _pin_hash(body.pin)
    async with core.database.transaction(user.organisation_id) as tx:
        return await add_operator(core, tx, body, pin_hash=pin_hash, actor=actor_of(user))


async def add_operator(core: Core, tx: Transaction, body: OperatorIn, *, pin_hash: bytes, actor: str) -> int:
    """The same inside the caller's transaction, the PIN hashed already."""
    await _active(tx, body.person_id)
    keys = await core.vault.keys(tx)
    uid = body.card_uid.upper()
    operator = await Operator.create(
        person_id=body.person_id,
        card_sealed=keys.seal(uid, field=edge.CARD_FIELD),
        card_index=keys.blind(uid, field=edge.CARD_FIELD),
        pin_hash=pin_hash,
        refund_limit_fen=body.refund_limit_fen,
    )
    await edge.publish_operators(tx, keys, [operator.id], await edge.sites(tx))
    after = {"operator": operator.id, "refund_limit_fen": body.refund_limit_fen}
    target = f"person:{body.person_id}"
    await record(tx, at=core.clock.now(), actor=actor, action="identity.make_operator", target=target, after=after)
    return int(operator.id)


async def set_age(core: Core, user: User, body: AgeIn) -> None:
    """Set the greatest replica age for a kind of credential (rule 14)."""
    async with core.database.transaction(user.organisation_id) as tx:
        await tx.execute(
            "INSERT INTO identity_credential_ages (kind, max_age_s) VALUES ($1, $2) "
            "ON CONFLICT (organisation_id, kind) DO UPDATE SET max_age_s = excluded.max_age_s",
            int(rules.KIND_WORDS[body.kind]),
            body.max_age_s,
        )
        await edge.publish_ages(tx, await edge.sites(tx))
        await record(
            tx, at=core.clock.now(), actor=actor_of(user), action="identity.credential_age", target=body.kind,
            after={"max_age_s": body.max_age_s},
        )  # fmt: skip


async def _value(
    core: Core, tx: Transaction, person_id: int, kind: CredentialKind, body: CredentialIn, token: str | None
) -> str:
    person = await _active(tx, person_id)
    if kind == CredentialKind.CARD:
        if body.uid is None:
            raise Invalid("uid", "a card is given by its uid", reason="missing")
        return body.uid.upper()
    if kind == CredentialKind.PHONE_PIN:
        if body.pin is None:
            raise Invalid("pin", "choose a PIN of 4 to 12 digits", reason="missing")
        if not person["phone_sealed"]:
            raise Invalid("kind", "this person has no phone number", reason="no_phone")
        return (await core.vault.keys(tx)).open(person["phone_sealed"], field=PHONE_FIELD)
    return token or ""


async def _active(tx: Transaction, person_id: int) -> Record:
    person = await tx.fetchrow("SELECT state, phone_sealed FROM identity_people WHERE id = $1 FOR SHARE", person_id)
    if person is None:
        raise NotFound("there is no such person")
    if person["state"] != "active":
        raise PersonLeft
    return person


async def _pin_hash(pin: str) -> bytes:
    return await asyncio.to_thread(hash_pin, pin, secrets.token_bytes(16))


def _masked(kind: CredentialKind, value: str) -> str:
    if kind == CredentialKind.PHONE_PIN:
        return mask_phone(value)
    return "*" * 6 + value[-4:] if kind == CredentialKind.CARD else ""

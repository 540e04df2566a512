"""What sites are sent of identity: people, credentials by keyed names, operators, greatest ages (rules 14 to 16)."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from asyncpg import Record

from cloud.core.crypto import OrganisationKeys
from cloud.core.database import Transaction
from cloud.domains.identity import rules
from cloud.sync import replicas
from protocols.canteen.reference import Operator
from protocols.crypto.sm3 import hmac_sm3
from protocols.payments.credentials import card_key, derive_site_key
from protocols.payments.reference import Credential, CredentialAge
from protocols.sync.codec import encode

VALUE_FIELD = "identity.credentials.value"
CARD_FIELD = "identity.operators.card"

Row = tuple[str, int, bytes | None]


def site_key_of(keys: OrganisationKeys, site_id: int) -> bytes:
    """The key of one site, from a root that never leaves the cloud."""
    return derive_site_key(hmac_sm3(keys.index_key, b"credential root"), site_id)


async def sites(tx: Transaction) -> list[int]:
    """The sites that people and credentials are sent to."""
    rows = await tx.fetch("SELECT DISTINCT site_id FROM identity_sites ORDER BY site_id")
    return [row["site_id"] for row in rows]


async def publish_people(tx: Transaction, person_ids: Sequence[int] | None, site_ids: Iterable[int]) -> dict[int, int]:
    """Send people (all of them for None) to sites; somebody who left is withdrawn. Answers the version by site."""
    query = "SELECT * FROM identity_people WHERE $1::bigint[] IS NULL OR id = ANY ($1)"
    people = await tx.fetch(query, None if person_ids is None else list(person_ids))
    rows: list[Row] = [
        (str(row["id"]), 0, None if row["state"] == "left" else encode(rules.replica_person(row))) for row in people
    ]
    return {site: await replicas.publish(tx, site, "people", rows) for site in site_ids}


async def publish_credentials(
    tx: Transaction, keys: OrganisationKeys, credentials: Sequence[Record], site_ids: Iterable[int]
) -> dict[int, int]:
    """Send credentials to sites under each site's own key; revoked ones as tombstones. Answers the version by site."""
    opened = [(row, _value(keys, row)) for row in credentials]
    versions = {}
    for site in site_ids:
        key = site_key_of(keys, site)
        # A card given anew after it was revoked has both rows: the one in force is written last.
        ordered = sorted(opened, key=lambda pair: (pair[0]["revoked_at"] is None, pair[0]["id"]))
        rows = dict(_credential_row(key, row, value) for row, value in ordered)
        versions[site] = await replicas.publish(
            tx, site, "credentials", [(name, 0, body) for name, body in rows.items()]
        )
    return versions


async def publish_operators(
    tx: Transaction, keys: OrganisationKeys, operator_ids: Sequence[int] | None, site_ids: Iterable[int]
) -> dict[int, int]:
    """Send operators (all of them for None) to sites."""
    query = "SELECT o.*, p.name, p.state FROM identity_operators o JOIN identity_people p ON p.id = o.person_id"
    arguments = [] if operator_ids is None else [list(operator_ids)]
    found = await tx.fetch(query + ("" if operator_ids is None else " WHERE o.id = ANY ($1)"), *arguments)
    versions = {}
    for site in site_ids:
        key = site_key_of(keys, site)
        rows = [(str(row["id"]), 0, _operator(keys, key, row)) for row in found]
        versions[site] = await replicas.publish(tx, site, "operators", rows)
    return versions


async def publish_ages(tx: Transaction, site_ids: Iterable[int]) -> None:
    """Send the greatest replica age of each kind of credential (rule 14)."""
    found = await tx.fetch("SELECT kind, max_age_s FROM identity_credential_ages")
    ages = {int(kind): age for kind, age in rules.DEFAULT_AGES_S.items()} | {r["kind"]: r["max_age_s"] for r in found}
    rows: list[Row] = [(str(kind), 0, encode(CredentialAge(kind, age))) for kind, age in sorted(ages.items())]
    for site in site_ids:
        await replicas.publish(tx, site, "credential_ages", rows)


async def publish_site(tx: Transaction, keys: OrganisationKeys, site_id: int) -> None:
    """Send a new site all it needs of identity."""
    await publish_ages(tx, [site_id])
    await publish_people(tx, None, [site_id])
    live = await tx.fetch("SELECT * FROM identity_credentials WHERE revoked_at IS NULL ORDER BY id")
    await publish_credentials(tx, keys, live, [site_id])
    await publish_operators(tx, keys, None, [site_id])


async def ask_confirmation(
    tx: Transaction, subject: str, collection: str, versions: dict[int, int], *, at: datetime
) -> None:
    """Ask every site to confirm that it has reached the version which takes `subject` away."""
    for site_id, version in versions.items():
        await tx.execute(
            "INSERT INTO identity_confirmations (subject, site_id, collection, version, asked_at) "
            "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (subject, site_id) DO UPDATE "
            "SET version = excluded.version, asked_at = excluded.asked_at",
            subject,
            site_id,
            collection,
            version,
            at,
        )


def _value(keys: OrganisationKeys, row: Record) -> str:
    return keys.open(row["value_sealed"], field=VALUE_FIELD) if row["value_sealed"] else ""


def _credential_row(site_key: bytes, row: Record, value: str) -> tuple[str, bytes | None]:
    name = rules.replica_key(row["kind"], site_key, person=row["person_id"], value=value)
    if row["revoked_at"] is not None:
        return name, None
    record = Credential(
        id=row["id"],
        kind=row["kind"],
        person=row["person_id"],
        secret=rules.replica_secret(row["kind"], site_key, person=row["person_id"], pin_hash=row["pin_hash"]),
        valid_from=rules.day_number(row["valid_from"]),
        valid_until=rules.day_number(row["valid_until"]),
        cap_fen=row["cap_fen"],
    )
    return name, encode(record)


def _operator(keys: OrganisationKeys, site_key: bytes, row: Record) -> bytes | None:
    if row["revoked_at"] is not None or row["state"] != "active":
        return None
    card = card_key(site_key, keys.open(row["card_sealed"], field=CARD_FIELD))
    shown = rules.replica_name(row["name"])
    return encode(Operator(row["id"], row["person_id"], shown, card, row["pin_hash"], row["refund_limit_fen"]))

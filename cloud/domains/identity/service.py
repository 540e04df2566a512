"""The public door of identity: what other domains may ask, each inside the caller's transaction."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from asyncpg import Record

from cloud.core.context import Core
from cloud.core.database import Transaction
from cloud.core.masking import mask_name
from cloud.domains.identity import credentials, edge, people, queries, sheets
from cloud.domains.identity.events import record
from cloud.domains.identity.schemas import OperatorIn, PersonIn
from cloud.domains.identity.tables import Group
from protocols.payments.reference import CredentialKind

NewPerson = PersonIn
NewOperator = OperatorIn


async def join(core: Core, tx: Transaction, *, actor: str, newcomers: Sequence[NewPerson]) -> list[int]:
    """Take people in; answers their ids in order."""
    return await people.join(core, tx, actor=actor, people=newcomers)


async def give_credentials(
    core: Core, tx: Transaction, given: list[tuple[int, CredentialKind, str, bytes | None]]
) -> list[int]:
    """Give (person, kind, value, PIN hash) and send them to every site; answers the credentials' ids."""
    return await credentials.give_many(core, tx, given)


async def add_group(core: Core, tx: Transaction, *, actor: str, name_zh: str, name_en: str) -> int:
    """Make a group; answers its id."""
    group = await Group.create(name_zh=name_zh, name_en=name_en)
    after = {"name_zh": name_zh}
    target = f"group:{group.id}"
    await record(tx, at=core.clock.now(), actor=actor, action="identity.make_group", target=target, after=after)
    return int(group.id)


async def add_operator(core: Core, tx: Transaction, operator: NewOperator, *, pin_hash: bytes, actor: str) -> int:
    """Let a person refund and close at lanes; answers the operator's id."""
    return await credentials.add_operator(core, tx, operator, pin_hash=pin_hash, actor=actor)


async def hears_of_site(tx: Transaction, site_id: int) -> bool:
    """Whether identity has begun to send people and credentials to a site."""
    return site_id in await edge.sites(tx)


def read_sheet(content: bytes) -> list[list[str]]:
    """Cells of an uploaded sheet's first page as text. Raises Malformed, TooLarge."""
    return sheets.read_table(content)


async def names(tx: Transaction, person_ids: Iterable[int]) -> dict[int, str]:
    """Names by id, for lists."""
    rows = await tx.fetch("SELECT id, name FROM identity_people WHERE id = ANY ($1)", sorted(set(person_ids)))
    return {row["id"]: row["name"] for row in rows}


async def masked_names(tx: Transaction, person_ids: Iterable[int]) -> dict[int, str]:
    """Names by id with only the family name in clear."""
    return {person_id: mask_name(name) for person_id, name in (await names(tx, person_ids)).items()}


async def numbers(tx: Transaction, person_ids: Iterable[int]) -> dict[int, str]:
    """Staff numbers by id."""
    rows = await tx.fetch("SELECT id, number FROM identity_people WHERE id = ANY ($1)", sorted(set(person_ids)))
    return {row["id"]: row["number"] for row in rows}


async def find_people(tx: Transaction, search: str, *, most: int = 200) -> list[int]:
    """Ids of people whose number or name holds the text."""
    return await queries.ids_matching(tx, search, most=most)


async def person(tx: Transaction, person_id: int) -> Record | None:
    """One person's row with group and home site."""
    return await queries.person_row(tx, person_id)


async def ids_by_number(tx: Transaction, wanted: Iterable[str]) -> Mapping[str, tuple[int, str]]:
    """(id, state) by staff number."""
    rows = await tx.fetch("SELECT number, id, state FROM identity_people WHERE number = ANY ($1)", sorted(set(wanted)))
    return {row["number"]: (row["id"], row["state"]) for row in rows}


async def people_for_grant(tx: Transaction, group_ids: Sequence[int]) -> list[Record]:
    """Everybody of these groups and the groups below them (all for none): id, number, state, blocked, valid_until."""
    return await tx.fetch(
        "WITH RECURSIVE below AS (SELECT id FROM identity_groups WHERE id = ANY ($1) UNION "
        "SELECT g.id FROM identity_groups g JOIN below ON g.parent_id = below.id) "
        "SELECT p.id, p.number, p.state, p.blocked, p.valid_until FROM identity_people p "
        "WHERE p.organisation_id = $2 AND p.state <> 'left' "
        "AND (cardinality($1::bigint[]) = 0 OR p.group_id IN (SELECT id FROM below)) ORDER BY p.id",
        list(group_ids),
        tx.organisation_id,
    )


async def active_people(tx: Transaction) -> list[tuple[int, int]]:
    """(id, home site) of everybody who has not left."""
    rows = await tx.fetch("SELECT id, home_site_id FROM identity_people WHERE state = 'active' ORDER BY id")
    return [(row["id"], row["home_site_id"]) for row in rows]


async def close_leaver(core: Core, tx: Transaction, person_id: int) -> None:
    """A leaver's last lease closed: withdraw the person from every site."""
    await people.close_leaver(core, tx, person_id)


async def site_key(core: Core, tx: Transaction, site_id: int) -> bytes:
    """The key of one site's credentials; it goes to that site's gateway alone."""
    return edge.site_key_of(await core.vault.keys(tx), site_id)


def expired(valid_until: date | None, today: date) -> bool:
    """Whether somebody's last valid day has passed."""
    return valid_until is not None and valid_until < today

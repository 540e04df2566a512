"""Lists and look-ups of people in plain SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from asyncpg import Record

from cloud.core.database import Transaction
from cloud.sync.service import stream_statuses

# "credential:5", "person:7" and "face:7" each lead to a person
_ASKED = """
SELECT c.*, s.name_zh AS site_name, p.id AS person_id, p.name AS person_name
FROM (SELECT *, split_part(subject, ':', 1) AS kind, split_part(subject, ':', 2)::bigint AS of
      FROM identity_confirmations WHERE subject NOT LIKE 'face_given:%' ORDER BY asked_at DESC LIMIT 2000) AS c
LEFT JOIN places_sites s ON s.id = c.site_id
LEFT JOIN identity_credentials k ON k.id = CASE WHEN c.kind = 'credential' THEN c.of END
LEFT JOIN identity_people p ON p.id = coalesce(k.person_id, CASE WHEN c.kind <> 'credential' THEN c.of END)
ORDER BY c.asked_at DESC, c.subject, c.site_id
"""

FaceStates = dict[int, tuple[datetime, bool, bool]]
"""By site: since when it is asked to hold a face or to let it go, whether it confirmed, whether it is to hold it."""
Heard = dict[int, datetime | None]

_PAGE = """
SELECT p.*, g.name_zh AS group_name, s.name_zh AS home_site_name
FROM (SELECT p.* FROM identity_people p WHERE {where} ORDER BY p.id LIMIT {fetch}) AS p
JOIN identity_groups g ON g.id = p.group_id LEFT JOIN places_sites s ON s.id = p.home_site_id ORDER BY p.id
"""


async def page_of_people(
    tx: Transaction,
    *,
    after_id: int,
    fetch: int,
    search: str,
    phone_index: bytes | None,
    group_id: int | None,
    site_id: int | None,
    state: str | None,
) -> list[Record]:
    """People in order of id; `search` finds part of a number or name, or a whole phone by its blind index."""
    where: list[str] = ["p.id > $1"]
    arguments: list[Any] = [after_id]
    if search:
        arguments += [search, phone_index]
        where.append(f"(strpos(p.search, lower(${len(arguments) - 1})) > 0 OR p.phone_index = ${len(arguments)})")
    for column, value in (("p.group_id", group_id), ("p.home_site_id", site_id), ("p.state", state)):
        if value is not None:
            arguments.append(value)
            where.append(f"{column} = ${len(arguments)}")
    query = _PAGE.format(where=" AND ".join(where), fetch=int(fetch))
    return await tx.fetch(query, *arguments)


async def person_row(tx: Transaction, person_id: int) -> Record | None:
    """One person with the names of group and home site."""
    return await tx.fetchrow(_PAGE.format(where="p.id = $1", fetch=1), person_id)


async def missing_sites(tx: Transaction, site_ids: Sequence[int]) -> list[int]:
    """Those of the ids that are no site of the transaction's organisation."""
    rows = await tx.fetch(
        "SELECT k.id FROM unnest($1::bigint[]) AS k (id) "
        "WHERE NOT EXISTS (SELECT 1 FROM places_sites s WHERE s.id = k.id AND s.organisation_id = $2)",
        sorted(set(site_ids)),
        tx.organisation_id,
    )
    return [row["id"] for row in rows]


async def taken(tx: Transaction, numbers: list[str], phones: list[bytes]) -> tuple[list[str], list[bytes]]:
    """Those of the numbers and phones' blind indexes that somebody has."""
    by_number = await tx.fetch(
        "SELECT number FROM identity_people WHERE organisation_id = $1 AND number = ANY ($2)",
        tx.organisation_id,
        numbers,
    )
    by_phone = await tx.fetch(
        "SELECT phone_index FROM identity_people WHERE organisation_id = $1 AND phone_index = ANY ($2) "
        "AND state <> 'left'",
        tx.organisation_id,
        phones,
    )
    return [row["number"] for row in by_number], [bytes(row["phone_index"]) for row in by_phone]


async def ids_matching(tx: Transaction, search: str, *, most: int) -> list[int]:
    """Ids of people whose number or name holds the text."""
    rows = await tx.fetch(
        "SELECT id FROM identity_people WHERE strpos(search, lower($1)) > 0 ORDER BY id LIMIT $2",
        search,
        most,
    )
    return [row["id"] for row in rows]


async def credentials_of(tx: Transaction, person_ids: Sequence[int]) -> list[Record]:
    """Every credential of these people, newest last."""
    return await tx.fetch("SELECT * FROM identity_credentials WHERE person_id = ANY ($1) ORDER BY id", list(person_ids))


async def confirmations(tx: Transaction, subjects: Sequence[str]) -> dict[str, tuple[int, int]]:
    """For each subject: how many sites have confirmed, of how many asked (rule 16)."""
    asked = await tx.fetch("SELECT * FROM identity_confirmations WHERE subject = ANY ($1)", list(subjects))
    reached = await _reached(tx) if asked else {}
    counts: dict[str, tuple[int, int]] = {}
    for row in asked:
        confirmed, sites = counts.get(row["subject"], (0, 0))
        counts[row["subject"]] = (confirmed + _confirmed(row, reached), sites + 1)
    return counts


async def unconfirmed(tx: Transaction) -> list[Record]:
    """What some site has not confirmed, the oldest first: shown to a person (rule 16)."""
    asked = await tx.fetch(_ASKED)
    reached = await _reached(tx)
    return [row for row in reversed(asked) if not _confirmed(row, reached)]


async def face_confirmations(tx: Transaction, person_id: int) -> FaceStates:
    """How each site stands with a person's face."""
    subjects = [f"face_given:{person_id}", f"face:{person_id}"]
    asked = await tx.fetch("SELECT * FROM identity_confirmations WHERE subject = ANY ($1)", subjects)
    reached = await _reached(tx) if asked else {}
    return {row["site_id"]: (row["asked_at"], _confirmed(row, reached), row["subject"] == subjects[0]) for row in asked}


async def heard_at(tx: Transaction) -> Heard:
    """When each site's newest gateway was last heard."""
    return {status.site: status.heartbeat_at for status in sorted(await stream_statuses(tx), key=lambda s: s.epoch)}


async def _reached(tx: Transaction) -> dict[int, dict[str, int]]:
    """The replica versions each site last reported, by its newest stream."""
    return {status.site: status.replicas for status in sorted(await stream_statuses(tx), key=lambda s: s.epoch)}


def _confirmed(row: Record, reached: dict[int, dict[str, int]]) -> bool:
    return reached.get(row["site_id"], {}).get(row["collection"], -1) >= int(row["version"])


async def operators(tx: Transaction, *, after_id: int, fetch: int) -> list[Record]:
    """Operators in order of id."""
    return await tx.fetch(
        "SELECT o.id, o.person_id, p.name, o.refund_limit_fen, o.revoked_at FROM identity_operators o "
        "JOIN identity_people p ON p.id = o.person_id WHERE o.id > $1 ORDER BY o.id LIMIT $2",
        after_id,
        fetch,
    )

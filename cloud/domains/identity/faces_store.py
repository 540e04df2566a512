"""Rows of consents and faces: sealed in one place, sent to the sites consented to, and forgotten everywhere."""

import asyncio
import base64
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final

import numpy as np
from asyncpg import Record

from cloud.core.context import Core
from cloud.core.crypto import OrganisationKeys, SealBroken
from cloud.core.database import Transaction
from cloud.domains.identity import edge, rules_faces
from cloud.domains.identity.rules_faces import Vectors
from cloud.sync import replicas
from models.face.gallery import Gallery
from protocols.payments.reference import FaceRecord
from protocols.sync.codec import encode

COLLECTION: Final = "faces"
_FIELD: Final = "identity.faces.templates"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NewFace:
    """An enrolment as it is stored: `source` "camera", "files" or "gateway:7"; `by` as the audit trail names one."""

    person: int
    network: str
    vectors: Vectors = field(repr=False)
    quality: float
    source: str
    by: str
    taken_at: datetime


async def lock(tx: Transaction) -> None:
    """One enrolment of the organisation at a time, so that two who look alike cannot pass each other by."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"faces:{tx.organisation_id}")


async def standing_sites(tx: Transaction, person_id: int) -> list[int]:
    """The sites a person's consent stands for."""
    query = "SELECT site_id FROM identity_face_consents WHERE person_id = $1 AND withdrawn_at IS NULL ORDER BY site_id"
    return [row["site_id"] for row in await tx.fetch(query, person_id)]


async def agree(
    tx: Transaction, person_id: int, site_ids: Iterable[int], *, wording: int, by: str, given_at: datetime
) -> None:
    """Note consent at sites; one that stands already stays as it was given, unless to an older wording."""
    await tx.execute(
        "INSERT INTO identity_face_consents AS c (person_id, site_id, wording, given_at, recorded_by) "
        "SELECT $1, k, $3, $4, $5 FROM unnest($2::bigint[]) AS k "
        "ON CONFLICT (person_id, site_id) WHERE withdrawn_at IS NULL DO UPDATE SET wording = excluded.wording, "
        "given_at = excluded.given_at, recorded_by = excluded.recorded_by WHERE c.wording < excluded.wording",
        person_id,
        sorted(set(site_ids)),
        wording,
        given_at,
        by,
    )


async def withdraw(
    tx: Transaction, person_id: int, site_ids: Iterable[int] | None, *, by: str, now: datetime
) -> list[int]:
    """End consent at sites (everywhere for None), take the templates from them, and ask each to confirm (rule 16).

    Without any consent left the templates are erased here too. Answers the sites that are asked.
    """
    given = None if site_ids is None else sorted(set(site_ids))
    ended = await tx.fetch(
        "UPDATE identity_face_consents SET withdrawn_at = $3, withdrawn_by = $4 WHERE person_id = $1 "
        "AND withdrawn_at IS NULL AND ($2::bigint[] IS NULL OR site_id = ANY ($2)) RETURNING site_id",
        person_id,
        given,
        now,
        by,
    )
    if not await standing_sites(tx, person_id):
        await tx.execute("DELETE FROM identity_faces WHERE person_id = $1", person_id)
    sites = sorted(row["site_id"] for row in ended)
    for site in sites:
        version = await replicas.publish(tx, site, COLLECTION, [(str(person_id), 0, None)])
        await _ask(tx, person_id, site, version, given=False, at=now)
    return sites


async def forget(tx: Transaction, person_id: int, *, by: str, now: datetime) -> list[int]:
    """End every consent and erase the templates, here and at each site: somebody withdrew, left or is erased."""
    sites = await withdraw(tx, person_id, None, by=by, now=now)
    await tx.execute("DELETE FROM identity_faces WHERE person_id = $1", person_id)
    return sites


async def put(core: Core, tx: Transaction, face: NewFace, *, now: datetime) -> dict[int, int]:
    """Store a person's templates in place of any before, and send them where consent stands; versions by site."""
    keys = await core.vault.keys(tx)
    await tx.execute("DELETE FROM identity_faces WHERE person_id = $1", face.person)
    await tx.execute(
        "INSERT INTO identity_faces (person_id, network, templates_sealed, templates, quality, source, taken_at, "
        "enrolled_at, recorded_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        face.person,
        face.network,
        seal(keys, face.person, face.vectors),
        len(face.vectors),
        face.quality,
        face.source,
        face.taken_at,
        now,
        face.by,
    )
    return await send(tx, face.person, await standing_sites(tx, face.person), now=now)


async def send(tx: Transaction, person_id: int, site_ids: Iterable[int], *, now: datetime) -> dict[int, int]:
    """Send what is stored of a person to sites; nothing where nothing is stored. Answers versions by site."""
    revision = await tx.fetchval("SELECT revision FROM identity_faces WHERE person_id = $1", person_id)
    if revision is None:
        return {}
    versions = {}
    for site in site_ids:
        versions[site] = await replicas.publish(tx, site, COLLECTION, [(str(person_id), 0, b"%d" % revision)])
        await _ask(tx, person_id, site, versions[site], given=True, at=now)
    return versions


async def fill(core: Core, tx: Transaction, bodies: Sequence[bytes]) -> list[bytes | None]:
    """The FaceRecords that revisions in replica rows stand for; None for one that was erased meanwhile."""
    revisions = [int(body) for body in bodies]
    rows = await tx.fetch(
        "SELECT revision, person_id, network, templates, templates_sealed FROM identity_faces "
        "WHERE revision = ANY ($1)",
        revisions,
    )
    if not rows:
        return [None] * len(revisions)
    keys = await core.vault.keys(tx)

    def records() -> dict[int, bytes]:
        return {row["revision"]: _record(row, vectors) for row, vectors in _opened(keys, rows)}

    made = await asyncio.to_thread(records)
    return [made.get(revision) for revision in revisions]


def filler(core: Core) -> replicas.Filler:
    """`fill` as `/edge/v1` calls it."""
    return partial(fill, core)


async def sealed_of_others(tx: Transaction, person_id: int, network: str) -> list[Record]:
    """Everybody else's sealed templates of a network, to be opened by `gallery_of`."""
    return await tx.fetch(
        "SELECT person_id, templates, templates_sealed FROM identity_faces "
        "WHERE organisation_id = $1 AND network = $2 AND person_id <> $3",
        tx.organisation_id,
        network,
        person_id,
    )


def gallery_of(keys: OrganisationKeys, rows: Sequence[Record]) -> Gallery:
    """Sealed rows opened for one comparison; work for a thread."""
    opened = list(_opened(keys, rows))
    if not opened:
        return Gallery.empty()
    persons = np.repeat([row["person_id"] for row, _ in opened], [len(each) for _, each in opened]).astype(np.int64)
    return Gallery(np.concatenate([each for _, each in opened]), persons)


def seal(keys: OrganisationKeys, person_id: int, vectors: Vectors) -> bytes:
    """Templates under the organisation's data key, bound to the person."""
    packed = b"".join(rules_faces.templates_of(vectors))
    return keys.seal(base64.b64encode(packed).decode(), field=f"{_FIELD}.{person_id}")


def open_sealed(keys: OrganisationKeys, person_id: int, sealed: bytes, count: int) -> Vectors:
    """The templates, so many of them. Raises SealBroken."""
    packed = base64.b64decode(keys.open(sealed, field=f"{_FIELD}.{person_id}"))
    return np.frombuffer(packed, dtype="<f4").reshape(count, -1)


def _opened(keys: OrganisationKeys, rows: Sequence[Record]) -> Iterator[tuple[Record, Vectors]]:
    """Rows with their templates. One that was altered is left out and told: it must not stop everybody else's."""
    for row in rows:
        try:
            yield row, open_sealed(keys, row["person_id"], bytes(row["templates_sealed"]), row["templates"])
        except SealBroken:
            _log.error("the stored face of person %d does not open: enrol anew", row["person_id"])


def _record(row: Record, vectors: Vectors) -> bytes:
    return encode(FaceRecord(row["person_id"], row["network"], rules_faces.templates_of(vectors)))


async def _ask(tx: Transaction, person_id: int, site: int, version: int, *, given: bool, at: datetime) -> None:
    subjects = [f"face:{person_id}", f"face_given:{person_id}"]
    query = "DELETE FROM identity_confirmations WHERE subject = $1 AND site_id = $2"
    await tx.execute(query, subjects[not given], site)
    await edge.ask_confirmation(tx, subjects[given], COLLECTION, {site: version}, at=at)

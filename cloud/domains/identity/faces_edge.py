"""Enrolments that a gateway took at its camera: checked as the console's are, stored once for each id."""

import re
from datetime import UTC, datetime
from typing import Final

from cloud.core.context import Core
from cloud.core.database import Transaction
from cloud.core.errors import Malformed, NotFound
from cloud.core.idempotency import once
from cloud.domains.identity import faces_store, rules_faces
from cloud.domains.identity.errors import PersonLeft
from cloud.domains.identity.events import record
from cloud.domains.identity.faces import person_to_enrol
from cloud.domains.identity.faces_desk import FaceDesk
from cloud.domains.identity.faces_schemas import GatewayEnrolment, GatewayStored
from cloud.domains.identity.faces_words import NEWEST_WORDING
from cloud.domains.identity.rules_faces import Vectors
from protocols.crypto.sm3 import sm3
from protocols.sync.messages import FaceEnrolment, FaceEnrolmentAnswer

_ID: Final = re.compile(r"[\x21-\x7e]{8,64}")
_NETWORK: Final = re.compile(r"[\x21-\x7e]{1,100}")
_LATEST_MS: Final = 253_402_300_799_000  # the last second of the year 9999


class _NotStored(Exception):
    """Leaves the transaction without a trace; `word` is the answer."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


async def take(
    core: Core, tx: Transaction, desk: FaceDesk, sent: FaceEnrolment, *, device: int, site: int
) -> FaceEnrolmentAnswer:
    """Store what a gateway sends, in its transaction; the same id again gets the first answer and stores nothing.

    Raises Malformed, KeyReused, FaceDeskBusy.
    """
    _check_form(sent)
    request = GatewayEnrolment(
        person=sent.person, operator=sent.operator, network=sent.network, wording=sent.wording, at_ms=sent.at_ms,
        templates_sm3=sm3(b"".join(sent.templates)).hex(),
    )  # fmt: skip

    async def make() -> GatewayStored:
        return GatewayStored(version=await _store(core, tx, desk, sent, device=device, site=site))

    scope = f"identity.face_enrolment:{device}"
    try:
        async with tx.connection.transaction():
            stored = await once(tx, scope=scope, key=sent.id, request=request, answer=GatewayStored, make=make)
    except _NotStored as refused:
        return FaceEnrolmentAnswer(refused.word)
    return FaceEnrolmentAnswer("stored", stored.version)


def _check_form(sent: FaceEnrolment) -> None:
    numbers = 0 < sent.person < 2**53 and 0 < sent.operator < 2**53 and 0 <= sent.wording < 2**31
    if not _ID.fullmatch(sent.id) or not numbers or not 0 < sent.at_ms < _LATEST_MS:
        raise Malformed("an enrolment has an id of 8 to 64 characters, a person, an operator, a wording and a time")
    if not _NETWORK.fullmatch(sent.network) or not 0.0 <= sent.quality <= 1e6:  # noqa: PLR2004 - any finite measure
        raise Malformed("an enrolment names its network and how good the pictures were")


async def _store(core: Core, tx: Transaction, desk: FaceDesk, sent: FaceEnrolment, *, device: int, site: int) -> int:
    now = core.clock.now()
    taken_at = min(datetime.fromtimestamp(sent.at_ms / 1000, UTC), now)
    by = f"operator:{sent.operator}@gateway:{device}"
    await _check_people(tx, sent)
    await faces_store.lock(tx)
    vectors = await _checked_templates(core, tx, desk, sent)
    await _check_consent(tx, sent, site=site, taken_at=taken_at, by=by)
    new = faces_store.NewFace(
        sent.person, sent.network, vectors, sent.quality, source=f"gateway:{device}", by=by, taken_at=taken_at
    )
    versions = await faces_store.put(core, tx, new, now=now)
    await record(
        tx, at=now, actor=by, action="identity.face_enrol", target=f"person:{sent.person}",
        after={
            "network": sent.network, "source": f"gateway:{device}", "pictures": len(vectors),
            "sites": sorted(versions), "wording": sent.wording,
        },
    )  # fmt: skip
    return versions[site]


async def _check_people(tx: Transaction, sent: FaceEnrolment) -> None:
    query = "SELECT true FROM identity_operators WHERE id = $1 AND organisation_id = $2 AND revoked_at IS NULL"
    if not await tx.fetchval(query, sent.operator, tx.organisation_id):
        raise _NotStored("no_operator")
    try:
        await person_to_enrol(tx, sent.person)
    except (NotFound, PersonLeft) as error:
        raise _NotStored("no_person") from error


async def _checked_templates(core: Core, tx: Transaction, desk: FaceDesk, sent: FaceEnrolment) -> Vectors:
    rows = await faces_store.sealed_of_others(tx, sent.person, sent.network)
    policy = desk.policy(sent.network, people=len(rows) + 1)
    if policy is None:
        raise _NotStored("network_unknown")
    vectors = rules_faces.vectors_of(sent.templates, await desk.dimensions(sent.network))
    if vectors is None or not rules_faces.one_face(vectors, policy):
        raise _NotStored("unfit")
    keys = await core.vault.keys(tx)

    def compare() -> tuple[int, ...]:
        return rules_faces.lookalikes_of(sent.person, vectors, faces_store.gallery_of(keys, rows), policy)

    if await desk.run(compare):
        raise _NotStored("looks_like_another")
    return vectors


async def _check_consent(tx: Transaction, sent: FaceEnrolment, *, site: int, taken_at: datetime, by: str) -> None:
    """Consent given on the gateway's screen counts from when it was given: a later withdrawal stands."""
    query = "SELECT max(withdrawn_at) FROM identity_face_consents WHERE person_id = $1 AND site_id = $2"
    withdrawn_at = await tx.fetchval(query, sent.person, site)
    if withdrawn_at is not None and withdrawn_at >= taken_at:
        raise _NotStored("withdrawn")
    enrolled = await tx.fetchval("SELECT taken_at FROM identity_faces WHERE person_id = $1", sent.person)
    if enrolled is not None and enrolled > taken_at:
        raise _NotStored("older")
    if sent.wording == NEWEST_WORDING:
        await faces_store.agree(tx, sent.person, [site], wording=sent.wording, by=by, given_at=taken_at)
    elif sent.wording:
        raise _NotStored("wording_old")
    elif site not in await faces_store.standing_sites(tx, sent.person):
        raise _NotStored("no_consent")

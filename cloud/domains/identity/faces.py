"""Use cases of paying by face: consent per person and site, enrolment from pictures, withdrawal everywhere."""

import math
from collections.abc import Sequence
from typing import Final

from asyncpg import Record

from cloud.core.context import Core
from cloud.core.database import Transaction
from cloud.core.errors import Conflict, Forbidden, Invalid, NotFound
from cloud.core.rights import PERSONAL_READ
from cloud.core.sessions import User
from cloud.domains.identity import faces_store, queries, rules_faces
from cloud.domains.identity.errors import PersonLeft
from cloud.domains.identity.events import record
from cloud.domains.identity.faces_desk import FaceDesk, NetworksMissing, Seen
from cloud.domains.identity.faces_schemas import (
    ConsentIn,
    ConsentTextOut,
    FaceBox,
    FaceEnrolledOut,
    FaceHint,
    FaceOut,
    FaceOutcome,
    FacePictureOut,
    FaceSiteOut,
    LookalikeOut,
)
from cloud.domains.identity.faces_words import CONSENT_WORDINGS, NEWEST_WORDING, PICTURE_WORDS
from cloud.domains.identity.people import actor_of
from cloud.domains.identity.rules_faces import Judged
from models.face.enrolment import LEAST_PICTURES
from models.face.pipeline import Sight

CONFIRM_RIGHT: Final = PERSONAL_READ
_DAY_S: Final = 86_400


class ConsentMissing(Conflict):
    """No site may hold this face: ask for consent first."""

    code = "face_consent_missing"
    title = "This person has not agreed to paying by face at any site"


class WordingOld(Conflict):
    """The person was shown a text that is no longer the one to agree to."""

    code = "face_wording_old"
    title = "The consent text has changed: show the new one"


def consent_text(core: Core) -> ConsentTextOut:
    """The wording to agree to now."""
    words, backup = CONSENT_WORDINGS[NEWEST_WORDING], core.settings.backup
    days = math.ceil(backup.keep * backup.every_s / _DAY_S)
    return ConsentTextOut(wording=NEWEST_WORDING, text_zh=words["zh-CN"], text_en=words["en"], backup_days=days)


async def show(core: Core, user: User, person_id: int) -> FaceOut:
    """How a person stands: enrolled or not, and each site with what it confirmed. Raises NotFound."""
    async with core.database.transaction(user.organisation_id) as tx:
        return await _shown(tx, person_id)


async def agree(core: Core, user: User, person_id: int, body: ConsentIn) -> FaceOut:
    """Note that a person agreed to these sites and to no others; those left out lose the templates.

    Raises NotFound, PersonLeft, WordingOld, Invalid.
    """
    if body.wording != NEWEST_WORDING:
        raise WordingOld
    now, actor = core.clock.now(), actor_of(user)
    async with core.database.transaction(user.organisation_id) as tx:
        await person_to_enrol(tx, person_id)
        if await queries.missing_sites(tx, body.site_ids):
            raise Invalid("site_ids", "there is no such site", reason="unknown")
        before = set(await faces_store.standing_sites(tx, person_id))
        wanted = set(body.site_ids)
        await faces_store.agree(tx, person_id, wanted, wording=body.wording, by=actor, given_at=now)
        await faces_store.send(tx, person_id, sorted(wanted - before), now=now)
        if before - wanted:
            await faces_store.withdraw(tx, person_id, before - wanted, by=actor, now=now)
        await record(
            tx, at=now, actor=actor, action="identity.face_consent", target=f"person:{person_id}",
            before={"sites": sorted(before)}, after={"sites": sorted(wanted), "wording": body.wording},
        )  # fmt: skip
        return await _shown(tx, person_id)


async def withdraw(core: Core, user: User, person_id: int) -> FaceOut:
    """Take consent back everywhere: the templates are erased here and at each site, which confirms (rule 16)."""
    now, actor = core.clock.now(), actor_of(user)
    async with core.database.transaction(user.organisation_id) as tx:
        query = "SELECT true FROM identity_people WHERE id = $1 AND organisation_id = $2"
        if not await tx.fetchval(query, person_id, tx.organisation_id):
            raise NotFound("there is no such person")
        await faces_store.lock(tx)
        sites = await faces_store.forget(tx, person_id, by=actor, now=now)
        await record(
            tx, at=now, actor=actor, action="identity.face_withdraw", target=f"person:{person_id}",
            after={"sites": sites},
        )  # fmt: skip
        return await _shown(tx, person_id)


async def check(desk: FaceDesk, picture: bytes) -> FacePictureOut:
    """What to tell the person about one picture, for live hints; nothing is kept. Raises NetworksMissing."""
    seen = await desk.look([picture])
    judged = rules_faces.judge_alone(seen.sights[0])
    return _picture(seen, 0, judged)


async def enrol(
    core: Core, desk: FaceDesk, user: User, person_id: int, pictures: Sequence[bytes], *, source: str, confirmed: bool
) -> FaceOutcome:
    """Make templates of pictures, which are then forgotten, and send them to the sites consented to.

    `confirmed`: an administrator says that a likeness to somebody else is one of nature. Raises NotFound, PersonLeft,
    ConsentMissing, Forbidden, Invalid, NetworksMissing, FaceDeskBusy.
    """
    if confirmed and not user.may(CONFIRM_RIGHT):
        raise Forbidden("a likeness is confirmed by an administrator who may see personal data")
    if not LEAST_PICTURES <= len(pictures) <= rules_faces.PICTURES_MOST:
        words = f"{LEAST_PICTURES} to {rules_faces.PICTURES_MOST} pictures make an enrolment"
        raise Invalid("pictures", words, reason="too_short" if len(pictures) < LEAST_PICTURES else "too_long")
    async with core.database.transaction(user.organisation_id) as tx:
        await _may_enrol(tx, person_id)
    seen = await desk.look(pictures)
    async with core.database.transaction(user.organisation_id) as tx:
        await _may_enrol(tx, person_id)
        await faces_store.lock(tx)
        judged = await _judge(core, tx, desk, person_id, seen, confirmed=confirmed)
        await _keep(core, tx, user, person_id, seen, judged, source=source)
        return await _outcome(tx, seen, judged)


async def person_to_enrol(tx: Transaction, person_id: int) -> Record:
    """The person's row, locked, of this very organisation. Raises NotFound, PersonLeft."""
    row = await tx.fetchrow(
        "SELECT id, state FROM identity_people WHERE id = $1 AND organisation_id = $2 FOR UPDATE",
        person_id,
        tx.organisation_id,
    )
    if row is None:
        raise NotFound("there is no such person")
    if row["state"] != "active":
        raise PersonLeft
    return row


async def _may_enrol(tx: Transaction, person_id: int) -> None:
    await person_to_enrol(tx, person_id)
    if not await faces_store.standing_sites(tx, person_id):
        raise ConsentMissing


async def _judge(core: Core, tx: Transaction, desk: FaceDesk, person_id: int, seen: Seen, *, confirmed: bool) -> Judged:
    rows = await faces_store.sealed_of_others(tx, person_id, seen.network)
    keys = await core.vault.keys(tx)
    policy = desk.policy(seen.network, people=len(rows) + 1)
    if policy is None:
        raise NetworksMissing(f"the registry has no thresholds for {seen.network}")

    def compare() -> Judged:
        gallery = faces_store.gallery_of(keys, rows)
        return rules_faces.judge(person_id, seen.sights, gallery, policy, confirmed=confirmed)

    return await desk.run(compare)


async def _keep(
    core: Core, tx: Transaction, user: User, person_id: int, seen: Seen, judged: Judged, *, source: str
) -> None:
    """Store an enrolment, or leave a record that it was refused for a likeness."""
    now, actor = core.clock.now(), actor_of(user)
    target, after = f"person:{person_id}", {"network": seen.network, "source": source}
    if judged.vectors is not None:
        new = faces_store.NewFace(
            person_id, seen.network, judged.vectors, judged.quality, source=source, by=actor, taken_at=now
        )
        versions = await faces_store.put(core, tx, new, now=now)
        more = {"pictures": len(judged.vectors), "sites": sorted(versions), "likeness_confirmed": judged.lookalikes}
        await record(tx, at=now, actor=actor, action="identity.face_enrol", target=target, after=after | more)
    elif judged.lookalikes:
        more = {"lookalikes": judged.lookalikes}
        await record(tx, at=now, actor=actor, action="identity.face_refuse", target=target, after=after | more)


async def _outcome(tx: Transaction, seen: Seen, judged: Judged) -> FaceOutcome:
    query = "SELECT id, number, name FROM identity_people WHERE id = ANY ($1) ORDER BY id"
    alike = await tx.fetch(query, list(judged.lookalikes)) if judged.lookalikes else []
    return FaceOutcome(
        enrolled=judged.vectors is not None,
        problems=list(judged.problems),
        pictures=[_picture(seen, n, judged) for n in range(len(seen.sights))],
        lookalikes=[LookalikeOut(person_id=row["id"], number=row["number"], name=row["name"]) for row in alike],
    )


def _picture(seen: Seen, n: int, judged: Judged) -> FacePictureOut:
    hints = []
    for code in judged.words[n]:
        text_zh, text_en = rules_faces.hint_words(code, PICTURE_WORDS)
        hints.append(FaceHint(code=code, text_zh=text_zh, text_en=text_en))
    return FacePictureOut(good=judged.taken[n], hints=hints, box=_box(seen.sights[n], seen.sizes[n]))


def _box(sight: Sight | str, size: tuple[int, int]) -> FaceBox | None:
    if isinstance(sight, str) or sight.face is None:
        return None
    face, (width, height) = sight.face, size
    return FaceBox(x=face.x / width, y=face.y / height, width=face.width / width, height=face.height / height)


async def _shown(tx: Transaction, person_id: int) -> FaceOut:
    if await queries.person_row(tx, person_id) is None:
        raise NotFound("there is no such person")
    face = await tx.fetchrow("SELECT * FROM identity_faces WHERE person_id = $1", person_id)
    states, heard = await queries.face_confirmations(tx, person_id), await queries.heard_at(tx)
    rows = await tx.fetch(
        "SELECT DISTINCT ON (s.id) s.id, s.name_zh, c.wording, c.given_at, c.withdrawn_at, c.id AS consent "
        "FROM places_sites s LEFT JOIN identity_face_consents c ON c.site_id = s.id AND c.person_id = $1 "
        "WHERE s.organisation_id = (SELECT organisation_id FROM identity_people WHERE id = $1) "
        "ORDER BY s.id, c.id DESC NULLS LAST",
        person_id,
    )
    enrolled = None if face is None else FaceEnrolledOut(**{name: face[name] for name in FaceEnrolledOut.model_fields})
    return FaceOut(enrolled=enrolled, sites=[_site(row, states, heard) for row in rows])


def _site(row: Record, states: queries.FaceStates, heard: queries.Heard) -> FaceSiteOut:
    since, confirmed, holds = states.get(row["id"], (None, False, False))
    return FaceSiteOut(
        site_id=row["id"],
        site_name=row["name_zh"],
        agreed=row["consent"] is not None and row["withdrawn_at"] is None,
        wording=row["wording"],
        given_at=row["given_at"],
        withdrawn_at=row["withdrawn_at"],
        holds=holds,
        state="none" if since is None else "confirmed" if confirmed else "waiting",
        since=since,
        heard_at=heard.get(row["id"]),
    )

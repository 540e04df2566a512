"""Paying by face: consent, enrolment from real pictures, what sites are sent, and that no picture or template shows."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest

from cloud.core import rights
from cloud.core.context import Core
from cloud.core.postgres import PostgresAddress
from cloud.core.rotation import rotate_data_keys
from cloud.domains.identity.faces_desk import FaceDesk
from models.face import parts
from protocols.payments.reference import FaceRecord
from protocols.sync.codec import collection_digest, decode
from protocols.sync.messages import ReplicaPage
from tests.support.cloud import everything_stored, make_organisation
from tests.support.domains import API, Cloud, listed, made, open_cloud
from tests.support.faces import OBAMA, agree, bytes_of, enrol, face_of, flipped, post_pictures
from tests.support.networks import photo
from tests.support.small_campus import Campus, add_person, open_campus

pytestmark = pytest.mark.capability("PLT-01", "SET-07")


async def record_of(campus: Campus, person: int) -> FaceRecord | None:
    row = (await campus.gateway.replica("faces")).get(f"{person}@0")
    return None if row is None else decode(row.body or b"", FaceRecord)


async def newest_page(cloud: Cloud, campus: Campus) -> ReplicaPage:
    headers = {"Authorization": f"Bearer {campus.gateway.token}"}
    async with cloud.client() as edge:
        answer = await edge.get("/edge/v1/replicas?collection=faces&generation=1&after=0", headers=headers)
    return decode(answer.content, ReplicaPage)


def small_jpeg(picture: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".jpg", picture)[1])


async def test_three_good_pictures_become_templates_at_the_sites_consented_to(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient
) -> None:
    west = (await made(client, "/places/sites", {"name_zh": "西区"}))["id"]
    await cloud.settle()
    await agree(client, campus.person, campus.site)
    outcome = await enrol(client, campus.person, source="camera")
    assert (outcome["enrolled"], outcome["problems"]) == (True, [])
    assert [picture["good"] for picture in outcome["pictures"]] == [True, True, True]
    found = await record_of(campus, campus.person)
    assert found is not None
    assert (found.person, found.network, len(found.templates)) == (campus.person, "mobilefacenet", 3)
    rows = np.frombuffer(b"".join(found.templates), "<f4").reshape(3, 128)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    shown = await face_of(client, campus.person)
    assert shown["enrolled"]["templates"] == 3
    states = {site["site_id"]: (site["agreed"], site["holds"], site["state"]) for site in shown["sites"]}
    assert states == {campus.site: (True, True, "waiting"), west: (False, False, "none")}


async def test_without_consent_nothing_is_enrolled(campus: Campus, client: httpx.AsyncClient) -> None:
    answer = await post_pictures(client, campus.person, [bytes_of(name) for name in OBAMA])
    assert (answer.status_code, answer.json()["code"]) == (409, "face_consent_missing")
    assert (await face_of(client, campus.person))["enrolled"] is None


async def test_consent_is_to_the_wording_shown_and_to_sites_that_exist(
    campus: Campus, client: httpx.AsyncClient
) -> None:
    text = (await client.get(f"{API}/identity/face-consent-text")).json()
    assert "特征值" in text["text_zh"]
    assert text["backup_days"] == 14
    path = f"{API}/identity/people/{campus.person}/face-consent"
    old = await client.put(path, json={"wording": text["wording"] + 1, "site_ids": [campus.site]})
    assert old.json()["code"] == "face_wording_old"
    nowhere = await client.put(path, json={"wording": text["wording"], "site_ids": [987_654]})
    assert (nowhere.status_code, nowhere.json()["field"]) == (422, "site_ids")


async def test_each_picture_is_answered_with_what_to_do_better(campus: Campus, client: httpx.AsyncClient) -> None:
    dark, nobody = (photo(OBAMA[0]) * 0.12).astype(np.uint8), np.full((480, 640, 3), 90, np.uint8)
    contents = [
        bytes_of(OBAMA[0]), small_jpeg(dark), small_jpeg(nobody), bytes_of(OBAMA[0]),
        bytes_of("fr-biden/01.jpg"), b"no picture", bytes_of("multi/fr-obama_and_biden.jpg"),
    ]  # fmt: skip
    await agree(client, campus.person, campus.site)
    outcome = (await post_pictures(client, campus.person, contents)).json()
    assert (outcome["enrolled"], outcome["problems"]) == (False, ["too_few"])
    words = [[hint["code"] for hint in picture["hints"]] for picture in outcome["pictures"]]
    assert words[0] == []
    assert "more_light" in words[1]
    assert words[2:] == [["no_face"], ["same_picture"], ["another_face"], ["unreadable"], ["several"]]
    assert outcome["pictures"][3]["hints"][0]["text_zh"] == "与前一张相同，请换一张"
    assert await record_of(campus, campus.person) is None


async def test_live_hints_look_at_one_picture_and_keep_nothing(campus: Campus, client: httpx.AsyncClient) -> None:
    good = (await client.post(f"{API}/identity/face-checks", files={"picture": bytes_of(OBAMA[0])})).json()
    assert (good["good"], good["hints"]) == (True, [])
    assert 0 < good["box"]["x"] < good["box"]["x"] + good["box"]["width"] < 1
    nobody = small_jpeg(np.full((480, 640, 3), 90, np.uint8))
    told = (await client.post(f"{API}/identity/face-checks", files={"picture": nobody})).json()
    assert (told["good"], told["hints"][0]["text_en"]) == (False, "Please look at the screen")


async def test_whoever_looks_like_somebody_enrolled_is_refused_until_an_administrator_confirms(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient
) -> None:
    twin = await add_person(client, campus, "E2", "李四")
    await agree(client, campus.person, campus.site)
    await enrol(client, campus.person)
    await agree(client, twin, campus.site)
    contents = [bytes_of(OBAMA[0]), flipped(OBAMA[1]), flipped(OBAMA[2])]
    refused = (await post_pictures(client, twin, contents)).json()
    assert (refused["enrolled"], refused["problems"]) == (False, ["looks_like_another"])
    assert [each["person_id"] for each in refused["lookalikes"]] == [campus.person]
    assert await record_of(campus, twin) is None
    clerk_rights = frozenset({rights.IDENTITY_READ, rights.IDENTITY_MANAGE})
    async with cloud.signed_in(f"clerk{cloud.organisation_id}", clerk_rights) as clerk:
        assert (await post_pictures(clerk, twin, contents, confirmed="true")).status_code == 403
    assert (await post_pictures(client, twin, contents, confirmed="true")).json()["enrolled"]
    assert await record_of(campus, twin) is not None
    await cloud.settle()
    actions = [each["action"] for each in await listed(client, "/audit/records", target=f"person:{twin}", limit=50)]
    assert [each for each in actions if "face" in each] == [
        "identity.face_enrol", "identity.face_refuse", "identity.face_consent",
    ]  # fmt: skip


async def test_a_second_enrolment_takes_the_place_of_the_first(campus: Campus, client: httpx.AsyncClient) -> None:
    await agree(client, campus.person, campus.site)
    await enrol(client, campus.person)
    first = await record_of(campus, campus.person)
    await enrol(client, campus.person, [*OBAMA, "fr-obama/02.jpg"])
    second = await record_of(campus, campus.person)
    assert first is not None
    assert second is not None
    assert set(first.templates) < set(second.templates)


@pytest.mark.capability("PLT-10")
@pytest.mark.rule(17, 32)
async def test_rule_17_templates_are_sealed_in_one_place_and_in_no_answer_record_or_log(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient, module_address: PostgresAddress,
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def no_file(*_: Any, **__: Any) -> None:
        raise AssertionError("a picture went to a temporary file")

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", no_file)
    await agree(client, campus.person, campus.site)
    answers = str(await enrol(client, campus.person)) + str(await face_of(client, campus.person))
    await cloud.settle()
    answers += str(await listed(client, "/audit/records", limit=100))
    found = await record_of(campus, campus.person)
    assert found is not None
    stored = await everything_stored(module_address)
    assert len(stored["identity_faces"]) > 2048, "sealed, in base64"
    for template in found.templates:
        for part in (template, template[:24], template.hex().encode(), repr(template).encode()):
            assert [name for name, content in stored.items() if part in content] == []
        assert template.hex() not in answers + caplog.text
        assert repr(template)[2:40] not in answers + caplog.text
    jpeg = bytes_of(OBAMA[0])[200:260]
    assert [name for name, content in stored.items() if jpeg in content] == []


@pytest.mark.rule(30)
async def test_rule_30_the_digest_of_faces_is_of_the_records_as_sent(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient
) -> None:
    other = await add_person(client, campus, "E2")
    for person, names in ((campus.person, OBAMA), (other, ("fr-biden/01.jpg", "fr-biden/02.jpg"))):
        await agree(client, person, campus.site)
        contents = [bytes_of(name) for name in names] + [flipped(names[0])] * (3 - len(names))
        assert (await post_pictures(client, person, contents)).json()["enrolled"]
    rows = await campus.gateway.replica("faces")
    assert len(rows) == 2
    page = await newest_page(cloud, campus)
    assert page.digest == collection_digest((row.key, row.effective_from_ms, row.body or b"") for row in rows.values())


async def test_without_networks_it_is_said_how_to_get_them(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "installed", lambda: False)
    cloud.app.state.face_desk = FaceDesk(tmp_path / "none")
    answer = await client.post(f"{API}/identity/face-checks", files={"picture": bytes_of(OBAMA[0])})
    assert (answer.status_code, answer.json()["code"]) == (409, "face_networks_missing")
    assert "python -m models fetch yunet" in answer.json()["detail"]


async def test_too_many_at_once_are_told_to_wait(cloud: Cloud, campus: Campus, client: httpx.AsyncClient) -> None:
    path, picture = f"{API}/identity/face-checks", bytes_of(OBAMA[0])
    answers = await asyncio.gather(*(client.post(path, files={"picture": picture}) for _ in range(14)))
    codes = sorted(answer.status_code for answer in answers)
    assert codes[:8] == [200] * 8
    assert codes[-1] == 429
    assert (await client.post(path, files={"picture": picture})).status_code == 200


async def test_forms_that_do_not_hold_are_told(campus: Campus, client: httpx.AsyncClient) -> None:
    await agree(client, campus.person, campus.site)
    path = f"{API}/identity/people/{campus.person}/face-enrolments"
    assert (await client.post(path, json={})).json()["code"] == "malformed"
    two = await post_pictures(client, campus.person, [bytes_of(name) for name in OBAMA[:2]])
    assert (two.status_code, two.json()["field"], two.json()["errors"][0]["code"]) == (422, "pictures", "too_short")
    nine = await post_pictures(client, campus.person, [bytes_of(OBAMA[0])] * 9)
    assert nine.json()["errors"][0]["code"] == "too_long"
    large = await post_pictures(client, campus.person, [b"\xff\xd8" + bytes(5 * 1024 * 1024)])
    assert large.status_code == 413
    odd = await post_pictures(client, campus.person, [bytes_of(OBAMA[0])] * 3, source="drawing")
    assert odd.json()["field"] == "source"
    unknown = await client.get(f"{API}/identity/people/999999/face")
    assert unknown.status_code == 404


async def test_two_who_look_alike_cannot_pass_each_other_by_at_the_same_moment(
    campus: Campus, client: httpx.AsyncClient
) -> None:
    twin = await add_person(client, campus, "E2", "李四")
    for person in (campus.person, twin):
        await agree(client, person, campus.site)
    outcomes = await asyncio.gather(*(enrol(client, person) for person in (campus.person, twin)))
    assert sorted(outcome["enrolled"] for outcome in outcomes) == [False, True]
    assert len(await campus.gateway.replica("faces")) == 1


@pytest.mark.capability("PLT-10")
async def test_faces_of_one_organisation_are_nothing_to_another(
    core: Core, campus: Campus, client: httpx.AsyncClient
) -> None:
    await agree(client, campus.person, campus.site)
    await enrol(client, campus.person)
    other = open_cloud(core, await make_organisation(core.database, "乙公司"))
    async with other.signed_in(f"other{other.organisation_id}", rights.ALL) as stranger:
        assert (await stranger.get(f"{API}/identity/people/{campus.person}/face")).status_code == 404
        assert (await stranger.post(f"{API}/identity/people/{campus.person}/face-withdrawal")).status_code == 404
        theirs = await open_campus(other, stranger)
        await agree(stranger, theirs.person, theirs.site)
        assert (await enrol(stranger, theirs.person))["enrolled"], "nobody is compared across organisations"
        assert list(await theirs.gateway.replica("faces")) == [f"{theirs.person}@0"]
    assert list(await campus.gateway.replica("faces")) == [f"{campus.person}@0"]


@pytest.mark.capability("PLT-10")
async def test_sealed_templates_moved_to_somebody_else_open_for_nobody_and_stop_nobody(
    core: Core, cloud: Cloud, campus: Campus, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    thief = await add_person(client, campus, "E2")
    await agree(client, campus.person, campus.site)
    await enrol(client, campus.person)
    await agree(client, thief, campus.site)
    contents = [bytes_of("fr-biden/01.jpg"), bytes_of("fr-biden/02.jpg"), flipped("fr-biden/01.jpg")]
    assert (await post_pictures(client, thief, contents)).json()["enrolled"]
    async with core.database.transaction(cloud.organisation_id) as tx:
        await tx.execute(
            "UPDATE identity_faces SET templates_sealed = (SELECT templates_sealed FROM identity_faces "
            "WHERE person_id = $1) WHERE person_id = $2",
            campus.person,
            thief,
        )
    assert list(await campus.gateway.replica("faces")) == [f"{campus.person}@0"]
    assert f"person {thief} does not open" in caplog.text


async def test_templates_sealed_under_an_older_key_still_travel_after_a_rotation(
    core: Core, campus: Campus, client: httpx.AsyncClient
) -> None:
    await agree(client, campus.person, campus.site)
    await enrol(client, campus.person)
    before = await record_of(campus, campus.person)
    await rotate_data_keys(core)
    assert await record_of(campus, campus.person) == before

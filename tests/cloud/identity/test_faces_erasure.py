"""Consent narrowed, withdrawn, somebody left or erased: the face goes everywhere, and each site says so."""

import asyncio

import asyncpg
import httpx
import pytest

from cloud.core.context import Core
from cloud.core.postgres import PostgresAddress
from cloud.domains.identity import faces_store
from tests.support.domains import API, Cloud, TestGateway, listed, made
from tests.support.faces import OBAMA, agree, bytes_of, enrol, face_of, post_pictures
from tests.support.small_campus import Campus, add_person

pytestmark = [pytest.mark.capability("PLT-10"), pytest.mark.rule(16)]


async def open_second(cloud: Cloud, client: httpx.AsyncClient) -> tuple[int, TestGateway]:
    """A second site with a gateway."""
    site = (await made(client, "/places/sites", {"name_zh": "西区"}))["id"]
    await cloud.settle()
    gateway = TestGateway(cloud)
    answer = await made(client, "/devices/gateways", {"name": "西区网关", "site_id": site})
    await cloud.settle()
    await gateway.join(answer["provisioning_code"])
    return site, gateway


async def confirm(gateway: TestGateway) -> None:
    """The gateway takes its replicas and says which versions it has."""
    await gateway.heartbeat(replicas=(await gateway.heartbeat()).replicas)


async def faces_kept(cloud: Cloud) -> int:
    """How many of the organisation's people have templates in the cloud's tables."""
    async with cloud.core.database.transaction(cloud.organisation_id) as tx:
        return int(await tx.fetchval("SELECT count(*) FROM identity_faces"))


async def states(client: httpx.AsyncClient, person: int) -> dict[int, tuple[bool, str]]:
    return {site["site_id"]: (site["holds"], site["state"]) for site in (await face_of(client, person))["sites"]}


async def test_rule_16_withdrawn_consent_takes_the_face_from_every_site_and_each_confirms(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient
) -> None:
    west, second = await open_second(cloud, client)
    await agree(client, campus.person, campus.site, west)
    await enrol(client, campus.person)
    assert await faces_kept(cloud) == 1
    for gateway in (campus.gateway, second):
        assert f"{campus.person}@0" in await gateway.replica("faces")
        await confirm(gateway)
    assert await states(client, campus.person) == {campus.site: (True, "confirmed"), west: (True, "confirmed")}
    assert await listed(client, "/identity/confirmations") == []

    withdrawn = await made(client, f"/identity/people/{campus.person}/face-withdrawal", {})
    assert withdrawn["enrolled"] is None
    assert [site["agreed"] for site in withdrawn["sites"]] == [False, False]
    for gateway in (campus.gateway, second):
        assert await gateway.replica("faces") == {}
    await confirm(campus.gateway)
    assert await states(client, campus.person) == {campus.site: (False, "confirmed"), west: (False, "waiting")}
    waiting = await listed(client, "/identity/confirmations")
    assert [(each["subject"], each["site_id"]) for each in waiting] == [(f"face:{campus.person}", west)]
    assert (waiting[0]["person_id"], waiting[0]["person_name"], waiting[0]["site_name"]) == (
        campus.person, "张三丰", "西区",
    )  # fmt: skip
    assert waiting[0]["heard_at"] is not None
    assert await faces_kept(cloud) == 0
    again = await post_pictures(client, campus.person, [bytes_of(name) for name in OBAMA])
    assert again.json()["code"] == "face_consent_missing"


async def test_rule_16_a_site_left_out_of_consent_loses_the_face_and_the_others_keep_it(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient
) -> None:
    west, second = await open_second(cloud, client)
    await agree(client, campus.person, campus.site, west)
    await enrol(client, campus.person)
    await agree(client, campus.person, campus.site)
    assert await second.replica("faces") == {}
    assert f"{campus.person}@0" in await campus.gateway.replica("faces")
    assert await states(client, campus.person) == {campus.site: (True, "waiting"), west: (False, "waiting")}
    await agree(client, campus.person, campus.site, west)
    assert f"{campus.person}@0" in await second.replica("faces")
    assert (await states(client, campus.person))[west] == (True, "waiting")
    assert await listed(client, "/identity/confirmations") == []


async def test_consent_to_a_newer_wording_takes_the_place_of_the_older_one(
    core: Core, cloud: Cloud, campus: Campus, client: httpx.AsyncClient
) -> None:
    await agree(client, campus.person, campus.site)
    now = core.clock.now()
    for wording in (2, 1):
        async with core.database.transaction(cloud.organisation_id) as tx:
            await faces_store.agree(tx, campus.person, [campus.site], wording=wording, by="user:1", given_at=now)
        [site] = (await face_of(client, campus.person))["sites"]
        assert (site["agreed"], site["wording"]) == (True, 2)


@pytest.mark.capability("PLT-01")
async def test_rule_16_a_leaver_s_face_is_erased_at_once_and_an_erased_person_s_stays_gone(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient
) -> None:
    person = await add_person(client, campus, "E30", "周芷若")
    await agree(client, person, campus.site)
    await enrol(client, person)
    await made(client, f"/identity/people/{person}/leave", {})
    assert await campus.gateway.replica("faces") == {}
    assert await faces_kept(cloud) == 0
    subjects = {each["subject"] for each in await listed(client, "/identity/confirmations")}
    assert f"face:{person}" in subjects
    await cloud.settle()
    await made(client, f"/identity/people/{person}/erase", {})
    wording = {"wording": 1, "site_ids": [campus.site]}
    refused = await client.put(f"{API}/identity/people/{person}/face-consent", json=wording)
    assert refused.json()["code"] == "person_left"


async def test_a_power_cut_in_the_midst_of_an_enrolment_leaves_nothing_half(
    core: Core, campus: Campus, client: httpx.AsyncClient, module_address: PostgresAddress,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    await agree(client, campus.person, campus.site)
    reached = asyncio.Event()
    whole = faces_store.send

    async def cut(*given: object, **named: object) -> dict[int, int]:
        await whole(*given, **named)  # type: ignore[arg-type]
        reached.set()
        await asyncio.sleep(30)
        raise AssertionError("the server was to be gone by now")

    monkeypatch.setattr(faces_store, "send", cut)
    enrolling = asyncio.create_task(post_pictures(client, campus.person, [bytes_of(name) for name in OBAMA]))
    await asyncio.wait_for(reached.wait(), 30)
    admin = await asyncpg.connect(module_address.admin_dsn)
    try:
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND state = 'idle in transaction'"
        )
    finally:
        await admin.close()
    enrolling.cancel()
    await asyncio.gather(enrolling, return_exceptions=True)
    monkeypatch.setattr(faces_store, "send", whole)
    assert (await face_of(client, campus.person))["enrolled"] is None
    assert await campus.gateway.replica("faces") == {}
    assert (await enrol(client, campus.person))["enrolled"]
    assert f"{campus.person}@0" in await campus.gateway.replica("faces")

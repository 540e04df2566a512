"""People, credentials and their revocation; personal fields sealed and masked; the audit trail that nobody can mend."""

from typing import Any

import httpx
import pytest

from cloud.core import rights
from cloud.core.postgres import PostgresAddress
from protocols.payments.credentials import card_key, code_key, phone_key, pin_matches
from protocols.payments.reference import Credential, CredentialAge, Person
from protocols.sync.codec import decode
from tests.support.cloud import everything_stored, owner_connection
from tests.support.domains import API, Cloud, listed, made
from tests.support.small_campus import Campus, add_person, open_campus


@pytest.fixture
async def campus(cloud: Cloud, client: httpx.AsyncClient) -> Campus:
    return await open_campus(cloud, client)


async def credential(campus: Campus, key: str) -> Credential | None:
    row = (await campus.gateway.replica("credentials")).get(f"{key}@0")
    return None if row is None else decode(row.body or b"", Credential)


@pytest.mark.capability("SET-07")
async def test_each_kind_of_credential_reaches_the_site_under_its_own_keyed_name(
    campus: Campus, client: httpx.AsyncClient
) -> None:
    path = f"/identity/people/{campus.person}/credentials"
    await made(client, path, {"kind": "card", "uid": "04a1b2c3", "cap_fen": 5_000})
    token = (await made(client, path, {"kind": "static_code"}))["token"]
    await made(client, path, {"kind": "dynamic_code"})
    await made(client, path, {"kind": "phone_pin", "pin": "246810"})
    assert campus.gateway.who is not None
    key = campus.gateway.who.site_key
    card = await credential(campus, card_key(key, "04A1B2C3"))
    assert card is not None
    assert (card.person, card.cap_fen) == (campus.person, 5_000)
    assert (await credential(campus, code_key(key, token))) is not None
    assert (await credential(campus, f"dyn:{campus.person}")) is not None
    pin = await credential(campus, phone_key(key, "13800001234"))
    assert pin is not None
    assert pin_matches("246810", pin.secret)
    shown = await listed(client, path)
    assert [item["kind"] for item in shown] == ["card", "static_code", "dynamic_code", "phone_pin"]
    assert [item["token"] for item in shown] == [None] * 4
    assert [item["value_masked"] for item in shown] == ["******B2C3", "", "", "138****1234"]


@pytest.mark.rule(14)
async def test_rule_14_sites_are_told_the_greatest_replica_age_of_each_kind(
    campus: Campus, client: httpx.AsyncClient
) -> None:
    await client.put(f"{API}/identity/credential-ages", json={"kind": "static_code", "max_age_s": 3_600})
    ages = [
        decode(row.body or b"", CredentialAge) for row in (await campus.gateway.replica("credential_ages")).values()
    ]
    by_kind = {age.kind: age.max_age_s for age in ages}
    assert by_kind[2] == 3_600
    assert by_kind[1] > by_kind[2]


@pytest.mark.capability("SET-07")
@pytest.mark.rule(16)
async def test_rule_16_a_revocation_reaches_every_edge_and_one_that_cannot_confirm_is_shown(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient
) -> None:
    second = await made(client, "/places/sites", {"name_zh": "西区"})
    await cloud.settle()
    path = f"/identity/people/{campus.person}/credentials"
    given = await made(client, path, {"kind": "card", "uid": "04A1B2C3"})
    revoked = await made(client, f"/identity/credentials/{given['id']}/revoke", {"reason": "丢失"})
    assert (revoked["confirmed_sites"], revoked["sites"]) == (0, 2)
    assert campus.gateway.who is not None
    assert await credential(campus, card_key(campus.gateway.who.site_key, "04A1B2C3")) is None
    versions = (await campus.gateway.heartbeat()).replicas
    await campus.gateway.heartbeat(replicas=versions)
    [shown] = await listed(client, path)
    assert (shown["confirmed_sites"], shown["sites"]) == (1, 2)
    waiting = await listed(client, "/identity/confirmations")
    assert [(item["subject"], item["site_id"]) for item in waiting] == [(f"credential:{given['id']}", second["id"])]
    again = await client.post(f"{API}/identity/credentials/{given['id']}/revoke")
    assert again.status_code == 409


async def test_a_card_names_one_person_at_a_time_and_may_be_given_anew_after_revocation(
    campus: Campus, client: httpx.AsyncClient
) -> None:
    other = await add_person(client, campus, "E2")
    first = await made(client, f"/identity/people/{campus.person}/credentials", {"kind": "card", "uid": "AABBCCDD"})
    taken = await client.post(f"{API}/identity/people/{other}/credentials", json={"kind": "card", "uid": "aabbccdd"})
    assert (taken.status_code, taken.json()["code"]) == (409, "credential_taken")
    await made(client, f"/identity/credentials/{first['id']}/revoke", {"reason": "换人"})
    await made(client, f"/identity/people/{other}/credentials", {"kind": "card", "uid": "aabbccdd"})
    assert campus.gateway.who is not None
    card = await credential(campus, card_key(campus.gateway.who.site_key, "AABBCCDD"))
    assert card is not None
    assert card.person == other


@pytest.mark.capability("SET-09")
async def test_the_blacklist_reaches_the_site_with_its_reason(campus: Campus, client: httpx.AsyncClient) -> None:
    await made(client, f"/identity/people/{campus.person}/block", {"reason": "欠费"})
    blocked = decode((await campus.gateway.replica("people"))[f"{campus.person}@0"].body or b"", Person)
    assert blocked.blocked == "欠费"
    await made(client, f"/identity/people/{campus.person}/unblock", {})
    free = decode((await campus.gateway.replica("people"))[f"{campus.person}@0"].body or b"", Person)
    assert free.blocked == ""


@pytest.mark.capability("PLT-10", "PLT-09")
async def test_personal_fields_are_sealed_at_rest_masked_without_the_right_and_reading_them_is_recorded(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient, module_address: PostgresAddress
) -> None:
    body = {
        "number": "E9", "name": "王五", "group_id": campus.group, "home_site_id": campus.site,
        "phone": "13911112222", "identity_number": "11010519491231002x",
    }  # fmt: skip
    person = await made(client, "/identity/people", body)
    seen = (await client.get(f"{API}/identity/people/{person['id']}")).json()
    assert (seen["phone"], seen["identity_number"]) == ("13911112222", "11010519491231002X")
    stored = await everything_stored(module_address)
    assert "王五".encode() in stored["identity_people"], "the row is there to be read"
    assert [table for table, values in stored.items() if b"13911112222" in values] == []
    assert [table for table, values in stored.items() if b"11010519491231002X" in values] == []
    async with cloud.signed_in(f"clerk{cloud.organisation_id}", frozenset({rights.IDENTITY_READ})) as clerk:
        masked = (await clerk.get(f"{API}/identity/people/{person['id']}")).json()
        [found] = await listed(clerk, "/identity/people", search="13911112222")
    assert (masked["phone"], masked["phone_masked"]) == (None, "139****2222")
    assert (masked["identity_number"], masked["identity_number_masked"]) == (None, "110*************2X")
    assert found["id"] == person["id"]
    await cloud.settle()
    reads = await listed(client, "/audit/records", search="read_personal")
    assert [record["target"] for record in reads] == [f"person:{person['id']}"]


async def send_list(client: httpx.AsyncClient, site: int, text: str) -> dict[str, Any]:
    answer = await client.post(
        f"{API}/identity/people-files", files={"file": ("名单.csv", text.encode())}, data={"home_site_id": str(site)}
    )
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.capability("PLT-01")
async def test_a_staff_list_is_taken_in_whole_or_not_at_all_with_errors_by_row(
    campus: Campus, client: httpx.AsyncClient
) -> None:
    rows = ["工号,姓名,部门,手机", "E1001,甲,教职工,", "E21,乙,无此部门,", "E22,丙,教职工,12", "E22,丁,教职工,"]
    bad = "\n".join([*rows, "E23,,教职工,13800001234"])
    found = await send_list(client, campus.site, bad)
    assert [(error["row"], error["field"], error["code"]) for error in found["errors"]] == [
        (2, "number", "taken"),
        (3, "group", "unknown"),
        (4, "phone", "string_pattern_mismatch"),
        (5, "number", "twice"),
        (6, "name", "string_too_short"),
    ]
    assert (found["joined"], len(await listed(client, "/identity/people"))) == (0, 1)
    good = "工号,姓名,部门,手机\nE21,乙,教职工,13911110001\nE22,丙,教职工,\n"
    assert (await send_list(client, campus.site, good))["joined"] == 2
    assert len(await listed(client, "/identity/people")) == 3
    again = await send_list(client, campus.site, good)
    assert [error["code"] for error in again["errors"]] == ["taken", "taken", "taken"]
    assert f"{(await listed(client, '/identity/people', search='E22'))[0]['id']}@0" in await campus.gateway.replica(
        "people"
    )


async def test_numbers_and_phones_belong_to_one_person(campus: Campus, client: httpx.AsyncClient) -> None:
    body = {"number": "E1001", "name": "某", "group_id": campus.group, "home_site_id": campus.site}
    assert (await client.post(f"{API}/identity/people", json=body)).json()["code"] == "person_number_taken"
    body = {**body, "number": "E7", "phone": "13800001234"}
    assert (await client.post(f"{API}/identity/people", json=body)).json()["code"] == "phone_taken"


async def test_a_change_of_a_person_travels_and_moves_the_home(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient
) -> None:
    second = await made(client, "/places/sites", {"name_zh": "西区"})
    await cloud.settle()
    changed = await client.patch(
        f"{API}/identity/people/{campus.person}",
        json={"name": "张无忌", "home_site_id": second["id"], "pin_over_fen": 3_000},
    )
    assert changed.json()["name"] == "张无忌"
    await cloud.settle()
    shown = decode((await campus.gateway.replica("people"))[f"{campus.person}@0"].body or b"", Person)
    assert (shown.shown_name, shown.home_site, shown.pin_over_fen) == ("张**", second["id"], 3_000)


@pytest.mark.capability("PLT-10")
@pytest.mark.rule(16, 17)
async def test_rule_16_an_erased_person_is_forgotten_everywhere_and_the_books_keep_the_id(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient, module_address: PostgresAddress
) -> None:
    person = await add_person(client, campus, "E30", "周芷若")
    await made(client, f"/identity/people/{person}/credentials", {"kind": "card", "uid": "0A0B0C0D"})
    early = await client.post(f"{API}/identity/people/{person}/erase")
    assert early.status_code == 409
    await made(client, f"/identity/people/{person}/leave", {})
    await cloud.settle()
    erased = await made(client, f"/identity/people/{person}/erase", {})
    assert (erased["name"], erased["number"]) == ("***", f"erased-{person}")
    assert f"{person}@0" not in await campus.gateway.replica("people")
    stored = await everything_stored(module_address)
    assert f"erased-{person}".encode() in stored["identity_people"], "the row is there to be read"
    assert [table for table, values in stored.items() if "周芷若".encode() in values] == []
    assert [table for table, values in stored.items() if b"0C0D" in values] == []
    waiting = {item["subject"] for item in await listed(client, "/identity/confirmations")}
    assert f"person:{person}" in waiting
    await campus.gateway.heartbeat(replicas=(await campus.gateway.heartbeat()).replicas)
    assert f"person:{person}" not in {item["subject"] for item in await listed(client, "/identity/confirmations")}


@pytest.mark.capability("PLT-09")
async def test_every_change_leaves_a_record_and_a_tampered_one_is_found(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient, module_address: PostgresAddress
) -> None:
    await made(client, f"/identity/people/{campus.person}/block", {"reason": "违规"})
    await cloud.settle()
    records = await listed(client, "/audit/records", target=f"person:{campus.person}", limit=100)
    assert [record["action"] for record in records] == ["identity.block", "payments.top_up", "identity.join"]
    assert records[0]["after"] == {"blocked": "违规"}
    whole = (await client.get(f"{API}/audit/verification")).json()
    assert (whole["intact"], whole["broken_at"]) == (True, None)
    assert whole["records"] >= len(records)
    owner = await owner_connection(module_address)
    try:
        await owner.execute("ALTER TABLE audit_records NO FORCE ROW LEVEL SECURITY")
        await owner.execute(
            "UPDATE audit_records SET actor = 'user:999' WHERE organisation_id = $1 AND id = $2",
            cloud.organisation_id,
            records[0]["id"],
        )
        await owner.execute("ALTER TABLE audit_records FORCE ROW LEVEL SECURITY")
    finally:
        await owner.close()
    broken = (await client.get(f"{API}/audit/verification")).json()
    assert (broken["intact"], broken["broken_at"]) == (False, records[0]["id"])


@pytest.mark.capability("PLT-09")
async def test_the_application_itself_cannot_alter_the_audit_trail(cloud: Cloud, campus: Campus) -> None:
    import asyncpg

    await cloud.settle()
    async with cloud.core.database.transaction(cloud.organisation_id) as tx:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await tx.execute("DELETE FROM audit_records")


@pytest.mark.lesson("snipe-it-6167")
async def test_another_organisation_sees_none_of_these_people(cloud: Cloud, campus: Campus) -> None:
    from tests.support.cloud import make_organisation
    from tests.support.domains import Cloud as Other

    other = Other(cloud.core, cloud.app, await make_organisation(cloud.core.database, "乙公司"))
    async with other.signed_in(f"other{other.organisation_id}", rights.ALL) as stranger:
        assert await listed(stranger, "/identity/people") == []
        assert (await stranger.get(f"{API}/identity/people/{campus.person}")).status_code == 404
        assert (await stranger.get(f"{API}/payments/people/{campus.person}/balances")).status_code == 404
        body = {"name_zh": "侵入", "canteen_id": campus.canteen}
        assert (await stranger.post(f"{API}/canteen/stalls", json=body)).status_code in (404, 409)

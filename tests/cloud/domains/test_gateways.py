"""Gateways: one-time codes, keys and their ranges, replacement of a lost one, commands, completeness, quarantine."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import aiomqtt
import httpx
import pytest

from cloud.core import rights
from cloud.core.broker import EmbeddedBroker
from cloud.domains.payments.events import MEAL_FEN
from protocols.crypto import sm2
from protocols.journal.kinds import Kind
from protocols.payments.facts import CommandDone, KeyRotated
from protocols.sync.codec import decode
from protocols.sync.messages import Fault, LeaseAsk
from protocols.telemetry import topics
from protocols.telemetry.codec import decode as decode_telemetry
from protocols.telemetry.codec import encode as encode_telemetry
from protocols.telemetry.commands import mac_holds
from protocols.telemetry.messages import Command, CommandAnswer
from tests.support.domains import API, Cloud, TestGateway, listed, made
from tests.support.small_campus import Campus, open_campus


@pytest.fixture
async def campus(cloud: Cloud, client: httpx.AsyncClient) -> Campus:
    return await open_campus(cloud, client)


async def gateway_of(client: httpx.AsyncClient) -> dict[str, object]:
    [found] = await listed(client, "/devices/gateways")
    return found


@pytest.mark.capability("IOT-02")
async def test_a_code_is_taken_once_expires_and_answers_its_own_key_again(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient
) -> None:
    again = await campus.gateway.provision(campus.code)
    assert again.is_success
    assert campus.gateway.who is not None
    assert campus.gateway.who.epoch == 1
    thief = TestGateway(cloud)
    refused = await thief.provision(campus.code)
    assert (refused.status_code, decode(refused.content, Fault).code) == (403, "provisioning_code_refused")
    second = await made(client, "/places/sites", {"name_zh": "西区"})
    late = await made(client, "/devices/gateways", {"name": "西区网关", "site_id": second["id"]})
    cloud.core.clock.move(timedelta(hours=25))  # type: ignore[attr-defined]
    expired = await TestGateway(cloud).provision(late["provisioning_code"])
    assert expired.status_code == 403


@pytest.mark.capability("IOT-02")
async def test_guessing_codes_is_slowed_down(cloud: Cloud) -> None:
    guesser = TestGateway(cloud)
    answers = [(await guesser.provision(f"AAAAA-{n:05d}")).status_code for n in range(31)]
    assert answers[:30] == [403] * 30
    assert answers[30] == 429


async def test_a_site_has_one_gateway_and_the_list_shows_how_it_stands(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient
) -> None:
    taken = await client.post(f"{API}/devices/gateways", json={"name": "再来一个", "site_id": campus.site})
    assert (taken.status_code, taken.json()["code"]) == (409, "site_has_gateway")
    await campus.gateway.send(campus.sale(1_200))
    await campus.gateway.heartbeat(waiting=3, offset_ms=42, replicas={"people": 7})
    shown = await gateway_of(client)
    assert (shown["state"], shown["head_seq"], shown["applied_through"], shown["waiting"]) == ("online", 1, 1, 3)
    assert (shown["offset_ms"], shown["replicas"], shown["sum_fen"]) == (42, {"people": 7}, 1_200)
    cloud.core.clock.move(timedelta(minutes=2))  # type: ignore[attr-defined]
    shown = await gateway_of(client)
    assert shown["state"] == "offline"
    assert shown["offline_since_at"] is not None


@pytest.mark.capability("IOT-02")
@pytest.mark.rule(20, 21)
async def test_rule_20_a_lost_gateway_is_replaced_with_a_certificate_of_what_is_missing(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient
) -> None:
    await campus.gateway.send(campus.sale(1_200))
    campus.sale(800, receipt_no=2)
    campus.sale(500, receipt_no=3)
    await campus.gateway.heartbeat(waiting=2)
    gateway = await gateway_of(client)
    replaced = await made(client, f"/devices/gateways/{gateway['id']}/replace", {})
    certificate = replaced["certificate"]
    assert (certificate["missing_entries"], certificate["missing_fen"]) == (2, 1_300)
    fresh = TestGateway(cloud)
    who = await fresh.join(replaced["provisioning_code"])
    await cloud.settle()
    assert (who.device, who.epoch, who.key_id) == (gateway["id"], 2, 2)
    assert (await campus.gateway.open_session()).status_code == 200, "to hand in its backlog"
    refused = await campus.gateway.post("/lease-asks", LeaseAsk(campus.person, 100, (), 20261120))
    assert refused.status_code == 409, "rights are another one's now"
    lost = await made(client, f"/devices/gateways/{gateway['id']}/declare-lost", {"bearer": 1, "epoch": 1})
    assert lost["in_doubt_fen"] == 10_000 - MEAL_FEN - 1_200


@pytest.mark.rule(6)
async def test_rule_6_declaring_the_present_gateway_lost_puts_its_money_in_doubt(
    campus: Campus, client: httpx.AsyncClient
) -> None:
    gateway = await gateway_of(client)
    lost = await made(client, f"/devices/gateways/{gateway['id']}/declare-lost", {"bearer": 1})
    assert lost["in_doubt_fen"] == 10_000 - MEAL_FEN
    [balance] = await listed(client, f"/payments/people/{campus.person}/balances")
    assert (balance["available_fen"], balance["in_doubt_fen"], balance["total_fen"]) == (3_000, 7_000, 10_000)
    assert (await gateway_of(client))["state"] == "lost"


@pytest.mark.capability("IOT-02")
@pytest.mark.rule(22)
async def test_rule_22_a_revoked_gateway_gets_no_session(campus: Campus, client: httpx.AsyncClient) -> None:
    gateway = await gateway_of(client)
    assert (await client.post(f"{API}/devices/gateways/{gateway['id']}/revoke")).status_code == 204
    assert (await campus.gateway.open_session()).status_code == 401
    assert (await gateway_of(client))["state"] == "revoked"


@pytest.mark.capability("PLT-10", "IOT-02")
@pytest.mark.rule(22)
async def test_rule_22_a_key_is_rotated_by_an_entry_that_the_old_key_signed(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient
) -> None:
    gateway = campus.gateway
    fresh = TestGateway(cloud)
    rotated = KeyRotated(2, fresh.public, gateway.sign(fresh.public))
    await gateway.send(gateway.body(Kind.KEY_ROTATED, rotated))
    assert (await gateway_of(client))["key_id"] == 2
    gateway.private = fresh.private
    assert gateway.who is not None
    import msgspec

    gateway.who = msgspec.structs.replace(gateway.who, key_id=2)
    assert (await gateway.open_session()).is_success
    answer = await gateway.send(campus.sale(100))
    assert answer.applied == 1


@pytest.mark.rule(21, 22)
async def test_rule_21_a_copy_that_changes_its_key_leaves_the_first_branch_its_own(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient
) -> None:
    gateway, fresh = campus.gateway, TestGateway(cloud)
    await gateway.send(campus.sale(100))
    copied = replace(gateway)
    await gateway.send(campus.sale(200))
    rotated = KeyRotated(2, fresh.public, copied.sign(fresh.public))
    answer = await copied.send(copied.body(Kind.KEY_ROTATED, rotated))
    assert (answer.state, answer.applied) == ("frozen", 1), "the copy's branch is kept"
    assert (await gateway_of(client))["key_id"] == 1
    assert (await gateway.send(campus.sale(300))).applied == 1, "the first one's entries are still its key's to sign"


@pytest.mark.rule(22)
async def test_rule_22_a_key_that_the_old_one_does_not_vouch_for_freezes_the_gateway(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient
) -> None:
    stranger = TestGateway(cloud)
    rotated = KeyRotated(2, stranger.public, stranger.sign(stranger.public))
    await campus.gateway.send(campus.gateway.body(Kind.KEY_ROTATED, rotated))
    shown = await gateway_of(client)
    assert (shown["state"], shown["key_id"], shown["reason"]) == ("frozen", 1, "key_not_vouched")
    resumed = await client.post(f"{API}/devices/gateways/{shown['id']}/resume")
    assert resumed.status_code == 204
    assert (await gateway_of(client))["reason"] == ""
    assert (await client.post(f"{API}/devices/gateways/{shown['id']}/resume")).status_code == 409


@pytest.mark.rule(26, 27)
async def test_rule_27_a_bad_entry_is_mended_by_two_people_and_replayed_with_what_waited_behind(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient
) -> None:
    wrong = campus.settlement(1_200, gross_fen=1_300)
    bad = campus.gateway.body(Kind.SETTLEMENT, wrong, subject=f"p{campus.person}")
    answer = await campus.gateway.send(bad, campus.sale(300, receipt_no=2))
    assert answer.quarantined >= 1
    items = await listed(client, "/devices/quarantine")
    assert [(item["state"], item["kind"]) for item in items] == [("waiting", "settlement"), ("parked", "settlement")]
    assert items[0]["parked_behind"] == 1
    path = f"/devices/quarantine/{items[0]['id']}"
    detail = (await client.get(f"{API}{path}")).json()
    assert detail["body_hex"] == bad.hex()
    payload = {**detail["payload"], "gross_fen": 1_200}
    mended = await made(client, f"{path}/mend", {"payload": payload, "note": "金额录入错误"})
    assert (mended["correction"]["people_needed"], mended["correction"]["approved"]) == (2, False)
    early = await client.post(f"{API}{path}/replay")
    assert (early.status_code, early.json()["code"]) == (409, "needs_approval")
    async with cloud.signed_in(f"second{cloud.organisation_id}", rights.ALL) as second:
        approved = await made(second, f"{path}/approve", {})
    assert len(approved["approvals"]) == 2
    done = await made(client, f"{path}/replay", {})
    assert (done["applied"], done["still"]) == ([1, 2], [])
    assert [item["amount_fen"] for item in await listed(client, "/canteen/settlements")] == [300, 1_200]
    assert await listed(client, "/devices/quarantine") == []
    await cloud.settle()
    actions = [
        record["action"] for record in await listed(client, "/audit/records", target=f"entry:{items[0]['entry_id']}")
    ]
    assert actions == ["devices.replay", "devices.approve_mend", "devices.mend"]


@pytest.mark.rule(21)
async def test_rule_21_a_cloned_gateway_is_frozen_and_what_both_sold_is_kept(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient
) -> None:
    import copy

    clone = copy.copy(campus)
    clone.gateway = copy.copy(campus.gateway)
    await campus.gateway.send(campus.sale(1_200))
    await clone.gateway.send(clone.sale(700, receipt_no=2))
    shown = await gateway_of(client)
    assert shown["state"] == "frozen"
    assert sorted(item["amount_fen"] for item in await listed(client, "/canteen/settlements")) == [700, 1_200]
    [exception] = await listed(client, "/payments/exceptions")
    assert exception["amount_fen"] == 700
    statement = (await client.get(f"{API}/payments/statement", params={"month": "2026-11"})).json()
    assert statement["agrees"] is True


async def test_completeness_says_of_every_hour_what_became_of_its_entries(
    campus: Campus, client: httpx.AsyncClient
) -> None:
    await campus.gateway.send(campus.sale(1_200), campus.sale(300, receipt_no=2))
    gateway = await gateway_of(client)
    hours = await listed(client, f"/devices/gateways/{gateway['id']}/completeness", day="2026-11-20")
    lane = next(hour for hour in hours if hour["lane_id"] == campus.lane)
    assert (lane["received"], lane["applied"], lane["complete"]) == (2, 2, True)
    assert await listed(client, f"/devices/gateways/{gateway['id']}/completeness", day="2026-11-19") == []


@pytest.mark.rule(33)
async def test_rule_33_without_a_broker_a_command_is_undelivered_and_nothing_else_minds(
    campus: Campus, client: httpx.AsyncClient
) -> None:
    gateway = await gateway_of(client)
    told = await made(client, f"/devices/gateways/{gateway['id']}/commands", {"name": "ping"})
    assert told["state"] == "undelivered"
    assert (await campus.gateway.send(campus.sale(1_200))).applied == 1


@pytest.mark.rule(33)
async def test_rule_33_a_command_is_signed_answered_and_audited(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient
) -> None:
    broker = EmbeddedBroker()
    address = await broker.start()
    object.__setattr__(cloud.core, "broker", address)
    assert campus.gateway.who is not None
    device, key = campus.gateway.who.device, campus.gateway.who.site_key
    seen: list[Command] = []

    async def serve() -> None:
        async with aiomqtt.Client(address.host, address.port) as edge:
            await edge.subscribe(topics.commands(device), qos=1)
            ready.set()
            async for message in edge.messages:
                command = decode_telemetry(bytes(message.payload), Command)
                seen.append(command)
                answer = CommandAnswer(command.id, "done", "pong", "here")
                await edge.publish(topics.command_answers(device), encode_telemetry(answer), qos=1)

    ready = asyncio.Event()
    served = asyncio.create_task(serve())
    try:
        async with asyncio.timeout(10):
            await ready.wait()
        told = await made(client, f"/devices/gateways/{device}/commands", {"name": "ping", "arguments": {"n": 1}})
    finally:
        served.cancel()
        await asyncio.gather(served, return_exceptions=True)
        await broker.stop()
    assert (told["state"], told["answer"]) == ("done", "pong here")
    assert mac_holds(key, seen[0])
    assert (seen[0].name, seen[0].arguments, seen[0].epoch) == ("ping", {"n": 1}, 1)
    await campus.gateway.send(campus.gateway.body(Kind.COMMAND_DONE, CommandDone(str(told["id"]), "done")))
    assert [item["state"] for item in await listed(client, f"/devices/gateways/{device}/commands")] == ["done"]
    await cloud.settle()
    assert [r["action"] for r in await listed(client, "/audit/records", search="devices.command")] == [
        "devices.command"
    ]


@pytest.mark.rule(12)
async def test_rule_12_a_price_travels_ahead_and_its_spread_is_counted_by_site_and_lane(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient
) -> None:
    later = (cloud.core.clock.now() + timedelta(days=3)).isoformat()
    price = await made(
        client, "/canteen/prices", {"dish_id": campus.dish, "price_fen": 1_500, "effective_from_at": later}
    )
    path = f"{API}/canteen/prices/{price['version']}/spread"
    before = (await client.get(path)).json()
    assert (before["confirmed"], before["total"], before["lanes_total"]) == (0, 1, 1)
    versions = (await campus.gateway.heartbeat()).replicas
    await campus.gateway.heartbeat(replicas=versions)
    after = (await client.get(path)).json()
    assert (after["confirmed"], after["lanes_confirmed"]) == (1, 1)
    assert len(await campus.gateway.replica("prices")) == 2
    past = (cloud.core.clock.now() - timedelta(days=1)).isoformat()
    refused = await client.post(
        f"{API}/canteen/prices", json={"dish_id": campus.dish, "price_fen": 1, "effective_from_at": past}
    )
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")


async def test_a_public_key_off_the_curve_is_set_aside(campus: Campus, client: httpx.AsyncClient) -> None:
    rotated = KeyRotated(2, b"\x01" * sm2.PUBLIC_SIZE, b"\x02" * 64)
    answer = await campus.gateway.send(campus.gateway.body(Kind.KEY_ROTATED, rotated))
    assert answer.quarantined == 1
    assert (await gateway_of(client))["key_id"] == 1

"""Somebody moves to another site, or has left and money comes after them (rules 3, 4, 14)."""

from typing import Any

import httpx
import pytest

from cloud.domains.payments.events import MEAL_FEN
from cloud.domains.payments.jobs import bring_limits_home, lease_again, pay_leavers
from protocols.journal.kinds import Kind
from protocols.payments.facts import LeaseReturned, Movement, StandingReturned
from protocols.sync.messages import LeaseKind
from tests.support.domains import API, Cloud, TestGateway, listed, made
from tests.support.small_campus import DAY, Campus, open_campus, top_up

HELD_FEN = 10_000 - MEAL_FEN


@pytest.fixture
async def campus(cloud: Cloud, client: httpx.AsyncClient) -> Campus:
    return await open_campus(cloud, client)


async def told(gateway: TestGateway, *kinds: LeaseKind) -> list[Any]:
    """Messages of some kinds to a gateway."""
    return [message for message in (await gateway.leases()).messages if message.kind in kinds]


async def open_west(cloud: Cloud, client: httpx.AsyncClient, site: int) -> TestGateway:
    """Another site's gateway."""
    gateway = TestGateway(cloud)
    code = (await made(client, "/devices/gateways", {"name": "西区网关", "site_id": site}))["provisioning_code"]
    await cloud.settle()
    await gateway.join(code)
    await cloud.settle()
    return gateway


async def west(cloud: Cloud, client: httpx.AsyncClient) -> int:
    """Another site."""
    site = int((await made(client, "/places/sites", {"name_zh": "西区"}))["id"])
    await cloud.settle()
    return site


async def limited(client: httpx.AsyncClient) -> int:
    """One meal a day."""
    return int((await made(client, "/payments/limit-rules", {"lane_kinds": [1], "per": 1, "times": 1}))["id"])


async def move(cloud: Cloud, client: httpx.AsyncClient, person: int, site: int) -> None:
    """The home is elsewhere from now on."""
    (await client.patch(f"{API}/identity/people/{person}", json={"home_site_id": site})).raise_for_status()
    await cloud.settle()


def give_up(campus: Campus, recall: Any, from_day: int) -> bytes:
    """The next entry: the home counts a limit no more."""
    back = StandingReturned(recall.n, campus.person, recall.bucket, from_day)
    return campus.gateway.body(Kind.STANDING_RETURNED, back, subject=f"p{campus.person}")


@pytest.mark.rule(3)
async def test_rule_3_limits_follow_somebody_who_moves_once_the_old_home_has_given_them_up(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient
) -> None:
    rule, site = await limited(client), await west(cloud, client)
    gateway = await open_west(cloud, client, site)
    await move(cloud, client, campus.person, site)
    [recall] = await told(campus.gateway, LeaseKind.STANDING_RECALL)
    assert (recall.person, recall.bucket, recall.from_day) == (campus.person, rule, DAY)
    assert await told(gateway, LeaseKind.STANDING) == []
    assert await bring_limits_home(cloud.core) == 0, "it is asked for once"
    await campus.gateway.send(give_up(campus, recall, DAY + 1))
    [right] = await told(gateway, LeaseKind.STANDING)
    assert (right.person, right.bucket, right.from_day) == (campus.person, rule, DAY + 1)


@pytest.mark.rule(3)
async def test_rule_3_limits_wait_for_the_gateway_of_a_new_home_and_come_by_time(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient
) -> None:
    await limited(client)
    site = await west(cloud, client)
    await move(cloud, client, campus.person, site)
    assert await bring_limits_home(cloud.core) == 0
    assert await told(campus.gateway, LeaseKind.STANDING_RECALL) == [], "the old home counts until somebody else can"
    gateway = await open_west(cloud, client, site)
    assert await bring_limits_home(cloud.core) == 1
    [recall] = await told(campus.gateway, LeaseKind.STANDING_RECALL)
    await campus.gateway.send(give_up(campus, recall, DAY))
    assert [right.from_day for right in await told(gateway, LeaseKind.STANDING)] == [DAY]


@pytest.mark.rule(3, 6)
async def test_rule_3_limits_of_a_lost_site_come_back_to_the_home_by_time(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient
) -> None:
    rule, site = await limited(client), await west(cloud, client)
    gateway = await open_west(cloud, client, site)
    await move(cloud, client, campus.person, site)
    who = campus.gateway.who
    assert who is not None
    await made(client, f"/devices/gateways/{who.device}/declare-lost", {"bearer": 1})
    assert await bring_limits_home(cloud.core) == 1
    assert [right.bucket for right in await told(gateway, LeaseKind.STANDING)] == [rule]
    assert await bring_limits_home(cloud.core) == 0


async def leave(cloud: Cloud, campus: Campus, client: httpx.AsyncClient) -> None:
    """The diner leaves and is paid."""
    await made(client, f"/identity/people/{campus.person}/leave", {})
    await cloud.settle()
    [recall] = await told(campus.gateway, LeaseKind.RECALL)
    returned = LeaseReturned(recall.n, (Movement(campus.person, campus.cash, HELD_FEN),))
    await campus.gateway.send(campus.gateway.body(Kind.LEASE_RETURNED, returned))
    await pay_leavers(cloud.core)
    assert (await client.get(f"{API}/identity/people/{campus.person}")).json()["state"] == "left"


@pytest.mark.rule(14)
async def test_rule_14_money_that_comes_after_a_leaver_was_closed_is_paid_too_and_said(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient
) -> None:
    await campus.gateway.send(campus.sale(1_500))
    await made(client, f"/identity/people/{campus.person}/leave", {})
    await cloud.settle()
    [recall] = await told(campus.gateway, LeaseKind.RECALL)
    returned = LeaseReturned(recall.n, (Movement(campus.person, campus.cash, HELD_FEN - 1_500),))
    await campus.gateway.send(campus.gateway.body(Kind.LEASE_RETURNED, returned))
    await pay_leavers(cloud.core)
    [entry] = [item["entry_id"] for item in await listed(client, "/canteen/settlements")]
    await made(client, f"/canteen/settlements/{entry}/refunds", {"amount_fen": 400, "reason": "投诉"}, key=True)
    assert await pay_leavers(cloud.core) == 0, "closed it is already"
    assert await pay_leavers(cloud.core) == 0
    assert await listed(client, f"/payments/people/{campus.person}/balances") == []
    paid = [f["amount_fen"] for f in await listed(client, f"/payments/people/{campus.person}/flows")]
    assert paid[0] == -400
    async with cloud.core.database.transaction(cloud.organisation_id) as tx:
        assert await tx.fetchval("SELECT paid_fen FROM payments_leavers") == 10_000 - 1_500 + 400
    await cloud.settle()
    said = await listed(client, "/audit/records", action="payments.leaver_paid")
    assert sum(record["after"].get("late_fen", 0) for record in said if record["after"]) == 400


@pytest.mark.rule(14)
async def test_rule_14_late_money_of_a_leaver_at_a_site_is_asked_back_and_paid(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient
) -> None:
    await campus.gateway.send(campus.sale(1_500))
    await made(client, f"/identity/people/{campus.person}/leave", {})
    await cloud.settle()
    [recall] = await told(campus.gateway, LeaseKind.RECALL)
    returned = LeaseReturned(recall.n, (Movement(campus.person, campus.cash, HELD_FEN - 1_500),))
    await campus.gateway.send(campus.gateway.body(Kind.LEASE_RETURNED, returned))
    await pay_leavers(cloud.core)
    await campus.gateway.send(campus.refund(1, 600))
    await pay_leavers(cloud.core)
    [_, again] = await told(campus.gateway, LeaseKind.RECALL)
    assert again.amount == 600
    returned = LeaseReturned(again.n, (Movement(campus.person, campus.cash, 600),))
    await campus.gateway.send(campus.gateway.body(Kind.LEASE_RETURNED, returned))
    await pay_leavers(cloud.core)
    assert await listed(client, f"/payments/people/{campus.person}/balances") == []


@pytest.mark.rule(14)
async def test_rule_14_a_leavers_money_is_leased_to_no_site_any_more(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient
) -> None:
    await leave(cloud, campus, client)
    before = len(await told(campus.gateway, LeaseKind.GRANT))
    await top_up(client, campus.person, campus.cash, 9_000)
    await lease_again(cloud.core)
    assert len(await told(campus.gateway, LeaseKind.GRANT)) == before
    await pay_leavers(cloud.core)
    assert await listed(client, f"/payments/people/{campus.person}/balances") == []

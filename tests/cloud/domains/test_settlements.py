"""What was sold: found, drilled down to plates and ledger lines, refunded, closed, and reconciled to the fen."""

import httpx
import pytest

from cloud.domains.payments.events import MEAL_FEN
from tests.support.domains import API, Cloud, listed, made
from tests.support.small_campus import DAY, Campus, add_person, open_campus, top_up


@pytest.fixture
async def campus(cloud: Cloud, client: httpx.AsyncClient) -> Campus:
    return await open_campus(cloud, client)


@pytest.mark.capability("SET-11")
async def test_a_settlement_drills_down_to_its_plates_shares_ledger_lines_and_chain(
    campus: Campus, client: httpx.AsyncClient
) -> None:
    answer = await campus.gateway.send(campus.sale(1200), campus.sale(900, receipt_no=2))
    assert (answer.applied, answer.quarantined) == (2, 0)
    items = await listed(client, "/canteen/settlements")
    assert [(item["amount_fen"], item["person_name"], item["state"]) for item in items] == [
        (900, "张三丰", "paid"),
        (1200, "张三丰", "paid"),
    ]
    found = (await client.get(f"{API}/canteen/settlements/{items[1]['entry_id']}")).json()
    [line] = found["lines"]
    assert (line["dish_name"], line["plate"], line["amount_fen"]) == ("红烧肉", "E2801160", 1200)
    assert [(share["name_zh"], share["amount_fen"]) for share in found["shares"]] == [("现金", 1200)]
    [transfer] = found["transfers"]
    assert transfer["amount_fen"] == 1200
    assert transfer["debit"].startswith(f"person:{campus.person} ")
    assert transfer["credit"].startswith(f"stall:{campus.stall} ")
    assert found["chain"]["signed"] is True
    assert len(found["chain"]["hash"]) == 64


async def test_search_finds_by_receipt_number_name_lane_and_entry(campus: Campus, client: httpx.AsyncClient) -> None:
    other = await add_person(client, campus, "E2002", "欧阳锋")
    await top_up(client, other, campus.cash, 10_000)
    await campus.gateway.send(campus.sale(1200), campus.sale(700, person=other, receipt_no=2))
    lane_code = (await listed(client, "/canteen/lanes"))[0]["code"]
    for search, expected in (
        ("欧阳", [700]),
        ("E2002", [700]),
        ("2", [700]),
        (f"{lane_code}-{DAY}-0001", [1200]),
        ("无此人", []),
    ):
        found = await listed(client, "/canteen/settlements", search=search)
        assert [item["amount_fen"] for item in found] == expected, search
    newest = (await listed(client, "/canteen/settlements"))[0]["entry_id"]
    [by_entry] = await listed(client, "/canteen/settlements", search=newest)
    assert by_entry["entry_id"] == newest
    assert len(await listed(client, "/canteen/settlements", day="2026-11-20", lane_id=campus.lane)) == 2
    assert await listed(client, "/canteen/settlements", day="2026-11-19") == []
    assert len(await listed(client, "/canteen/settlements", person_id=other)) == 1


@pytest.mark.rule(10)
async def test_rule_10_a_refund_at_the_till_and_a_request_together_never_pass_the_original(
    campus: Campus, client: httpx.AsyncClient
) -> None:
    await campus.gateway.send(campus.sale(1200), campus.refund(1, 500))
    [item] = await listed(client, "/canteen/settlements", state="part_refunded")
    path = f"/canteen/settlements/{item['entry_id']}/refunds"
    headers = {"Idempotency-Key": "refund-key-1"}
    body = {"amount_fen": 700, "reason": "菜品问题"}
    first = await client.post(f"{API}{path}", json=body, headers=headers)
    again = await client.post(f"{API}{path}", json=body, headers=headers)
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    refused = await client.post(
        f"{API}{path}", json={"amount_fen": 1, "reason": "再来"}, headers={"Idempotency-Key": "refund-key-2"}
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "refund_too_much")
    [whole] = await listed(client, "/canteen/settlements", state="refunded")
    assert whole["refunded_fen"] == 1200
    [balance] = await listed(client, f"/payments/people/{campus.person}/balances")
    assert balance["total_fen"] == 10_000
    detail = (await client.get(f"{API}/canteen/settlements/{item['entry_id']}")).json()
    assert [(refund["amount_fen"], refund["entry_id"] is None) for refund in detail["refunds"]] == [
        (500, False),
        (700, True),
    ]


@pytest.mark.rule(28)
@pytest.mark.lesson("odoo-203431")
async def test_rule_28_a_closed_day_is_reconciled_to_the_ledger_to_the_fen(
    campus: Campus, client: httpx.AsyncClient
) -> None:
    bodies = [campus.sale(1200), campus.sale(801, receipt_no=2), campus.refund(1, 300)]
    bodies.append(campus.closing(1, 3, count=2, settled_fen=2001, refunds=1, refunded_fen=300))
    bodies.append(campus.closing(1, 3, count=2, settled_fen=2011, refunds=1, refunded_fen=300))
    await campus.gateway.send(*bodies)
    wrong, right = await listed(client, "/canteen/day-closings")
    assert (right["ledger_fen"], right["difference_fen"], right["state"]) == (1701, 0, "balanced")
    assert wrong["difference_fen"] == 10
    assert right["cash_counted_fen"] is None


@pytest.mark.capability("SET-11")
async def test_today_counts_what_came_in_and_says_which_gateways_are_silent(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient
) -> None:
    await campus.gateway.send(campus.sale(1200), campus.sale(800, receipt_no=2), campus.refund(1, 200))
    await campus.gateway.heartbeat(lanes=((campus.lane, "ready", 4),), waiting=0)
    today = (await client.get(f"{API}/canteen/today")).json()
    assert (today["day"], today["sales_fen"], today["settlements"], today["refunds_fen"]) == (DAY, 2000, 2, 200)
    assert today["people"] == 1
    [lane] = today["lanes"]
    assert (lane["state"], lane["queue"], lane["sales_fen"]) == ("ready", 4, 2000)
    assert today["gateways_offline"] == []
    assert [(dish["name_zh"], dish["count"]) for dish in today["top_dishes"]] == [("红烧肉", 2)]
    assert sum(minute["amount_fen"] for minute in today["per_minute"]) == 2000

    from datetime import timedelta

    cloud.core.clock.move(timedelta(minutes=5))  # type: ignore[attr-defined]
    today = (await client.get(f"{API}/canteen/today")).json()
    assert [gateway["name"] for gateway in today["gateways_offline"]] == ["东区网关"]
    assert today["lanes"][0]["state"] == "offline"


async def test_a_list_of_settlements_pages_without_gap_or_repeat(campus: Campus, client: httpx.AsyncClient) -> None:
    await campus.gateway.send(*[campus.sale(100 + n, receipt_no=n) for n in range(1, 8)])
    seen: list[int] = []
    cursor = None
    while True:
        params = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = (await client.get(f"{API}/canteen/settlements", params=params)).json()
        seen += [item["receipt_no"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [7, 6, 5, 4, 3, 2, 1]


async def test_money_of_a_settlement_shows_in_the_persons_flows_with_the_balance_after(
    campus: Campus, client: httpx.AsyncClient
) -> None:
    await campus.gateway.send(campus.sale(1200), campus.refund(1, 200))
    flows = await listed(client, f"/payments/people/{campus.person}/flows")
    assert [(flow["amount_fen"], flow["balance_after_fen"]) for flow in flows] == [
        (200, 9_000),
        (-1_200, 8_800),
        (10_000, 10_000),
    ]
    assert flows[1]["entry_id"] is not None
    assert flows[2]["entry_id"] is None


@pytest.mark.rule(15)
async def test_rule_15_a_dynamic_code_used_twice_posts_twice_and_proposes_a_refund(
    campus: Campus, client: httpx.AsyncClient
) -> None:
    first = campus.sale(1_200, credential_kind=3, code_step=77)
    second = campus.sale(900, receipt_no=2, credential_kind=3, code_step=77)
    other = campus.sale(500, receipt_no=3, credential_kind=3, code_step=78)
    assert (await campus.gateway.send(first, second, other)).applied == 3
    [proposal] = await listed(client, "/canteen/refund-proposals")
    assert (proposal["amount_fen"], proposal["receipt_no"]) == (900, 2)
    path = f"/canteen/settlements/{proposal['entry_id']}/refunds"
    await made(client, path, {"amount_fen": 900, "reason": "动态码重复使用"}, key=True)
    assert await listed(client, "/canteen/refund-proposals") == []


@pytest.mark.rule(10)
async def test_rule_10_a_refund_into_a_cleared_bucket_follows_the_clearing(
    campus: Campus, client: httpx.AsyncClient
) -> None:
    await campus.gateway.send(campus.sale(1_200))
    entry = (await listed(client, "/canteen/settlements"))[0]["entry_id"]
    await made(client, "/payments/clearings", {"bucket_ids": [campus.cash]}, key=True)
    [before] = await listed(client, f"/payments/people/{campus.person}/balances")
    await made(client, f"/canteen/settlements/{entry}/refunds", {"amount_fen": 1_200, "reason": "投诉"}, key=True)
    [after] = await listed(client, f"/payments/people/{campus.person}/balances")
    assert (before["total_fen"], after["total_fen"]) == (8_800 - MEAL_FEN, 8_800 - MEAL_FEN)
    found = (await client.get(f"{API}/canteen/settlements/{entry}")).json()
    assert found["state"] == "refunded"


async def test_a_person_without_the_right_sees_no_settlement(cloud: Cloud, campus: Campus) -> None:
    await campus.gateway.send(campus.sale(1200))
    async with cloud.signed_in(f"cook{cloud.organisation_id}", frozenset({"devices.read"})) as cook:
        answer = await cook.get(f"{API}/canteen/settlements")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    async with cloud.client() as nobody:
        assert (await nobody.get(f"{API}/canteen/settlements")).status_code == 401


async def test_an_unknown_settlement_is_not_found_and_made_money_stays(
    campus: Campus, client: httpx.AsyncClient
) -> None:
    for entry in ("1-1-99", "x", "999999999999999-99999999999-1"):
        assert (await client.get(f"{API}/canteen/settlements/{entry}")).status_code == 404
    assert await made(
        client,
        "/canteen/plates/bindings",
        {
            "uids": ["ABCDEF12"],
            "kind_id": (await made(client, "/canteen/plate-kinds", {"name_zh": "碗", "price_fen": 1}))["id"],
        },
    ) == {"added": 1, "changed": 0}

"""Money set aside for people: top-ups, corrections, subsidies by rule and file, clearing, exceptions, statements."""

import io
from datetime import UTC, datetime, timedelta

import httpx
import openpyxl
import pytest

from cloud.domains.payments.events import MEAL_FEN
from cloud.domains.payments.jobs import lease_again, pay_leavers, too_little_leased
from protocols.journal.kinds import Kind
from protocols.payments.facts import CutoffPassed, LeaseReturned, Movement, ShrinkAnswered
from protocols.sync.messages import LeaseKind
from tests.support.cloud import make_organisation
from tests.support.domains import API, Cloud, listed, made
from tests.support.small_campus import Campus, add_person, open_campus, top_up

NOW = datetime(2026, 11, 20, 4, tzinfo=UTC)


@pytest.fixture
async def campus(cloud: Cloud, client: httpx.AsyncClient) -> Campus:
    return await open_campus(cloud, client)


async def balance(client: httpx.AsyncClient, person: int, bucket: int) -> dict[str, object]:
    found = await listed(client, f"/payments/people/{person}/balances")
    return next((item for item in found if item["bucket_id"] == bucket), {"total_fen": 0, "available_fen": 0})


@pytest.mark.capability("PLT-06")
async def test_a_top_up_sent_twice_with_one_key_is_one_top_up(campus: Campus, client: httpx.AsyncClient) -> None:
    body = {"person_id": campus.person, "bucket_id": campus.cash, "amount_fen": 500}
    first = await client.post(f"{API}/payments/top-ups", json=body, headers={"Idempotency-Key": "one-key-1"})
    again = await client.post(f"{API}/payments/top-ups", json=body, headers={"Idempotency-Key": "one-key-1"})
    other = await client.post(
        f"{API}/payments/top-ups", json={**body, "amount_fen": 600}, headers={"Idempotency-Key": "one-key-1"}
    )
    assert first.json() == again.json()
    assert first.json()["total_fen"] == 10_500
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert (await client.post(f"{API}/payments/top-ups", json=body)).status_code == 422


@pytest.mark.rule(9)
async def test_rule_9_a_correction_downward_takes_available_then_asks_the_site_then_is_owed(
    campus: Campus, client: httpx.AsyncClient
) -> None:
    body = {"person_id": campus.person, "bucket_id": campus.cash, "amount_fen": -12_000, "reason": "录入错误"}
    moved = await made(client, "/payments/corrections", body, key=True)
    assert (moved["available_fen"], moved["asked_fen"], moved["receivable_fen"]) == (0, 10_000 - MEAL_FEN, 2_000)
    [shrink] = [m for m in (await campus.gateway.leases()).messages if m.kind == LeaseKind.SHRINK]
    answer = ShrinkAnswered(shrink.n, campus.person, campus.cash, 10_000 - MEAL_FEN)
    await campus.gateway.send(campus.gateway.body(Kind.SHRINK_ANSWERED, answer, subject=f"p{campus.person}"))
    assert (await balance(client, campus.person, campus.cash))["total_fen"] == 0
    up = {**body, "amount_fen": 700, "reason": "补回"}
    assert (await made(client, "/payments/corrections", up, key=True))["total_fen"] == 700


async def test_a_withdrawal_pays_what_is_available_and_asks_sites_for_the_rest_first(
    campus: Campus, client: httpx.AsyncClient
) -> None:
    body = {"person_id": campus.person, "bucket_id": campus.cash, "amount_fen": 5_000}
    asked = await made(client, "/payments/withdrawals", body, key=True)
    assert (asked["state"], asked["asked_fen"], asked["total_fen"]) == ("asked", 5_000 - MEAL_FEN, 10_000)
    [recall] = [m for m in (await campus.gateway.leases()).messages if m.kind == LeaseKind.RECALL]
    returned = LeaseReturned(recall.n, (Movement(campus.person, campus.cash, 5_000 - MEAL_FEN),))
    await campus.gateway.send(campus.gateway.body(Kind.LEASE_RETURNED, returned))
    paid = await made(client, "/payments/withdrawals", body, key=True)
    assert (paid["state"], paid["total_fen"]) == ("done", 5_000)
    too_much = await client.post(
        f"{API}/payments/withdrawals", json={**body, "amount_fen": 9_000}, headers={"Idempotency-Key": "too-much-1"}
    )
    assert (too_much.status_code, too_much.json()["code"]) == (409, "not_enough")


@pytest.mark.rule(4)
async def test_rule_4_what_came_back_for_a_withdrawal_is_kept_for_some_days_and_not_leased_home_again(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient
) -> None:
    body = {"person_id": campus.person, "bucket_id": campus.cash, "amount_fen": 8_000}

    async def ask_and_get_back(amount_fen: int) -> None:
        asked = await made(client, "/payments/withdrawals", body, key=True)
        assert (asked["state"], asked["asked_fen"]) == ("asked", amount_fen)
        recall = [m for m in (await campus.gateway.leases()).messages if m.kind == LeaseKind.RECALL][-1]
        returned = LeaseReturned(recall.n, (Movement(campus.person, campus.cash, amount_fen),))
        await campus.gateway.send(campus.gateway.body(Kind.LEASE_RETURNED, returned))

    await ask_and_get_back(8_000 - MEAL_FEN)
    assert await lease_again(cloud.core) == 0
    await top_up(client, campus.person, campus.cash, 500)
    assert (await balance(client, campus.person, campus.cash))["available_fen"] == 8_000, "the top-up went home"
    paid = await made(client, "/payments/withdrawals", body, key=True)
    assert (paid["state"], paid["total_fen"]) == ("done", 2_500)
    await top_up(client, campus.person, campus.cash, 7_500)
    assert (await balance(client, campus.person, campus.cash))["available_fen"] == MEAL_FEN, "kept once, paid once"
    await ask_and_get_back(8_000 - MEAL_FEN)
    assert await lease_again(cloud.core) == 0
    cloud.core.clock.move(timedelta(days=4))  # type: ignore[attr-defined]
    assert await lease_again(cloud.core) == 1, "nobody came for it"
    assert await lease_again(cloud.core) == 0


@pytest.mark.rule(4)
async def test_rule_4_an_expired_bucket_is_no_reserve_and_goes_to_no_home(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient
) -> None:
    person = await add_person(client, campus, "E9", "周九")
    await cloud.settle()
    values = {"kind": 2, "name_zh": "十月餐补", "starts_on": "2026-10-01", "expires_on": "2026-10-31"}
    october = await made(client, "/payments/buckets", values)
    await top_up(client, person, campus.cash, 4_000)
    assert (await balance(client, person, campus.cash))["available_fen"] == 4_000 - MEAL_FEN
    await top_up(client, person, october["id"], 5_000)
    assert (await balance(client, person, october["id"]))["available_fen"] == 5_000
    assert (await balance(client, person, campus.cash))["available_fen"] == 4_000 - MEAL_FEN
    assert await lease_again(cloud.core) == 0


async def test_homes_are_sized_by_their_own_organisation_and_not_by_one_above_it(cloud: Cloud) -> None:
    below = await make_organisation(cloud.core.database, "子公司", parent_id=cloud.organisation_id)
    person = below * 10_000
    async with cloud.core.database.transaction(below) as tx:
        await tx.execute("INSERT INTO lease_homes VALUES ($1, $2, $3, 100)", person, below, person)
        await tx.execute(
            "INSERT INTO lease_sites (site, epoch, organisation_id, device, declared_generation)"
            " VALUES ($1, 1, $2, $1, 1)",
            person, below,
        )  # fmt: skip
        await tx.execute(
            "INSERT INTO ledger_balances (owner_kind, owner, bucket, site, epoch, organisation_id, balance)"
            " VALUES (1, $1, $1, 0, 0, $2, 900)",
            person, below,
        )  # fmt: skip
        own = await too_little_leased(tx, most=10, now=NOW, day=20261120)
    async with cloud.core.database.transaction(cloud.organisation_id) as tx:
        above = await too_little_leased(tx, most=10, now=NOW, day=20261120)
    assert (own, person in above) == ([person], False)


@pytest.mark.capability("SET-08", "PLT-06")
@pytest.mark.rule(2, 8)
async def test_rule_8_a_subsidy_is_granted_once_a_person_and_period_into_a_bucket_of_that_period(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient
) -> None:
    blocked = await add_person(client, campus, "E3", "赵六")
    await made(client, f"/identity/people/{blocked}/block", {"reason": "违规"})
    rule = await made(
        client,
        "/payments/subsidy-rules",
        {"name": "月度餐补", "bucket_kind": 2, "group_ids": [campus.group], "amount_fen": 30_000},
    )
    path = f"/payments/subsidy-rules/{rule['id']}/grants"
    dry = await made(client, path, {"period": "2026-11", "dry_run": True}, key=True)
    assert (dry["granted"], dry["bucket_id"], dry["exceptions"][0]["reason"]) == (1, None, "blocked")
    first = await made(client, path, {"period": "2026-11"}, key=True)
    assert (first["granted"], first["already"], first["total_fen"]) == (1, 0, 30_000)
    late = await add_person(client, campus, "E4", "钱七")
    second = await made(client, path, {"period": "2026-11"}, key=True)
    assert (second["granted"], second["already"]) == (1, 1)
    december = await made(client, path, {"period": "2026-12"}, key=True)
    assert december["granted"] == 2
    assert december["bucket_id"] != first["bucket_id"]
    bucket = next(b for b in await listed(client, "/payments/buckets") if b["id"] == first["bucket_id"])
    assert (bucket["starts_on"], bucket["expires_on"], bucket["kind"]) == ("2026-11-01", "2026-11-30", 2)
    assert (await balance(client, late, first["bucket_id"]))["total_fen"] == 30_000
    assert first["bucket_id"] in {
        m.bucket for m in (await campus.gateway.leases()).messages if m.kind == LeaseKind.GRANT
    }
    await cloud.settle()


def workbook(rows: list[list[object]]) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in rows:
        sheet.append(row)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


async def send_file(client: httpx.AsyncClient, content: bytes, *, dry_run: bool = False) -> httpx.Response:
    return await client.post(
        f"{API}/payments/subsidy-files",
        files={"file": ("补贴.xlsx", content)},
        data={"period": "2026-11", "dry_run": str(dry_run).lower()},
    )


@pytest.mark.capability("PLT-06")
async def test_a_subsidy_file_with_errors_grants_nothing_and_names_each_row(
    campus: Campus, client: httpx.AsyncClient
) -> None:
    content = workbook(
        [["工号", "金额", "账户"], ["E1001", "12.50", "餐补"], ["E404", 5, ""], ["E1001", "x", "福利"], ["", 1, "金币"]]
    )
    answer = await send_file(client, content)
    found = answer.json()
    assert (answer.status_code, found["granted"]) == (201, 0)
    assert [(error["row"], error["field"], error["code"]) for error in found["errors"]] == [
        (3, "number", "unknown"),
        (4, "amount", "amount"),
        (5, "number", "missing"),
        (5, "kind", "kind"),
    ]
    assert len(await listed(client, f"/payments/people/{campus.person}/balances")) == 1


@pytest.mark.capability("PLT-06")
@pytest.mark.lesson("formio-resubmit")
async def test_the_same_subsidy_file_sent_again_grants_once(campus: Campus, client: httpx.AsyncClient) -> None:
    content = "工号,金额\nE1001,￥12.50\n".encode("gb18030")
    dry = (await send_file(client, content, dry_run=True)).json()
    first = (await send_file(client, content)).json()
    again = (await send_file(client, content)).json()
    assert (dry["granted"], dry["dry_run"]) == (1, True)
    assert (first["granted"], first["total_fen"], first["repeated"]) == (1, 1250, False)
    assert (again["granted"], again["repeated"]) == (1, True)
    totals = [b["total_fen"] for b in await listed(client, f"/payments/people/{campus.person}/balances")]
    assert sorted(totals) == [1250, 10_000]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04broken", b"\xff\xfe\x00\x01", b"a,b\n1,2\n", b"\x00" * 100])
async def test_a_file_that_is_no_table_is_refused_with_a_typed_error(
    campus: Campus, client: httpx.AsyncClient, content: bytes
) -> None:
    answer = await send_file(client, content)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


@pytest.mark.rule(8)
async def test_rule_8_clearing_waits_for_a_site_until_its_stream_passed_the_cut_off(
    campus: Campus, client: httpx.AsyncClient
) -> None:
    answer = await client.post(
        f"{API}/payments/clearings", json={"bucket_ids": [campus.cash]}, headers={"Idempotency-Key": "clear-nov"}
    )
    [clearing] = answer.json()["items"]
    assert (clearing["state"], clearing["cleared_fen"]) == ("waiting", MEAL_FEN)
    assert [(site["site_name"], site["amount_fen"]) for site in clearing["waiting"]] == [("东区", 10_000 - MEAL_FEN)]
    # a sale made before the marker was seen is posted as it happened
    [cutoff] = [m for m in (await campus.gateway.leases()).messages if m.kind == LeaseKind.CUTOFF]
    passed = CutoffPassed(cutoff.n, (campus.cash,), (Movement(campus.person, campus.cash, 8_800 - MEAL_FEN),))
    await campus.gateway.send(campus.sale(1_200), campus.gateway.body(Kind.CUTOFF_PASSED, passed))
    [clearing] = await listed(client, "/payments/clearings")
    assert (clearing["state"], clearing["cleared_fen"], clearing["waiting"]) == ("cleared", 8_800, [])
    refused = await client.post(
        f"{API}/payments/top-ups",
        json={"person_id": campus.person, "bucket_id": campus.cash, "amount_fen": 1},
        headers={"Idempotency-Key": "after-clearing"},
    )
    assert refused.json()["code"] == "bucket_closed"


@pytest.mark.rule(7)
async def test_rule_7_a_sale_past_its_right_is_posted_and_settled_by_a_person_once(
    campus: Campus, client: httpx.AsyncClient
) -> None:
    answer = await campus.gateway.send(campus.sale(9_000))
    assert answer.applied == 1
    [found] = await listed(client, "/payments/exceptions", state="open")
    assert (found["amount_fen"], found["person_id"]) == (9_000 - (10_000 - MEAL_FEN), campus.person)
    path = f"{API}/payments/exceptions/{found['id']}/settle"
    settled = await client.post(
        path, json={"bearer": "organisation", "note": "认损"}, headers={"Idempotency-Key": "settle-01"}
    )
    assert (settled.status_code, settled.json()["state"]) == (200, "settled")
    again = await client.post(path, json={"bearer": "person"}, headers={"Idempotency-Key": "settle-02"})
    assert again.status_code == 409
    assert await listed(client, "/payments/exceptions", state="open") == []


@pytest.mark.capability("PLT-06", "SET-11")
async def test_a_months_statement_agrees_to_the_fen(campus: Campus, client: httpx.AsyncClient) -> None:
    rule = await made(client, "/payments/subsidy-rules", {"name": "餐补", "bucket_kind": 2, "amount_fen": 3_333})
    await made(client, f"/payments/subsidy-rules/{rule['id']}/grants", {"period": "2026-11"}, key=True)
    await campus.gateway.send(campus.sale(1_201), campus.sale(799, receipt_no=2), campus.refund(1, 301))
    entry = (await listed(client, "/canteen/settlements"))[0]["entry_id"]
    await made(client, f"/canteen/settlements/{entry}/refunds", {"amount_fen": 99, "reason": "投诉"}, key=True)
    found = (await client.get(f"{API}/payments/statement", params={"month": "2026-11"})).json()
    people = found["people"]
    assert (people["topped_up_fen"], people["subsidies_fen"], people["spent_fen"]) == (10_000, 3_333, 2_000)
    assert (people["refunded_fen"], people["closing_fen"], found["balances_fen"]) == (400, 11_733, 11_733)
    assert [(stall["amount_fen"], stall["difference_fen"]) for stall in found["stalls"]] == [(1_600, 0)]
    assert [(gateway["amount_fen"], gateway["difference_fen"]) for gateway in found["gateways"]] == [(1_699, 0)]
    assert found["agrees"] is True
    later = (await client.get(f"{API}/payments/statement", params={"month": "2026-12"})).json()
    assert later["people"]["opening_fen"] == later["people"]["closing_fen"] == 11_733


@pytest.mark.rule(14)
async def test_rule_14_a_leaver_is_paid_what_is_available_now_and_the_rest_as_leases_close(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient
) -> None:
    left = await made(client, f"/identity/people/{campus.person}/leave", {})
    assert left["state"] == "leaving"
    await cloud.settle()
    assert (await balance(client, campus.person, campus.cash))["total_fen"] == 10_000 - MEAL_FEN
    [recall] = [m for m in (await campus.gateway.leases()).messages if m.kind == LeaseKind.RECALL]
    returned = LeaseReturned(recall.n, (Movement(campus.person, campus.cash, 10_000 - MEAL_FEN),))
    await campus.gateway.send(campus.gateway.body(Kind.LEASE_RETURNED, returned))
    assert await pay_leavers(cloud.core) >= 1
    assert await listed(client, f"/payments/people/{campus.person}/balances") == []
    person = (await client.get(f"{API}/identity/people/{campus.person}")).json()
    assert person["state"] == "left"
    assert f"{campus.person}@0" not in await campus.gateway.replica("people")
    paid = [flow["amount_fen"] for flow in await listed(client, f"/payments/people/{campus.person}/flows")]
    assert paid == [MEAL_FEN - 10_000, -MEAL_FEN, 10_000]


async def test_scenes_and_rules_reach_the_site_and_bad_ones_are_refused(
    campus: Campus, client: httpx.AsyncClient
) -> None:
    scene = await made(client, "/payments/scenes", {"lane_kind": 1, "deduct_order": [2, 1], "single_limit_fen": 5_000})
    price = await made(client, "/payments/price-rules", {"lane_kinds": [4], "fixed_fen": 1_800})
    limit = await made(client, "/payments/limit-rules", {"lane_kinds": [4], "per": 1, "times": 1})
    for collection, made_id in (("scenes", scene["id"]), ("price_rules", price["id"]), ("limit_rules", limit["id"])):
        assert f"{made_id}@0" in await campus.gateway.replica(collection)
    rights = [m for m in (await campus.gateway.leases()).messages if m.kind == LeaseKind.STANDING]
    assert [(m.person, m.bucket) for m in rights] == [(campus.person, limit["id"])]
    stopped = await client.patch(f"{API}/payments/price-rules/{price['id']}", json={"stopped": True})
    assert stopped.json()["stopped"] is True
    assert f"{price['id']}@0" not in await campus.gateway.replica("price_rules")
    for path, body in (
        ("/payments/scenes", {"lane_kind": 1, "deduct_order": []}),
        ("/payments/scenes", {"lane_kind": 2, "deduct_order": [1], "ratio": [[1, 400]]}),
        ("/payments/limit-rules", {"per": 1}),
        ("/payments/buckets", {"kind": 9, "name_zh": "x"}),
    ):
        refused = await client.post(f"{API}{path}", json=body)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid")
    await top_up(client, campus.person, campus.cash, 1)


@pytest.mark.rule(25)
async def test_rule_25_people_whose_lease_had_to_be_put_off_get_it_once_every_site_has_declared(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient
) -> None:
    person = await add_person(client, campus, "E8", "孙八")
    await cloud.settle()
    async with cloud.core.database.transaction(cloud.organisation_id) as tx:
        await tx.execute("UPDATE lease_sites SET declared_generation = 0")
    await top_up(client, person, campus.cash, 9_000)
    assert (await balance(client, person, campus.cash))["available_fen"] == 9_000
    await lease_again(cloud.core)
    assert (await balance(client, person, campus.cash))["available_fen"] == 9_000
    async with cloud.core.database.transaction(cloud.organisation_id) as tx:
        await tx.execute("UPDATE lease_sites SET declared_generation = (SELECT generation FROM core_generation)")
    assert await lease_again(cloud.core) == 1
    assert (await balance(client, person, campus.cash))["available_fen"] == MEAL_FEN
    assert await lease_again(cloud.core) == 0


@pytest.mark.rule(4)
async def test_rule_4_what_is_kept_for_visits_goes_home_as_home_comes_down_to_a_meal(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient
) -> None:
    await campus.gateway.send(campus.sale(4_000))
    assert await lease_again(cloud.core) == 0, "10,000 less 4,000 is a meal here and a meal kept back"
    await campus.gateway.send(campus.sale(1_000, receipt_no=2))
    assert await lease_again(cloud.core) == 1
    assert (await balance(client, campus.person, campus.cash))["available_fen"] == 2_000
    assert await lease_again(cloud.core) == 0


@pytest.mark.capability("SET-08")
async def test_a_bucket_that_counts_times_is_named_to_the_ledger_when_it_is_made(
    cloud: Cloud, client: httpx.AsyncClient
) -> None:
    counting = await made(
        client, "/payments/buckets", {"kind": 4, "name_zh": "计次", "name_en": "Passes", "counting": True}
    )
    money = await made(client, "/payments/buckets", {"kind": 4, "name_zh": "福利", "name_en": "Welfare"})
    async with cloud.core.database.transaction(cloud.organisation_id) as tx:
        named = {row["bucket"] for row in await tx.fetch("SELECT bucket FROM ledger_counting_buckets")}
    assert counting["id"] in named
    assert money["id"] not in named

"""From an empty organisation to a gateway that holds everything it needs to sell a lunch."""

import httpx
import pytest

from protocols.canteen.reference import Dish, Lane, Plate, Price
from protocols.payments.credentials import card_key
from protocols.payments.reference import Bucket, Credential, Person
from protocols.sync.codec import decode
from tests.support.domains import Cloud, TestGateway, listed, made


@pytest.mark.capability("IOT-02", "SET-07", "SET-08", "PLT-01")
async def test_what_is_made_in_the_console_reaches_a_new_gateway_as_replica_rows(
    cloud: Cloud, client: httpx.AsyncClient
) -> None:
    site = await made(client, "/places/sites", {"name_zh": "东区"})
    await cloud.settle()
    group = await made(client, "/identity/groups", {"name_zh": "教职工"})
    person = await made(
        client,
        "/identity/people",
        {
            "number": "E1001",
            "name": "张三丰",
            "group_id": group["id"],
            "home_site_id": site["id"],
            "phone": "13800001234",
        },
    )
    await made(client, f"/identity/people/{person['id']}/credentials", {"kind": "card", "uid": "04a1b2c3"})
    bucket = await made(client, "/payments/buckets", {"kind": 1, "name_zh": "现金"})
    canteen = await made(client, "/canteen/canteens", {"site_id": site["id"], "name_zh": "一食堂"})
    stall = await made(client, "/canteen/stalls", {"canteen_id": canteen["id"], "name_zh": "自选"})
    lane = await made(
        client,
        "/canteen/lanes",
        {"canteen_id": canteen["id"], "stall_id": stall["id"], "kind": 1, "name_zh": "1 号结算台", "code": "A1"},
    )
    dish = await made(client, "/canteen/dishes", {"name_zh": "红烧肉"})
    kind = await made(client, "/canteen/plate-kinds", {"name_zh": "白圆盘", "price_fen": 300})
    await made(client, "/canteen/plates/bindings", {"uids": ["e2801160"], "kind_id": kind["id"], "dish_id": dish["id"]})
    price = await made(client, "/canteen/prices", {"dish_id": dish["id"], "price_fen": 1280})
    await made(
        client,
        "/payments/top-ups",
        {"person_id": person["id"], "bucket_id": bucket["id"], "amount_fen": 10_000},
        key=True,
    )
    made_gateway = await made(client, "/devices/gateways", {"name": "东区网关", "site_id": site["id"]})
    await cloud.settle()

    gateway = TestGateway(cloud)
    who = await gateway.join(made_gateway["provisioning_code"])
    await cloud.settle()

    assert (who.site, who.epoch, who.time_zone) == (site["id"], 1, "Asia/Shanghai")
    people = await gateway.replica("people")
    shown = decode(people[f"{person['id']}@0"].body or b"", Person)
    assert (shown.shown_name, shown.home_site) == ("张**", site["id"])
    credentials = await gateway.replica("credentials")
    card = decode(credentials[f"{card_key(who.site_key, '04A1B2C3')}@0"].body or b"", Credential)
    assert (card.person, card.kind) == (person["id"], 1)
    [plate] = [decode(row.body or b"", Plate) for row in (await gateway.replica("plates")).values()]
    assert (plate.uid, plate.dish) == ("E2801160", dish["id"])
    [priced] = [decode(row.body or b"", Price) for row in (await gateway.replica("prices")).values()]
    assert (priced.price_fen, priced.version) == (1280, price["version"])
    assert decode((await gateway.replica("lanes"))[f"{lane['id']}@0"].body or b"", Lane).code == "A1"
    assert decode((await gateway.replica("dishes"))[f"{dish['id']}@0"].body or b"", Dish).name_zh == "红烧肉"
    assert decode((await gateway.replica("buckets"))[f"{bucket['id']}@0"].body or b"", Bucket).kind == 1
    [grant] = [message for message in (await gateway.leases()).messages if message.kind == 1]
    assert (grant.person, grant.bucket, grant.amount) == (person["id"], bucket["id"], 8_000)
    [balance] = await listed(client, f"/payments/people/{person['id']}/balances")
    assert (balance["available_fen"], balance["total_fen"]) == (2_000, 10_000)

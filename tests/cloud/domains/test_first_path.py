"""From an empty organisation to a gateway that holds everything it needs to sell a lunch."""

import httpx
import pytest

from cloud.domains.payments.events import MEAL_FEN
from protocols.canteen.reference import Dish, Lane, Plate, Price
from protocols.payments.credentials import card_key
from protocols.payments.reference import Bucket, Credential, Person
from protocols.sync.codec import decode
from tests.support.domains import Cloud, TestGateway, listed, made
from tests.support.small_campus import open_campus


@pytest.mark.capability("IOT-02", "SET-07", "SET-08", "PLT-01")
async def test_what_is_made_in_the_console_reaches_a_new_gateway_as_replica_rows(
    cloud: Cloud, client: httpx.AsyncClient
) -> None:
    campus = await open_campus(cloud, client)
    await made(client, f"/identity/people/{campus.person}/credentials", {"kind": "card", "uid": "04a1b2c3"})
    kind = await made(client, "/canteen/plate-kinds", {"name_zh": "白圆盘", "price_fen": 300})
    binding = {"uids": ["e2801160"], "kind_id": kind["id"], "dish_id": campus.dish}
    await made(client, "/canteen/plates/bindings", binding)
    gateway = campus.gateway
    who = gateway.who
    assert who is not None
    assert (who.site, who.epoch, who.time_zone) == (campus.site, 1, "Asia/Shanghai")
    shown = decode((await gateway.replica("people"))[f"{campus.person}@0"].body or b"", Person)
    assert (shown.shown_name, shown.home_site) == ("张**", campus.site)
    credentials = await gateway.replica("credentials")
    card = decode(credentials[f"{card_key(who.site_key, '04A1B2C3')}@0"].body or b"", Credential)
    assert (card.person, card.kind) == (campus.person, 1)
    await check_goods(gateway, campus.dish)
    assert decode((await gateway.replica("lanes"))[f"{campus.lane}@0"].body or b"", Lane).canteen == campus.canteen
    assert decode((await gateway.replica("buckets"))[f"{campus.cash}@0"].body or b"", Bucket).kind == 1
    [grant] = [message for message in (await gateway.leases()).messages if message.kind == 1]
    assert (grant.person, grant.bucket, grant.amount) == (campus.person, campus.cash, 7_000)
    [balance] = await listed(client, f"/payments/people/{campus.person}/balances")
    assert (balance["available_fen"], balance["total_fen"]) == (MEAL_FEN, 10_000)


async def check_goods(gateway: TestGateway, dish: int) -> None:
    [plate] = [decode(row.body or b"", Plate) for row in (await gateway.replica("plates")).values()]
    assert (plate.uid, plate.dish) == ("E2801160", dish)
    [priced] = [decode(row.body or b"", Price) for row in (await gateway.replica("prices")).values()]
    assert priced.price_fen == 1200
    assert decode((await gateway.replica("dishes"))[f"{dish}@0"].body or b"", Dish).name_zh == "红烧肉"

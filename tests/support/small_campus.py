"""One site with a canteen, a lane, a dish, a diner with money and a gateway that is online: for tests of domains."""

from dataclasses import dataclass
from typing import Any

import httpx

from protocols.journal.kinds import Kind
from protocols.payments.facts import DayClosed, Line, Refund, Settlement, Share
from tests.support.domains import Cloud, TestGateway, made

DAY = 20261120


@dataclass
class Campus:
    """Ids of what was made, and the site's gateway."""

    site: int
    group: int
    canteen: int
    stall: int
    lane: int
    dish: int
    cash: int
    person: int
    gateway: TestGateway
    code: str

    def settlement(
        self, amount_fen: int, *, person: int = 0, receipt_no: int = 1, bucket: int = 0, **changes: Any
    ) -> Settlement:
        """A plate lane's sale of one dish."""
        fields: dict[str, Any] = {
            "attempt": f"A1-{receipt_no}", "lane": self.lane, "canteen": self.canteen, "stall": self.stall,
            "person": person or self.person, "period": 0, "business_day": DAY, "receipt_no": receipt_no,
            "gross_fen": amount_fen, "discount_fen": 0, "fee_fen": 0, "amount_fen": amount_fen,
            "shares": (Share(bucket or self.cash, amount_fen),), "uses": (),
            "lines": (Line(self.dish, "E2801160", 1, 0, amount_fen, amount_fen),), "credential_kind": 1,
            "credential": 1, "code_step": 0,
        }  # fmt: skip
        return Settlement(**{**fields, **changes})

    def sale(self, amount_fen: int, **changes: Any) -> bytes:
        """The next entry: a settlement."""
        paid = self.settlement(amount_fen, **changes)
        self.gateway.sum_fen += amount_fen
        return self.gateway.body(Kind.SETTLEMENT, paid, subject=f"p{paid.person}")

    def refund(self, seq: int, amount_fen: int, *, refund_no: int = 1) -> bytes:
        """The next entry: money back for the settlement `seq`."""
        who = self.gateway.who
        assert who is not None
        back = Refund(
            attempt=f"R-{seq}-{refund_no}", lane=self.lane, canteen=self.canteen, stall=self.stall, person=self.person,
            device=who.device, epoch=who.epoch, seq=seq, refund_no=refund_no, reason=1, note_code=0, operator=3,
            business_day=DAY, amount_fen=amount_fen, shares=(Share(self.cash, amount_fen),), items=(),
        )  # fmt: skip
        self.gateway.sum_fen -= amount_fen
        return self.gateway.body(Kind.REFUND, back, subject=f"p{self.person}")

    def closing(
        self, first_seq: int, last_seq: int, *, count: int, settled_fen: int, refunds: int, refunded_fen: int
    ) -> bytes:
        """The next entry: the lane's day is closed."""
        closed = DayClosed(
            self.lane, self.canteen, DAY, first_seq, last_seq, count, settled_fen, refunds, refunded_fen, 0, -1, 1, 3
        )
        return self.gateway.body(Kind.DAY_CLOSED, closed)


async def add_person(client: httpx.AsyncClient, campus: Campus, number: str, name: str = "李四") -> int:
    """One more diner."""
    person = {"number": number, "name": name, "group_id": campus.group, "home_site_id": campus.site}
    return int((await made(client, "/identity/people", person))["id"])


async def top_up(client: httpx.AsyncClient, person: int, bucket: int, amount_fen: int) -> dict[str, Any]:
    """Money into a bucket."""
    body = {"person_id": person, "bucket_id": bucket, "amount_fen": amount_fen}
    return await made(client, "/payments/top-ups", body, key=True)


async def open_campus(cloud: Cloud, client: httpx.AsyncClient, *, money_fen: int = 10_000) -> Campus:
    """Make it all through the API; the gateway holds the diner's money less one meal."""
    site = (await made(client, "/places/sites", {"name_zh": "东区"}))["id"]
    await cloud.settle()
    group = (await made(client, "/identity/groups", {"name_zh": "教职工"}))["id"]
    newcomer = {"number": "E1001", "name": "张三丰", "group_id": group, "home_site_id": site, "phone": "13800001234"}
    person = (await made(client, "/identity/people", newcomer))["id"]
    cash = (await made(client, "/payments/buckets", {"kind": 1, "name_zh": "现金"}))["id"]
    canteen = (await made(client, "/canteen/canteens", {"site_id": site, "name_zh": "一食堂"}))["id"]
    stall = (await made(client, "/canteen/stalls", {"canteen_id": canteen, "name_zh": "自选"}))["id"]
    lane = {"canteen_id": canteen, "stall_id": stall, "kind": 1, "name_zh": "1 号结算台", "code": f"A{site}"}
    lane_id = (await made(client, "/canteen/lanes", lane))["id"]
    dish = (await made(client, "/canteen/dishes", {"name_zh": "红烧肉"}))["id"]
    await made(client, "/canteen/prices", {"dish_id": dish, "price_fen": 1200})
    gateway = TestGateway(cloud)
    code = (await made(client, "/devices/gateways", {"name": "东区网关", "site_id": site}))["provisioning_code"]
    await cloud.settle()
    await gateway.join(code)
    await cloud.settle()
    campus = Campus(site, group, canteen, stall, lane_id, dish, cash, person, gateway, code)
    if money_fen:
        await top_up(client, person, cash, money_fen)
    return campus

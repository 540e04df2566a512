"""A lunch at one gateway for benches: people with money, dishes on plates, and the canteen's own checkout."""

import itertools
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from edge.kiosk.server import Kiosk
from edge.stations.canteen.checkout import Asked, Checkout
from edge.stations.canteen.identify import Payer
from edge.stations.canteen.receipts import Receipt
from edge.stations.canteen.station import build_desk
from edge.stations.canteen.tables import CANTEEN_SCHEMA
from edge.stations.gateway import Gateway, GatewaySettings
from edge.store.writer import Writer
from protocols.canteen.reference import Canteen, Dish, Lane, Plate, PlateKind, Price
from protocols.payments.credentials import card_key
from protocols.payments.facts import Line
from protocols.payments.reference import Bucket, Credential, LaneKind, MealPeriod, Person, PriceRule, Scene
from protocols.sync.messages import ReplicaPage, ReplicaRow
from tests.support.edge import SITE, SITE_KEY, granted, site_at

PEOPLE = 2_000
POOL = 6_000  # plates known to the gateway
LANES = 8
PLATES = 3
_EVER = 99_991_231


@dataclass
class Lunch:
    """A gateway where people may pay at once; each sale is of three plates never seen before."""

    gateway: Gateway
    checkout: Checkout
    lanes: list[Lane]
    payers: list[Payer]
    _numbers: Iterator[int]

    @property
    def writer(self) -> Writer:
        return self.gateway.site.writer

    def asked(self, lane: int) -> Asked:
        number = next(self._numbers)
        lines = tuple(Line(5, f"E0040150{number:06X}{i:02X}", 1, 0, 600, 600) for i in range(PLATES))
        return Asked(secrets.token_hex(8), self.lanes[lane], self.payers[number % PEOPLE], lines, 600 * PLATES)

    async def settle(self, lane: int) -> Receipt:
        """One sale, durable."""
        found = await self.writer.submit(partial(self.checkout.unit, self.asked(lane)))
        assert isinstance(found, Receipt), found
        return found

    async def settle_many(self, lane: int, count: int) -> None:
        """A lane with a queue: the next diner as soon as one has paid."""
        for _ in range(count):
            await self.settle(lane)


@contextmanager
def lunch_at(folder: Path, *, vfs: str = "", settings: GatewaySettings | None = None) -> Iterator[Lunch]:
    """Open a gateway and fill it."""
    with site_at(folder, schemas=(CANTEEN_SCHEMA,), vfs=vfs, settings=settings) as gateway:
        site = gateway.site
        site.time.anchor(server_ms=site.time.now_ms(), round_trip_ms=20)
        _fill(gateway)
        granted(site, range(1, PEOPLE + 1), amount=100_000_000)
        checkout = build_desk(site, Kiosk(host="127.0.0.1", port=0, health=dict)).checkout
        credentials = [Credential(person, 1, person, b"", 0, _EVER, 0) for person in range(1, PEOPLE + 1)]
        payers = [Payer(credential.person, credential) for credential in credentials]
        yield Lunch(gateway, checkout, _lanes(), payers, itertools.count(1))


def plate(number: int) -> str:
    """The uid of one of the pool's plates."""
    return f"E00401500000{number:04X}"


def card(person: int) -> str:
    """The uid of a person's card."""
    return f"04A1{person:010X}"


def _lanes() -> list[Lane]:
    return [Lane(n, 1, 1, LaneKind.PLATE, f"{n} 号结算台", f"Lane {n}", f"A{n}") for n in range(1, LANES + 1)]


def _fill(gateway: Gateway) -> None:
    records: dict[str, list[tuple[str, msgspec.Struct]]] = {
        "people": [(str(n), Person(n, f"N{n}", "张*", 1, SITE, 0, _EVER, "", 0)) for n in range(1, PEOPLE + 1)],
        "buckets": [("1", Bucket(1, 1, "现金", "Cash", 0, _EVER, (), (), (), 0, 0, 0))],
        "scenes": [("1", Scene(1, LaneKind.PLATE, 0, (1,), (), 0, 0))],
        "price_rules": [("1", PriceRule(1, 1, (), (), (), (), 1000, 0, 1000, 0, 0, -1))],
        "periods": [("2", MealPeriod(2, "午餐", "Lunch", 0, 1_440, (), ()))],
        "canteens": [("1", Canteen(1, SITE, "一食堂", "Canteen 1", 0))],
        "lanes": [(str(lane.id), lane) for lane in _lanes()],
        "dishes": [("5", Dish(5, "红烧肉", "Braised pork", "", by_weight=False))],
        "prices": [("5:0", Price(5, 0, 600, 1))],
        "plate_kinds": [("1", PlateKind(1, "大盘", "Large", 600, "blue"))],
        "plates": [(plate(n), Plate(plate(n), 1, 5, stopped=False)) for n in range(POOL)],
        "credentials": [
            (card_key(SITE_KEY, card(n)), Credential(n, 1, n, b"", 0, _EVER, 0)) for n in range(1, PEOPLE + 1)
        ],
    }
    for name, rows in records.items():
        put_records(gateway, name, rows)


def put_records(gateway: Gateway, collection: str, rows: list[tuple[str, msgspec.Struct]]) -> None:
    """Put records straight into a replica, as a page of the cloud would."""
    made = tuple(ReplicaRow(key, n, 0, msgspec.msgpack.encode(row)) for n, (key, row) in enumerate(rows, 1))
    page = ReplicaPage(collection, 1, len(made), True, False, made, b"")
    replica = gateway.site.replica
    replica._writer.run(partial(replica._apply_delta, [page]))

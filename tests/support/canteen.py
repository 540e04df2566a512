"""A small canteen to test with: reference records, a site that holds them, devices played by hand, and its station."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from functools import cache, partial
from pathlib import Path
from time import monotonic
from typing import Any

import msgspec

from edge.core.clock import ManualClock
from edge.drivers.base import (
    CardTap,
    InventoryRound,
    Link,
    Passage,
    PrinterStatus,
    ReceiptDocument,
    Refused,
    Scan,
    Tag,
    WeightReading,
)
from edge.stations.canteen.desk import Desk
from edge.stations.canteen.station import SCHEMA, Station
from edge.stations.site import KioskSettings, LaneSettings, RecognitionSettings, Site, SiteSettings, StationSettings
from protocols.canteen.reference import Canteen, Dish, Lane, Operator, Plate, PlateKind, Price, Scale
from protocols.payments.credentials import card_key, code_key, hash_pin, phone_key
from protocols.payments.reference import BucketKind, Credential, CredentialKind, LaneKind
from protocols.sync.messages import ReplicaPage, ReplicaRow
from tests.support.edge import SITE, SITE_KEY, gateway_settings, granted, site_at
from tests.support.payment_rules import make_bucket, make_period, make_person, make_price_rule, make_scene

CASH, MEAL = 10, 20
PLATE_LANE = Lane(1, 1, 11, LaneKind.PLATE, "1 号结算台", "Lane 1", "A1")
WEIGH_LANE = Lane(2, 1, 11, LaneKind.WEIGH, "自助称重 1", "Weigh 1", "B1", station=1, dish=6)
POS_LANE = Lane(3, 1, 12, LaneKind.POS, "面档", "Noodles", "C1")
GATE_LANE = Lane(4, 1, 13, LaneKind.GATE, "自助餐入口", "Buffet", "D1")
OTHER_PLATE_LANE = Lane(5, 1, 11, LaneKind.PLATE, "2 号结算台", "Lane 2", "A2")
LANES = (PLATE_LANE, WEIGH_LANE, POS_LANE, GATE_LANE, OTHER_PLATE_LANE)
RICE, PORK, FISH = "E0040150000000A1", "E0040150000000A2", "E0040150000000A3"
BOWL, TRAY, STOPPED, PRICELESS = "E0040150000000B1", "E0040150000000C1", "E0040150000000D1", "E0040150000000D2"
CARDS = {person: f"0A0B0C{person:02X}" for person in range(1, 8)}
TOKENS = {person: f"STATICTOKEN{'ABCDEFGH'[person]}" for person in range(1, 8)}
PHONE, PIN = "13800000001", "246810"
OPERATOR_CARD, OPERATOR_PIN = "0F0F0F0F", "112233"


@cache
def pin_hash(pin: str) -> bytes:
    """A slow hash, made once for all tests."""
    return hash_pin(pin, b"s" * 16)


def records() -> dict[str, dict[str, Any]]:
    """Reference records by collection and key."""
    return {**people(), **rules(), **canteen()}


def people() -> dict[str, dict[str, Any]]:
    """Diners, their credentials, operators."""
    found = {str(n): make_person(id=n, number=f"{n:04}", shown_name=f"张{n}*", home_site=SITE) for n in CARDS}
    found["5"] = make_person(id=5, shown_name="访*", home_site=9)
    found["6"] = make_person(id=6, shown_name="停*", home_site=SITE, blocked="left")
    found["7"] = make_person(id=7, shown_name="密*", home_site=SITE, pin_over_fen=1_000)
    credentials: dict[str, Any] = {}
    for person, uid in CARDS.items():
        credentials[card_key(SITE_KEY, uid)] = Credential(100 + person, CredentialKind.CARD, person, b"", 0, 0, 0)
        token = TOKENS[person]
        credentials[code_key(SITE_KEY, token)] = Credential(
            200 + person, CredentialKind.STATIC_CODE, person, b"", 0, 0, 0
        )
        credentials[f"dyn:{person}"] = Credential(300 + person, CredentialKind.DYNAMIC_CODE, person, b"", 0, 0, 0)
    secret = pin_hash(PIN)
    credentials[phone_key(SITE_KEY, PHONE)] = Credential(401, CredentialKind.PHONE_PIN, 1, secret, 0, 0, 3_000)
    credentials[phone_key(SITE_KEY, "13800000007")] = Credential(407, CredentialKind.PHONE_PIN, 7, secret, 0, 0, 0)
    return {
        "people": found,
        "credentials": credentials,
        "credential_ages": {},
        "operators": {
            "1": Operator(1, 90, "李*", card_key(SITE_KEY, OPERATOR_CARD), pin_hash(OPERATOR_PIN), 0),
            "2": Operator(2, 91, "王*", "", pin_hash(OPERATOR_PIN), 500),
        },
    }


def rules() -> dict[str, dict[str, Any]]:
    """Rules of payment."""
    order = (BucketKind.MEAL, BucketKind.CASH)
    return {
        "buckets": {
            str(CASH): make_bucket(CASH),
            str(MEAL): make_bucket(MEAL, BucketKind.MEAL, name_zh="餐补", name_en="Meal"),
        },
        "scenes": {str(kind): make_scene(*order, id=kind, lane_kind=kind) for kind in (1, 2, 3, 4)},
        "price_rules": {"1": make_price_rule(lane_kinds=(LaneKind.GATE,), fixed_fen=1_500)},
        "limit_rules": {},
        "periods": {"2": make_period(2, 0, 1440)},
    }


def canteen() -> dict[str, dict[str, Any]]:
    """The canteen, its lanes, dishes, prices, plates and scales."""
    return {
        "canteens": {"1": Canteen(1, SITE, "一食堂", "Canteen 1", 0)},
        "lanes": {str(lane.id): lane for lane in LANES},
        "dishes": {
            "1": Dish(1, "米饭", "Rice", "主食", by_weight=False),
            "2": Dish(2, "红烧肉", "Braised pork", "荤菜", by_weight=False),
            "3": Dish(3, "清蒸鱼", "Steamed fish", "荤菜", by_weight=False),
            "4": Dish(4, "无价菜", "No price", "素菜", by_weight=False),
            "6": Dish(6, "自选小炒", "Stir-fry", "称重", by_weight=True),
        },
        "prices": {
            "1:0": Price(1, 0, 100, 1),
            "2:0": Price(2, 0, 900, 1),
            "3:0": Price(3, 0, 1_200, 1),
            "6:0": Price(6, 0, 4_000, 1),
        },
        "plate_kinds": {
            "1": PlateKind(1, "圆盘", "Round plate", 0, "white"),
            "2": PlateKind(2, "蓝碗", "Blue bowl", 300, "blue"),
            "3": PlateKind(3, "托盘", "Tray", 0, "tray"),
        },
        "plates": {
            RICE: Plate(RICE, 1, 1, stopped=False),
            PORK: Plate(PORK, 1, 2, stopped=False),
            FISH: Plate(FISH, 1, 3, stopped=False),
            BOWL: Plate(BOWL, 2, 0, stopped=False),
            TRAY: Plate(TRAY, 3, 0, stopped=False),
            STOPPED: Plate(STOPPED, 1, 1, stopped=True),
            PRICELESS: Plate(PRICELESS, 1, 4, stopped=False),
        },
        "scales": {"2": Scale(2, 20, 30_000, 5, 20991231)},
    }


async def fill(site: Site, found: dict[str, dict[str, Any]]) -> None:
    """Put records into a site's replica, each collection whole."""
    for collection, rows in found.items():
        await put(site, collection, rows, reset=True)


async def put(
    site: Site, collection: str, rows: dict[str, Any], *, reset: bool = False, from_ms: int = 0, version: int = 0
) -> None:
    """Apply one delta of a collection; None is a tombstone."""
    version = version or site.replica.version(collection) + 1
    made = tuple(
        ReplicaRow(key, version, from_ms, None if row is None else msgspec.msgpack.encode(row))
        for key, row in rows.items()
    )
    await site.replica.apply(
        ReplicaPage(collection, site.replica.head(collection).generation, version, reset, False, made, b"")
    )


@asynccontextmanager
async def canteen_at(
    folder: Path,
    *,
    lanes: Iterable[LaneSettings] = (),
    clock: ManualClock | None = None,
    change: Callable[[dict[str, dict[str, Any]]], None] = lambda _: None,
    online: bool = True,
    grant: dict[int, int] | None = None,
    settings: StationSettings | None = None,
    port: int = 0,
    recognition: RecognitionSettings | None = None,
) -> AsyncIterator[Station]:
    """A station over a provisioned site, its records filled and people given `grant` fen of cash (default ¥100)."""
    made = SiteSettings(
        kiosk=KioskSettings(port=port),
        station=settings or StationSettings(),
        recognition=recognition or RecognitionSettings(networks=str(folder / "no-networks")),
        lane=tuple(lanes),
    )
    with site_at(folder, schemas=(SCHEMA,), clock=clock, settings=gateway_settings(site=made)) as gateway:
        site = gateway.site
        first_time = not site.replica.version("people")
        if first_time:
            found = records()
            change(found)
            await fill(site, found)
            for person, amount in (dict.fromkeys(CARDS, 10_000) if grant is None else grant).items():
                await asyncio.to_thread(partial(granted, site, [person], bucket=CASH, amount=amount))
        site.replica.confirm_fresh(site.time.now_ms())
        site.link.set_online(online=online)
        yield Station(site)


class Hand:
    """A device played by hand: what it says is put into its stream."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._said: asyncio.Queue[Any] = asyncio.Queue()
        self._said.put_nowait(Link(up=True, reason="", at_monotonic_s=monotonic()))

    def say(self, item: Any) -> None:
        self._said.put_nowait(item)

    def unplug(self) -> None:
        self.say(Link(up=False, reason="unplugged", at_monotonic_s=monotonic()))

    def plug(self) -> None:
        self.say(Link(up=True, reason="", at_monotonic_s=monotonic()))

    async def close(self) -> None:
        return None

    async def _stream(self) -> AsyncGenerator[Any, None]:
        while True:
            yield await self._said.get()


class HandReader(Hand):
    """A tray reader: `lay` says a round of these plates."""

    def rounds(self) -> AsyncGenerator[Any, None]:
        return self._stream()

    def lay(self, *uids: str, times: int = 5, rssi: int | None = None) -> None:
        for _ in range(times):
            self.say(InventoryRound(frozenset(Tag(uid, rssi) for uid in uids), monotonic()))


class HandCard(Hand):
    """A card reader."""

    def taps(self) -> AsyncGenerator[Any, None]:
        return self._stream()

    def tap(self, uid: str) -> None:
        self.say(CardTap(uid, monotonic()))


class HandScanner(Hand):
    """A code scanner."""

    def scans(self) -> AsyncGenerator[Any, None]:
        return self._stream()

    def scan(self, text: str) -> None:
        self.say(Scan(text, monotonic()))


class HandScale(Hand):
    """A scale: `weigh` says a stable weight."""

    def readings(self) -> AsyncGenerator[Any, None]:
        return self._stream()

    def weigh(self, weight_g: int, *, stable: bool = True, overload: bool = False) -> None:
        self.say(
            WeightReading(
                weight_mg=weight_g * 1000,
                stable=stable,
                overload=overload,
                zero=weight_g == 0,
                net=False,
                tare_mg=0,
                sequence=1,
                at_monotonic_s=monotonic(),
            )
        )


class HandDoor(Hand):
    """A turnstile: opened so often; `walk` says a passage."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.opened = 0
        self.broken = False
        self._count = 0

    def passages(self) -> AsyncGenerator[Any, None]:
        return self._stream()

    async def open(self, *, duration_s: float) -> None:
        if self.broken:
            raise Refused("relay", "stuck")
        self.opened += 1

    def walk(self) -> None:
        self._count += 1
        self.say(Passage(self._count, monotonic()))


class HandPrinter(Hand):
    """A printer: what it printed; `paper` False makes it refuse."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.paper = True
        self.printed: list[ReceiptDocument] = []

    async def print_receipt(self, document: ReceiptDocument) -> None:
        if not self.paper:
            raise Refused("paper_out")
        self.printed.append(document)

    async def status(self) -> PrinterStatus:
        return PrinterStatus(online=True, paper=self.paper, paper_low=False, cover_closed=True, error=False)


async def until(holds: Callable[[], Any], *, within_s: float = 5.0) -> Any:
    """Wait until it holds; AssertionError when it does not in time."""
    deadline_s = monotonic() + within_s
    while not (found := holds()):
        assert monotonic() < deadline_s, "it did not come true in time"
        await asyncio.sleep(0.005)
    return found


def spent_fen(desk: Desk, person: int, bucket: int = CASH, granted_fen: int = 10_000) -> int:
    """What the person has spent here of what was granted."""
    return granted_fen - desk.site.leases.balance(person, bucket)

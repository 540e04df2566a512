"""What every lane of the gateway shares, built once and handed down."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

from edge.drivers.base import ReceiptDocument
from edge.kiosk.server import Kiosk
from edge.stations.canteen.cash import Cash
from edge.stations.canteen.catalogue import Catalogue
from edge.stations.canteen.checkout import Checkout
from edge.stations.canteen.closing import Closing
from edge.stations.canteen.eyes import Eyes
from edge.stations.canteen.faces import Faces
from edge.stations.canteen.history import History
from edge.stations.canteen.identify import Identifier
from edge.stations.canteen.operators import Operators
from edge.stations.canteen.plates import PaidPlates
from edge.stations.canteen.portions import Portions
from edge.stations.canteen.printing import Names, receipt_document
from edge.stations.canteen.receipts import Receipt
from edge.stations.canteen.refunds import Refunds
from edge.stations.canteen.seeing import Looking
from edge.stations.canteen.trays import Trays
from edge.stations.site import Site
from protocols.canteen.reference import Lane
from protocols.payments.facts import Share


@dataclass(frozen=True)
class Desk:
    """Services of the canteen, one of each for all lanes."""

    site: Site
    kiosk: Kiosk
    catalogue: Catalogue
    identifier: Identifier
    checkout: Checkout
    refunds: Refunds
    cash: Cash
    closing: Closing
    history: History
    operators: Operators
    plates: PaidPlates
    trays: Trays
    looking: Looking
    eyes: Eyes
    faces: Faces
    portions: Portions
    alerts: dict[str, str] = field(default_factory=dict)

    @property
    def zone(self) -> tzinfo:
        """The site's time zone."""
        return self.site.zone

    def now_ms(self) -> int:
        """Best known UTC."""
        return self.site.time.now_ms()

    def monotonic_ms(self) -> int:
        """The steady clock."""
        return self.site.time.monotonic_ms()

    def link(self) -> dict[str, Any]:
        """How the site stands with the cloud, for a screen."""
        state = self.site.link.state
        waiting = max(0, self.site.journal.head_seq - self.site.journal.applied_through)
        return {"online": state.online, "since_ms": state.since_ms, "waiting": waiting}

    def shown_name(self, person: int) -> str:
        """The masked name."""
        found = self.catalogue.person(person, self.now_ms())
        return found.shown_name if found else ""

    def dish_name(self, dish: int, kind: int = 0) -> dict[str, str]:
        """A dish's name, or that of the tableware where no dish is bound."""
        now_ms = self.now_ms()
        found = self.catalogue.dish(dish, now_ms) if dish else None
        named = found or (self.catalogue.plate_kind(kind, now_ms) if kind else None)
        return {"zh": named.name_zh, "en": named.name_en} if named else {"zh": "餐品", "en": "Item"}

    def menu(self, canteen: int) -> list[dict[str, Any]]:
        """Dishes sold by the portion at a canteen, with today's prices."""
        now_ms = self.now_ms()
        found = []
        for dish in self.catalogue.dishes(now_ms):
            price_fen = self.catalogue.price_fen(dish.id, canteen, now_ms)
            if price_fen is not None and not dish.by_weight:
                names = {"zh": dish.name_zh, "en": dish.name_en}
                found.append({"id": dish.id, **names, "category": dish.category, "price_fen": price_fen})
        return sorted(found, key=lambda one: (one["category"], one["id"]))

    def bucket_name(self, bucket: int) -> dict[str, str]:
        """A wallet's name."""
        found = self.catalogue.bucket(bucket, self.now_ms())
        return {"zh": found.name_zh, "en": found.name_en} if found else {"zh": "账户", "en": "Account"}

    def shares(self, shares: tuple[Share, ...]) -> list[dict[str, Any]]:
        """Shares with the names of their wallets."""
        return [{**self.bucket_name(share.bucket), "amount_fen": share.amount} for share in shares]

    def balances(self, person: int) -> list[dict[str, Any]]:
        """What a person can still spend here."""
        held: Mapping[int, int] = self.site.leases.balances(person)
        now_ms = self.now_ms()
        found = []
        for number, amount in sorted(held.items()):
            bucket = self.catalogue.bucket(number, now_ms)
            if bucket is not None and (amount or not bucket.expires_on):
                unit = "count" if bucket.counting else "fen"
                found.append({"zh": bucket.name_zh, "en": bucket.name_en, "amount_fen": amount, "unit": unit})
        return found

    def paper(self, receipt: Receipt, lane: Lane, *, copy: bool) -> ReceiptDocument:
        """A receipt for the printer."""
        canteen = self.catalogue.canteen(lane.canteen, self.now_ms())
        names = Names(
            canteen=canteen.name_zh if canteen else "食堂",
            lane=lane.name_zh,
            dishes={line.dish: self.dish_name(line.dish)["zh"] for line in receipt.lines},
            buckets={share.bucket: self.bucket_name(share.bucket)["zh"] for share in receipt.shares},
            person=self.shown_name(receipt.person),
        )
        return receipt_document(receipt, names, self.zone, copy=copy)

    def receipt(self, receipt: Receipt) -> dict[str, Any]:
        """A receipt for a screen."""
        return {
            "entry": str(receipt.entry),
            "receipt_no": receipt.receipt_no,
            "number": receipt.number,
            "amount_fen": receipt.amount_fen,
            "discount_fen": receipt.discount_fen,
            "fee_fen": receipt.fee_fen,
            "attempt": receipt.attempt,
            "mark": receipt.mark,
            "person": self.shown_name(receipt.person),
            "shares": self.shares(receipt.shares),
            "clock_ms": receipt.business_ms,
        }

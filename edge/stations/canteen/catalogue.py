"""What lanes look up: people, credentials, dishes, prices, plates and the rules in force, all from the replica."""

from datetime import tzinfo
from typing import Any, Final, NamedTuple, Protocol

from protocols.canteen.reference import Canteen, Dish, Lane, Operator, Plate, PlateKind, Price, Scale
from protocols.payments.periods import Calendar
from protocols.payments.plan import RuleBook
from protocols.payments.reference import Bucket, BucketKind, Credential, CredentialKind, FaceRecord, MealPeriod, Person

_RULES: Final = ("buckets", "scenes", "price_rules", "limit_rules", "periods", "credential_ages", "canteens")
_NEVER_MS: Final = 2**62


class Reference(Protocol):
    """The replica as lanes read it."""

    def get(self, collection: str, key: str, at_ms: int) -> Any:
        """The record in force at an instant, or None."""

    def rows(self, collection: str, at_ms: int) -> Any:
        """Every record in force at an instant."""

    def version(self, collection: str) -> int:
        """The version applied of a collection."""

    def next_change_ms(self, collection: str, after_ms: int) -> int | None:
        """When a record already here comes into force or ends next."""

    def age_s(self) -> int:
        """How long ago the replica was known to be whole and new."""


class _InForce(NamedTuple):
    from_ms: int
    until_ms: int
    versions: tuple[int, ...]
    rules: RuleBook
    calendars: dict[int, Calendar]


class Catalogue:
    """Typed look-ups. Rules are made ready once, and anew when a version changes or a record comes into force."""

    def __init__(self, replica: Reference, *, zone: tzinfo) -> None:
        self.replica = replica
        self.zone = zone
        self._in_force = _InForce(0, 0, (), RuleBook(buckets=(), scenes=()), {})
        self._pins: dict[int, Credential] = {}
        self._pins_of = -1

    @property
    def prices_version(self) -> int:
        """The version of the price list, for the entries that use it (rule 12)."""
        return self.replica.version("prices")

    @property
    def rules_version(self) -> int:
        """One number that rises with any change of the rules."""
        return max(self._versions())

    def rules(self, at_ms: int) -> RuleBook:
        """The rules in force at an instant."""
        return self._at(at_ms).rules

    def calendar(self, canteen: int, at_ms: int) -> Calendar:
        """Meal periods and business days of a canteen."""
        now = self._at(at_ms)
        calendar = now.calendars.get(canteen)
        if calendar is None:
            found: Canteen | None = self.replica.get("canteens", str(canteen), at_ms)
            starts = found.day_starts_minute if found else 0
            calendar = now.rules.calendar(canteen=canteen, zone=self.zone, day_starts_minute=starts)
            now.calendars[canteen] = calendar
        return calendar

    def person(self, person: int, at_ms: int) -> Person | None:
        """A diner."""
        found: Person | None = self.replica.get("people", str(person), at_ms)
        return found

    def credential(self, key: str, at_ms: int) -> Credential | None:
        """A credential by its replica key."""
        found: Credential | None = self.replica.get("credentials", key, at_ms)
        return found

    def face(self, person: int, at_ms: int) -> FaceRecord | None:
        """The templates of somebody who may pay by face here."""
        found: FaceRecord | None = self.replica.get("faces", str(person), at_ms)
        return found

    def faces(self, at_ms: int) -> list[FaceRecord]:
        """Everybody who may."""
        return list(self.replica.rows("faces", at_ms))

    def pin_of(self, person: int, at_ms: int) -> Credential | None:
        """The credential that holds a person's PIN, found by person."""
        version = self.replica.version("credentials")
        if version != self._pins_of:
            rows = self.replica.rows("credentials", at_ms)
            self._pins = {row.person: row for row in rows if row.kind == CredentialKind.PHONE_PIN}
            self._pins_of = version
        return self._pins.get(person)

    def lanes(self, at_ms: int) -> list[Lane]:
        """Every lane of the site."""
        return list(self.replica.rows("lanes", at_ms))

    def canteen(self, canteen: int, at_ms: int) -> Canteen | None:
        """A canteen."""
        found: Canteen | None = self.replica.get("canteens", str(canteen), at_ms)
        return found

    def dish(self, dish: int, at_ms: int) -> Dish | None:
        """A dish."""
        found: Dish | None = self.replica.get("dishes", str(dish), at_ms)
        return found

    def dishes(self, at_ms: int) -> list[Dish]:
        """Every dish."""
        return list(self.replica.rows("dishes", at_ms))

    def price_fen(self, dish: int, canteen: int, at_ms: int) -> int | None:
        """A dish's price: the canteen's own or the general one; None where it has none."""
        get = self.replica.get
        price: Price | None = get("prices", f"{dish}:{canteen}", at_ms) or get("prices", f"{dish}:0", at_ms)
        return None if price is None else price.price_fen

    def plate(self, uid: str, at_ms: int) -> Plate | None:
        """A plate by its chip."""
        found: Plate | None = self.replica.get("plates", uid, at_ms)
        return found

    def plate_kind(self, kind: int, at_ms: int) -> PlateKind | None:
        """A kind of tableware."""
        found: PlateKind | None = self.replica.get("plate_kinds", str(kind), at_ms)
        return found

    def scale(self, lane: int, at_ms: int) -> Scale | None:
        """The verified scale of a lane."""
        found: Scale | None = self.replica.get("scales", str(lane), at_ms)
        return found

    def operators(self, at_ms: int) -> list[Operator]:
        """Who may sign in at a lane."""
        return list(self.replica.rows("operators", at_ms))

    def period(self, period: int, at_ms: int) -> MealPeriod | None:
        """A meal period by its id."""
        return next((one for one in self.rules(at_ms).periods if one.id == period), None)

    def bucket(self, bucket: int, at_ms: int) -> Bucket | None:
        """A wallet."""
        return self.rules(at_ms).buckets.get(bucket)

    def cash_bucket(self, at_ms: int) -> Bucket | None:
        """Where cash taken at a lane goes: the oldest cash wallet that counts fen."""
        found = [
            bucket
            for bucket in self.rules(at_ms).buckets.values()
            if bucket.kind == BucketKind.CASH and not bucket.counting
        ]
        return min(found, key=lambda bucket: bucket.id, default=None)

    def _at(self, at_ms: int) -> "_InForce":
        """One value is swapped whole, because lanes and the writer's thread both ask."""
        now = self._in_force
        if not now.from_ms <= at_ms < now.until_ms or self._versions() != now.versions:
            versions = self._versions()
            changes = [self.replica.next_change_ms(collection, at_ms) for collection in _RULES]
            until_ms = min((ms for ms in changes if ms is not None), default=_NEVER_MS)
            now = self._in_force = _InForce(at_ms, until_ms, versions, self._compile(at_ms), {})
        return now

    def _versions(self) -> tuple[int, ...]:
        version = self.replica.version
        return tuple([version(collection) for collection in _RULES])

    def _compile(self, at_ms: int) -> RuleBook:
        rows = self.replica.rows
        return RuleBook(
            buckets=rows("buckets", at_ms),
            scenes=rows("scenes", at_ms),
            price_rules=rows("price_rules", at_ms),
            limit_rules=rows("limit_rules", at_ms),
            periods=rows("periods", at_ms),
            ages=rows("credential_ages", at_ms),
        )

"""Reference records of the canteen that an edge holds as a replica. Fields are only appended."""

import msgspec


class Canteen(msgspec.Struct, array_like=True, frozen=True):
    """A canteen of a site; `day_starts_minute` is where its business day begins."""

    id: int
    site: int
    name_zh: str
    name_en: str
    day_starts_minute: int


class Lane(msgspec.Struct, array_like=True, frozen=True):
    """A point of sale. `kind` is a LaneKind; `name` shown on screens ("1 号结算台")."""

    id: int
    canteen: int
    stall: int
    kind: int
    name_zh: str
    name_en: str
    code: str  # short, for receipt numbers: "A1"
    station: int = 0
    dish: int = 0  # what a weigh station serves


class Dish(msgspec.Struct, array_like=True, frozen=True):
    """`by_weight` dishes have a price per kg, others per portion."""

    id: int
    name_zh: str
    name_en: str
    category: str
    by_weight: bool


class Price(msgspec.Struct, array_like=True, frozen=True):
    """Price of a dish from its row's `effective_from_ms` on; `version` is the price list's number."""

    dish: int
    canteen: int  # 0 = all
    price_fen: int
    version: int


class PlateKind(msgspec.Struct, array_like=True, frozen=True):
    """A kind of tableware with its own price, used where no dish is bound to the chip (dish 0)."""

    id: int
    name_zh: str
    name_en: str
    price_fen: int
    colour: str


class Plate(msgspec.Struct, array_like=True, frozen=True):
    """A chip in a plate's base: key is its uid in upper-case hex. `dish` 0 = priced by its kind."""

    uid: str
    kind: int
    dish: int
    stopped: bool


class Scale(msgspec.Struct, array_like=True, frozen=True):
    """A lane's scale: division, range, and the verification certificate's last valid day (强制检定)."""

    lane: int
    minimum_g: int
    maximum_g: int
    division_g: int
    certificate_until: int


class Operator(msgspec.Struct, array_like=True, frozen=True):
    """Who may refund and close on a lane; `card` is the HMAC of the card's uid, `pin` its scrypt hash."""

    id: int
    person: int
    shown_name: str
    card: str
    pin: bytes
    refund_limit_fen: int


COLLECTIONS: dict[str, str] = {
    "people": "Person by id",
    "credentials": "Credential: 'card:<hmac hex>', 'code:<hmac hex>', 'dyn:<person>', 'phone:<hmac hex>'",
    "credential_ages": "CredentialAge by kind",
    "faces": "FaceRecord by person",
    "buckets": "Bucket by id",
    "scenes": "Scene by id",
    "price_rules": "PriceRule by id",
    "limit_rules": "LimitRule by id",
    "periods": "MealPeriod by id",
    "canteens": "Canteen by id",
    "lanes": "Lane by id",
    "dishes": "Dish by id",
    "prices": "Price by '<dish>:<canteen>', several instants of effective_from",
    "plate_kinds": "PlateKind by id",
    "plates": "Plate by uid",
    "scales": "Scale by lane",
    "operators": "Operator by id",
}

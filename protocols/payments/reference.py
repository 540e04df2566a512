"""Reference records of payments that an edge holds as a replica. Days yyyymmdd (0 = none), money fen.

Fields are only appended. Names are for the screen and never enter a journal payload.
"""

from enum import IntEnum

import msgspec


class BucketKind(IntEnum):
    """The five subsidy accounts (五种餐补账户)."""

    CASH = 1  # 现金
    MEAL = 2  # 餐补
    OVERTIME = 3  # 加班餐补
    WELFARE = 4  # 福利
    HOSPITALITY = 5  # 招待/部门


class LaneKind(IntEnum):
    """The four kinds of lane, which are the scenes of spending."""

    PLATE = 1
    WEIGH = 2
    POS = 3
    GATE = 4


class CredentialKind(IntEnum):
    """How a person is known (SET-07)."""

    CARD = 1
    STATIC_CODE = 2
    DYNAMIC_CODE = 3
    PHONE_PIN = 4
    FACE = 5
    PALM = 6
    OPERATOR = 7


class Person(msgspec.Struct, array_like=True, frozen=True):
    """A diner. `shown_name` is masked already (张*). `blocked` is the blacklist with its reason word."""

    id: int
    number: str
    shown_name: str
    group: int
    home_site: int
    valid_from: int
    valid_until: int
    blocked: str
    pin_over_fen: int  # a PIN is asked above this amount; 0 never
    day_pin_over_fen: int = 0  # and above this day's sum; 0 never


class Credential(msgspec.Struct, array_like=True, frozen=True):
    """`secret_hash`: CARD and STATIC_CODE: HMAC-SM3 of the uid/token under the site's key, hex (the replica's key).

    DYNAMIC_CODE: key is "dyn:<person>", `secret` the (site, person) key sealed for the device. PHONE_PIN: key is the
    HMAC of the phone number, `secret` the scrypt hash of the PIN. `max_age_s` is the greatest replica age (rule 14).
    """

    id: int
    kind: int
    person: int
    secret: bytes
    valid_from: int
    valid_until: int
    cap_fen: int  # most one payment by this credential may take; 0 no cap


class FaceRecord(msgspec.Struct, array_like=True, frozen=True):
    """Templates of a person who consented to pay by face at this site; withdrawing removes the record.

    `network` is the registry's name of the network that made them: those of another cannot be compared.
    Each template is that network's embedding, divided by its length: float32, little-endian (128 numbers, 512 bytes).
    """

    person: int
    network: str
    templates: tuple[bytes, ...]


class Bucket(msgspec.Struct, array_like=True, frozen=True):
    """A wallet or one dated grant of it (rule 2). Limits 0 = none. Empty tuples allow everywhere."""

    id: int
    kind: int
    name_zh: str
    name_en: str
    starts_on: int
    expires_on: int  # last day it may be spent
    lane_kinds: tuple[int, ...]
    canteens: tuple[int, ...]
    periods: tuple[int, ...]
    meal_limit_fen: int
    day_limit_fen: int
    month_limit_fen: int
    counting: bool = False  # amounts are times (计次), one a meal, not fen


class Scene(msgspec.Struct, array_like=True, frozen=True):
    """How a lane kind deducts, perhaps at one canteen only (0 = all).

    Bucket kinds in `order`; `ratio` (kind, permille) splits by ratio instead.
    """

    id: int
    lane_kind: int
    canteen: int
    order: tuple[int, ...]
    ratio: tuple[tuple[int, int], ...]
    single_limit_fen: int  # most one payment may be; 0 none
    offline_days_max: int  # greatest replica age for trading at all; 0 none


class PriceRule(msgspec.Struct, array_like=True, frozen=True):
    """Price class by group and meal (SET-09). The first matching of highest `priority` wins for each of its parts.

    `percent_permille` 1000 = full price. `first_n`/`nth_permille`: meals 1..first_n of the day/period cost
    `first_permille`, later ones `percent_permille`. `fee_permille` and `fee_fen` are the service fee (管理费).
    """

    id: int
    priority: int
    groups: tuple[int, ...]
    periods: tuple[int, ...]
    canteens: tuple[int, ...]
    lane_kinds: tuple[int, ...]
    percent_permille: int
    first_n: int
    first_permille: int
    fee_permille: int
    fee_fen: int
    fixed_fen: int  # buffet price; -1 none


class LimitPer(IntEnum):
    """Over what a limit counts."""

    MEAL = 1
    DAY = 2
    MONTH = 3


class LimitRule(msgspec.Struct, array_like=True, frozen=True):
    """A limit of times or fen per person, which is a bucket of its own (rule 3), held by a standing right at one site.

    `when_absent`: what a site without the right does: "refuse" or "full" (charges the full price).
    """

    id: int
    groups: tuple[int, ...]
    lane_kinds: tuple[int, ...]
    canteens: tuple[int, ...]
    periods: tuple[int, ...]
    per: int
    times: int  # 0 = no limit of times
    amount_fen: int  # 0 = no limit of fen
    when_absent: str


class MealPeriod(msgspec.Struct, array_like=True, frozen=True):
    """Minutes of the site's day; `end_minute` may pass 1440 (夜宵 past midnight). The day is the one it starts on."""

    id: int
    name_zh: str
    name_en: str
    start_minute: int
    end_minute: int
    canteens: tuple[int, ...]
    weekdays: tuple[int, ...]  # 0 Monday .. 6 Sunday; empty = all


class CredentialAge(msgspec.Struct, array_like=True, frozen=True):
    """Greatest age of the replica, in seconds, for trusting a kind of credential (rule 14)."""

    kind: int
    max_age_s: int

"""Bodies of `/api/v1/canteen`."""

from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Id = Annotated[int, Field(ge=1, lt=2**53)]
Fen = Annotated[int, Field(ge=0, lt=2**53)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Text = Annotated[str, Field(max_length=100)]
Uid = Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{8,64}$")]
Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2999, 12, 31))]


class Body(BaseModel):
    """A body that refuses members nobody asked for."""

    model_config = ConfigDict(extra="forbid")


class CanteenIn(Body):
    """A new canteen."""

    site_id: Id
    name_zh: Name
    name_en: Text = ""
    day_starts_minute: int = Field(default=240, ge=0, le=1439)


class CanteenPatch(Body):
    """What changes about a canteen."""

    name_zh: Name | None = None
    name_en: Text | None = None
    day_starts_minute: int | None = Field(default=None, ge=0, le=1439)


class CanteenOut(CanteenIn):
    """A canteen."""

    model_config = ConfigDict(extra="ignore")
    id: int


class StallIn(Body):
    """A new stall."""

    canteen_id: Id
    name_zh: Name
    name_en: Text = ""


class StallPatch(Body):
    """What changes about a stall."""

    name_zh: Name | None = None
    name_en: Text | None = None


class StallOut(StallIn):
    """A stall."""

    model_config = ConfigDict(extra="ignore")
    id: int


class LaneIn(Body):
    """A new lane; `kind` 1 plate, 2 weigh, 3 POS, 4 gate. `code` begins its receipt numbers."""

    canteen_id: Id
    stall_id: Id
    kind: int = Field(ge=1, le=4)
    name_zh: Name
    name_en: Text = ""
    code: str = Field(pattern=r"^[A-Z0-9]{1,8}$")
    station: int = Field(default=0, ge=0, le=1000)
    dish_id: Id | None = None


class LanePatch(Body):
    """What changes about a lane. Its code never does: receipts bear it."""

    name_zh: Name | None = None
    name_en: Text | None = None
    stall_id: Id | None = None
    dish_id: Id | None = None
    stopped: bool | None = None


class LaneOut(LaneIn):
    """A lane."""

    model_config = ConfigDict(extra="ignore")
    id: int
    stopped: bool


class ScaleIn(Body):
    """A weigh lane's scale with the last day of its verification certificate."""

    lane_id: Id
    minimum_g: int = Field(ge=0, le=1_000_000)
    maximum_g: int = Field(ge=1, le=1_000_000)
    division_g: int = Field(ge=1, le=10_000)
    certificate_until: Day


class PeriodIn(Body):
    """A new meal period; empty lists mean all."""

    name_zh: Name
    name_en: Text = ""
    start_minute: int = Field(ge=0, le=1439)
    end_minute: int = Field(ge=1, le=2879)
    canteens: list[Id] = Field(default_factory=list, max_length=200)
    weekdays: list[Annotated[int, Field(ge=0, le=6)]] = Field(default_factory=list, max_length=7)


class PeriodPatch(Body):
    """What changes about a meal period."""

    name_zh: Name | None = None
    name_en: Text | None = None
    start_minute: int | None = Field(default=None, ge=0, le=1439)
    end_minute: int | None = Field(default=None, ge=1, le=2879)
    canteens: list[Id] | None = Field(default=None, max_length=200)
    weekdays: list[Annotated[int, Field(ge=0, le=6)]] | None = Field(default=None, max_length=7)
    stopped: bool | None = None


class PeriodOut(PeriodIn):
    """A meal period."""

    model_config = ConfigDict(extra="ignore")
    id: int
    stopped: bool


class DishIn(Body):
    """A new dish."""

    name_zh: Name
    name_en: Text = ""
    category: str = Field(default="", max_length=50)
    by_weight: bool = False


class DishPatch(Body):
    """What changes about a dish; its prices have their own door."""

    name_zh: Name | None = None
    name_en: Text | None = None
    category: str | None = Field(default=None, max_length=50)
    stopped: bool | None = None


class DishOut(DishIn):
    """A dish with its present price for all canteens, null before the first."""

    model_config = ConfigDict(extra="ignore")
    id: int
    stopped: bool
    price_fen: int | None = None


class PlateKindIn(Body):
    """A new kind of tableware."""

    name_zh: Name
    name_en: Text = ""
    price_fen: Fen
    colour: str = Field(default="", max_length=20)


class PlateKindPatch(Body):
    """What changes about a kind of tableware."""

    name_zh: Name | None = None
    name_en: Text | None = None
    price_fen: Fen | None = None
    colour: str | None = Field(default=None, max_length=20)


class PlateKindOut(PlateKindIn):
    """A kind of tableware."""

    model_config = ConfigDict(extra="ignore")
    id: int


class PlateOut(BaseModel):
    """A chipped plate."""

    uid: str
    kind_id: int
    kind_name: str
    dish_id: int | None
    dish_name: str | None
    stopped: bool


class BindingIn(Body):
    """Plates are of a kind, and priced by a dish or (null) by the kind itself."""

    uids: list[Uid] = Field(min_length=1, max_length=5_000)
    kind_id: Id
    dish_id: Id | None = None
    stopped: bool = False


class BindingOut(BaseModel):
    """How many plates were new, and how many changed."""

    added: int
    changed: int


class PriceIn(Body):
    """A price from an instant on; `canteen_id` null for all."""

    dish_id: Id
    canteen_id: Id | None = None
    price_fen: Fen
    effective_from_at: datetime | None = None


class PriceOut(BaseModel):
    """One price list number."""

    version: int
    dish_id: int
    canteen_id: int | None
    price_fen: int
    effective_from_at: datetime
    made_at: datetime


class SpreadSite(BaseModel):
    """Whether a site has a price list."""

    site_id: int
    confirmed: bool
    lanes: int


class SpreadOut(BaseModel):
    """How far a price list has come."""

    sites: list[SpreadSite]
    confirmed: int
    total: int
    lanes_confirmed: int
    lanes_total: int

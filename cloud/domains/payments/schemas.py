"""Bodies of `/api/v1/payments` about what money is set aside and how it is spent."""

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Id = Annotated[int, Field(ge=1, lt=2**53)]
Fen = Annotated[int, Field(ge=0, lt=2**43)]
Amount = Annotated[int, Field(ge=1, lt=2**43)]
Kind = Annotated[int, Field(ge=1, le=5, description="1 cash, 2 meal, 3 overtime, 4 welfare, 5 hospitality")]
LaneKind = Annotated[int, Field(ge=1, le=4, description="1 plate, 2 weigh, 3 POS, 4 gate")]
Permille = Annotated[int, Field(ge=0, le=1000)]
Ids = Annotated[list[Id], Field(max_length=500)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Text = Annotated[str, Field(max_length=100)]
Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2999, 12, 31))]
Period = Annotated[str, Field(pattern=r"^2[0-9]{3}-(0[1-9]|1[0-2])$", examples=["2026-11"])]


class Body(BaseModel):
    """A body that refuses members nobody asked for."""

    model_config = ConfigDict(extra="forbid")


class BucketIn(Body):
    """A new bucket; empty lists allow everywhere, limits 0 are none."""

    kind: Kind
    name_zh: Name
    name_en: Text = ""
    starts_on: Day | None = None
    expires_on: Day | None = None
    lane_kinds: list[LaneKind] = Field(default_factory=list, max_length=4)
    canteens: Ids = Field(default_factory=list)
    periods: Ids = Field(default_factory=list)
    meal_limit_fen: Fen = 0
    day_limit_fen: Fen = 0
    month_limit_fen: Fen = 0
    counting: bool = False


class BucketPatch(Body):
    """What changes about a bucket; its kind and whether it counts never do."""

    name_zh: Name | None = None
    name_en: Text | None = None
    expires_on: Day | None = None
    lane_kinds: list[LaneKind] | None = Field(default=None, max_length=4)
    canteens: Ids | None = None
    periods: Ids | None = None
    meal_limit_fen: Fen | None = None
    day_limit_fen: Fen | None = None
    month_limit_fen: Fen | None = None


class BucketOut(BucketIn):
    """A bucket."""

    model_config = ConfigDict(extra="ignore")
    id: int
    state: Literal["open", "clearing", "cleared"]
    period: str


class SubsidyRuleIn(Body):
    """Who gets how much of which kind each period; no groups means everybody."""

    name: Name
    bucket_kind: Kind
    group_ids: Ids = Field(default_factory=list)
    amount_fen: Amount
    valid_months: int = Field(default=1, ge=1, le=120)


class SubsidyRuleOut(SubsidyRuleIn):
    """A subsidy rule."""

    model_config = ConfigDict(extra="ignore")
    id: int
    stopped: bool


class SceneIn(Body):
    """How a lane kind deducts: bucket kinds in order, or split by ratio (pairs of kind and permille)."""

    lane_kind: LaneKind
    canteen_id: Annotated[int, Field(ge=0, lt=2**53)] = 0
    deduct_order: list[Kind] = Field(min_length=1, max_length=5)
    ratio: list[tuple[Kind, Permille]] = Field(default_factory=list, max_length=5)
    single_limit_fen: Fen = 0
    offline_days_max: int = Field(default=0, ge=0, le=3660)


class ScenePatch(Body):
    """What changes about a scene."""

    deduct_order: list[Kind] | None = Field(default=None, min_length=1, max_length=5)
    ratio: list[tuple[Kind, Permille]] | None = Field(default=None, max_length=5)
    single_limit_fen: Fen | None = None
    offline_days_max: int | None = Field(default=None, ge=0, le=3660)


class SceneOut(SceneIn):
    """A scene."""

    model_config = ConfigDict(extra="ignore")
    id: int


class PriceRuleIn(Body):
    """Price class by group and meal (SET-09); `fixed_fen` -1 is none."""

    name: Text = ""
    priority: int = Field(default=0, ge=-1000, le=1000)
    groups: Ids = Field(default_factory=list)
    periods: Ids = Field(default_factory=list)
    canteens: Ids = Field(default_factory=list)
    lane_kinds: list[LaneKind] = Field(default_factory=list, max_length=4)
    percent_permille: Permille = 1000
    first_n: int = Field(default=0, ge=0, le=100)
    first_permille: Permille = 1000
    fee_permille: Permille = 0
    fee_fen: Fen = 0
    fixed_fen: Annotated[int, Field(ge=-1, lt=2**43)] = -1


class PriceRulePatch(Body):
    """What changes about a price rule."""

    name: Text | None = None
    priority: int | None = Field(default=None, ge=-1000, le=1000)
    groups: Ids | None = None
    periods: Ids | None = None
    canteens: Ids | None = None
    percent_permille: Permille | None = None
    first_n: int | None = Field(default=None, ge=0, le=100)
    first_permille: Permille | None = None
    fee_permille: Permille | None = None
    fee_fen: Fen | None = None
    fixed_fen: Annotated[int, Field(ge=-1, lt=2**43)] | None = None
    stopped: bool | None = None


class PriceRuleOut(PriceRuleIn):
    """A price rule."""

    model_config = ConfigDict(extra="ignore")
    id: int
    stopped: bool


class LimitRuleIn(Body):
    """A limit per meal (1), day (2) or month (3): times or fen, 0 none."""

    name: Text = ""
    groups: Ids = Field(default_factory=list)
    lane_kinds: list[LaneKind] = Field(default_factory=list, max_length=4)
    canteens: Ids = Field(default_factory=list)
    periods: Ids = Field(default_factory=list)
    per: int = Field(ge=1, le=3)
    times: int = Field(default=0, ge=0, le=10_000)
    amount_fen: Fen = 0
    when_absent: Literal["refuse", "full"] = "refuse"


class LimitRulePatch(Body):
    """What changes about a limit rule."""

    name: Text | None = None
    times: int | None = Field(default=None, ge=0, le=10_000)
    amount_fen: Fen | None = None
    when_absent: Literal["refuse", "full"] | None = None
    stopped: bool | None = None


class LimitRuleOut(LimitRuleIn):
    """A limit rule."""

    model_config = ConfigDict(extra="ignore")
    id: int
    stopped: bool

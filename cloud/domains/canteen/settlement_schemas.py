"""Bodies about what was sold: settlements, refunds, the day, closings."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Fen = Annotated[int, Field(ge=1, lt=2**53)]
State = Literal["paid", "part_refunded", "refunded"]


class SettlementOut(BaseModel):
    """A settlement as lists show one."""

    entry_id: str
    at: datetime
    business_day: int
    lane_id: int
    lane_code: str
    lane_name: str
    canteen_id: int
    person_id: int
    person_name: str
    receipt_no: int
    amount_fen: int
    refunded_fen: int
    period_name: str
    credential_kind: int
    state: State


class LineOut(BaseModel):
    """One thing on the bill."""

    dish_id: int
    dish_name: str
    plate: str
    quantity: int
    weight_g: int
    unit_price_fen: int
    amount_fen: int


class ShareOut(BaseModel):
    """What one bucket paid."""

    bucket_id: int
    name_zh: str
    amount_fen: int


class TransferOut(BaseModel):
    """A line of the ledger; accounts by their natural key."""

    id: int
    kind: int
    debit: str
    credit: str
    amount_fen: int


class RefundOut(BaseModel):
    """Money back, at the till or by a request that the cloud executed."""

    entry_id: str | None
    request_id: int | None
    at: datetime
    amount_fen: int
    reason: str
    operator_id: int | None


class ChainOut(BaseModel):
    """Where the entry stands in its stream's chain; `signed`: a verified checkpoint covers it."""

    seq: int
    hash: str
    checkpoint_seq: int
    signed: bool


class SettlementDetail(SettlementOut):
    """A settlement down to plates and ledger lines."""

    gross_fen: int
    discount_fen: int
    fee_fen: int
    prices_version: int
    rules_version: int
    lines: list[LineOut]
    shares: list[ShareOut]
    transfers: list[TransferOut]
    refunds: list[RefundOut]
    chain: ChainOut


class RefundRequestIn(BaseModel):
    """A refund asked for away from the till: executed once by the cloud (rule 10)."""

    model_config = ConfigDict(extra="forbid")
    amount_fen: Fen
    reason: str = Field(min_length=1, max_length=200)


class RefundRequestOut(BaseModel):
    """What was given back, to which buckets."""

    id: int
    entry_id: str
    amount_fen: int
    shares: list[ShareOut]


class MinuteOut(BaseModel):
    """One minute of the day."""

    at: datetime
    count: int
    amount_fen: int


class LaneTodayOut(BaseModel):
    """How a lane does today."""

    id: int
    code: str
    name_zh: str
    name_en: str
    canteen_id: int
    kind: int
    state: str
    queue: int | None
    sales_fen: int
    settlements: int
    last_at: datetime | None


class OfflineGateway(BaseModel):
    """A gateway the core does not hear."""

    id: int
    name: str
    offline_since_at: datetime | None
    waiting: int


class TopDish(BaseModel):
    """A dish among the last thousand settlements of the day."""

    dish_id: int
    name_zh: str
    name_en: str
    count: int
    amount_fen: int


class TodayOut(BaseModel):
    """The day as it stands."""

    day: int
    sales_fen: int
    settlements: int
    refunds_fen: int
    people: int
    per_minute: list[MinuteOut]
    lanes: list[LaneTodayOut]
    gateways_offline: list[OfflineGateway]
    top_dishes: list[TopDish]


class ClosingOut(BaseModel):
    """A lane's closed day beside what the ledger says of the same entries; `difference_fen` 0 is 平账."""

    entry_id: str
    at: datetime
    business_day: int
    lane_id: int
    lane_code: str
    canteen_id: int
    settlements: int
    settled_fen: int
    refunds: int
    refunded_fen: int
    cash_fen: int
    cash_counted_fen: int | None
    state: Literal["balanced", "over", "short", "carried"]
    operator_id: int
    ledger_fen: int
    difference_fen: int

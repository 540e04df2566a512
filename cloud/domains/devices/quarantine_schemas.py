"""Bodies of `/api/v1/devices/quarantine`."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class QuarantineOut(BaseModel):
    """An entry that is set aside, or was. `state`: waiting (for a person), parked, mended, replayed."""

    id: int
    entry_id: str
    gateway_id: int
    gateway_name: str
    kind: str
    subject: str
    state: str
    received_at: datetime
    resolved_at: datetime | None
    reason_code: str
    reason: str
    parked_behind: int


class CorrectionOut(BaseModel):
    """What the entry should have said, and how many people must stand behind it."""

    payload: Any
    note: str
    people_needed: int
    made_by: int
    made_at: datetime
    approved: bool


class ApprovalOut(BaseModel):
    """Who stands behind a correction."""

    user_id: int
    approved_at: datetime


class QuarantineDetailOut(QuarantineOut):
    """An entry with its bytes as they came in; `payload` by field names, null where it cannot be read."""

    entry: Any
    payload: Any
    body_hex: str
    hash: str
    correction: CorrectionOut | None
    approvals: list[ApprovalOut]


class MendIn(BaseModel):
    """The payload by field names, whole, and why it is mended."""

    model_config = ConfigDict(extra="forbid")
    payload: dict[str, Any] = Field(max_length=100)
    note: str = Field(min_length=1, max_length=500)


class StillOut(BaseModel):
    """An entry that waits on, and why."""

    seq: int
    code: str
    reason: str


class ReplayedOut(BaseModel):
    """What a replay applied, and what waits on."""

    applied: list[int]
    still: list[StillOut]

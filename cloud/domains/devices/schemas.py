"""Bodies of `/api/v1/devices`."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Id = Annotated[int, Field(ge=1, lt=2**53)]


ArgumentName = Annotated[str, Field(max_length=40)]
ArgumentValue = bool | Annotated[int, Field(ge=-(2**53), le=2**53)] | Annotated[str, Field(max_length=500)]


class Body(BaseModel):
    """A body that refuses members nobody asked for."""

    model_config = ConfigDict(extra="forbid")


class GatewayIn(Body):
    """A new gateway of a site."""

    name: str = Field(min_length=1, max_length=100)
    site_id: Id


class CodeOut(BaseModel):
    """A one-time code: shown once, kept as a hash."""

    id: int
    provisioning_code: str
    expires_at: datetime


class CertificateOut(BaseModel):
    """What a gateway had reported and the core has not: at least so many entries and fen (rule 20)."""

    epoch: int
    reported_seq: int
    applied_through: int
    missing_entries: int
    missing_fen: int
    heartbeat_at: datetime | None


class ReplacedOut(CodeOut):
    """The code for the gateway that takes over, and what the lost one took with it."""

    certificate: CertificateOut | None


class GatewayOut(BaseModel):
    """How a gateway stands."""

    id: int
    name: str
    site_id: int
    site_name: str
    epoch: int
    state: Literal["online", "offline", "never", "revoked", "lost", "frozen"]
    reason: str
    stream_state: str
    offline_since_at: datetime | None
    head_seq: int
    applied_through: int
    safe_through: int
    waiting: int
    sum_fen: int
    offset_ms: int
    uncertainty_ms: int
    key_id: int | None
    key_made_at: datetime | None
    disk_free_mb: int | None
    replicas: dict[str, int]
    lease_n: int
    lease_newest_n: int
    quarantined: int
    parked: int
    software: str


class BearerIn(Body):
    """Who bears facts that come in after the release; an id of the customer's own books."""

    bearer: Id
    epoch: Annotated[int, Field(ge=1, lt=2**31)] | None = None  # a replaced gateway's earlier life; else the present


class LostOut(BaseModel):
    """What went to `in_doubt`, and what is missing at least."""

    in_doubt_fen: int
    certificate: CertificateOut | None


class CommandIn(Body):
    """A command by its name at the gateway, which refuses what it does not know. It expires in seconds (rule 33)."""

    name: str = Field(pattern=r"^[a-z][a-z-]{1,39}$", examples=["ping", "sync", "rotate-key"])
    arguments: dict[ArgumentName, ArgumentValue] = Field(default_factory=dict, max_length=20)
    expires_s: int = Field(default=30, ge=1, le=3600)


class CommandOut(BaseModel):
    """A command and what became of it."""

    id: int
    name: str
    arguments: dict[str, Any]
    asked_by: str
    asked_at: datetime
    expires_at: datetime
    state: Literal["sent", "done", "refused", "expired", "undelivered"]
    answer: str
    answered_at: datetime | None


class HourOut(BaseModel):
    """What became of a lane's entries of one hour; `complete` when none is set aside."""

    hour_at: datetime
    lane_id: int
    received: int
    applied: int
    duplicate: int
    quarantined: int
    parked: int
    complete: bool

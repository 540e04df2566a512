"""Bodies of `/api/v1/audit`."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel


class RecordOut(BaseModel):
    """One record; `hash` covers it and the one before."""

    id: int
    at: datetime
    actor: str
    action: str
    target: str
    before: Any
    after: Any
    hash: str


class VerificationOut(BaseModel):
    """Whether every record follows the one before it; `broken_at` names the first that does not."""

    intact: bool
    records: int
    head: str
    broken_at: int | None

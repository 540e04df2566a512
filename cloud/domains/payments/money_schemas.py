"""Bodies of `/api/v1/payments` about money that moves and how it adds up."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from cloud.domains.payments.schemas import Amount, Body, Id, Period


class TopUpIn(Body):
    """Money into a person's bucket."""

    person_id: Id
    bucket_id: Id
    amount_fen: Amount
    note: str = Field(default="", max_length=200)


class WithdrawalIn(TopUpIn):
    """Money out of a person's bucket."""


class CorrectionIn(Body):
    """An operator's error mended, up or down."""

    person_id: Id
    bucket_id: Id
    amount_fen: Annotated[int, Field(gt=-(2**43), lt=2**43)]
    reason: str = Field(min_length=1, max_length=200)


class MovedOut(BaseModel):
    """What moved and what the bucket holds now. `state` asked: sites were asked to give back; try again later."""

    person_id: int
    bucket_id: int
    amount_fen: int
    state: Literal["done", "asked"]
    asked_fen: int
    receivable_fen: int
    available_fen: int
    total_fen: int


class AtSite(BaseModel):
    """The part of a bucket that a site holds."""

    site_id: int
    site_name: str
    epoch: int
    amount_fen: int


class BalanceOut(BaseModel):
    """A person's bucket: available, at sites, in doubt."""

    bucket_id: int
    name_zh: str
    name_en: str
    kind: int
    counting: bool
    expires_on: date | None
    available_fen: int
    at: list[AtSite]
    in_doubt_fen: int
    total_fen: int


class FlowOut(BaseModel):
    """One movement, signed for the person; the balance after it where it is known."""

    id: int
    at: datetime
    business_day: int
    kind: int
    bucket_id: int
    amount_fen: int
    balance_after_fen: int | None
    place: str
    entry_id: str | None
    memo: str


class GrantIn(Body):
    """A period to grant for; a dry run only says what would happen."""

    period: Period
    dry_run: bool = False


class GrantException(BaseModel):
    """Somebody who gets nothing, and why."""

    person_id: int
    number: str
    reason: Literal["left", "blocked", "expired"]


class GrantOut(BaseModel):
    """What was granted, what had been granted already, and who gets nothing."""

    granted: int
    already: int
    exceptions: list[GrantException]
    total_fen: int
    bucket_id: int | None
    dry_run: bool


class FileError(BaseModel):
    """One cell that does not hold."""

    row: int
    field: str
    code: str
    detail: str


class FileOut(BaseModel):
    """What a file granted. A file with errors grants nothing: mend it and send it again."""

    rows: int
    granted: int
    errors: list[FileError]
    total_fen: int
    digest: str
    repeated: bool
    dry_run: bool


class ClearingIn(Body):
    """Buckets to clear."""

    bucket_ids: list[Id] = Field(min_length=1, max_length=100)


class WaitingSite(BaseModel):
    """A site whose stream has not passed the cut-off yet, and what it holds."""

    site_id: int
    site_name: str
    amount_fen: int


class ClearingOut(BaseModel):
    """How a clearing stands."""

    id: int
    bucket_id: int
    name_zh: str
    started_at: datetime
    cleared_fen: int
    waiting: list[WaitingSite]
    waiting_fen: int
    state: Literal["waiting", "cleared"]


class ExceptionOut(BaseModel):
    """A valid fact that broke a rule meanwhile (rule 7)."""

    id: int
    at: datetime
    entry_id: str | None
    person_id: int
    bucket_id: int
    amount_fen: int
    reason: str
    state: Literal["open", "settled"]
    bearer: str | None
    note: str | None


class SettleIn(Body):
    """Who bears an exception."""

    bearer: Literal["person", "organisation"]
    note: str = Field(default="", max_length=200)


class PeopleTotals(BaseModel):
    """All people's money over a month."""

    opening_fen: int
    topped_up_fen: int
    subsidies_fen: int
    cash_fen: int
    spent_fen: int
    refunded_fen: int
    withdrawn_fen: int
    cleared_fen: int
    corrected_fen: int
    closing_fen: int


class NamedTotal(BaseModel):
    """A total of one thing; `other_fen` what the other side says of it."""

    id: int
    name: str
    amount_fen: int
    other_fen: int
    difference_fen: int


class StatementOut(BaseModel):
    """A month to the fen: every total beside what another part of the books says of it."""

    month: str
    people: PeopleTotals
    balances_fen: int
    balances_difference_fen: int
    stalls: list[NamedTotal]
    subsidies: list[NamedTotal]
    gateways: list[NamedTotal]
    exceptions_fen: int
    agrees: bool

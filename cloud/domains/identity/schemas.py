"""Bodies of `/api/v1/identity`."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Id = Annotated[int, Field(ge=1, lt=2**53)]
Fen = Annotated[int, Field(ge=0, lt=2**53)]
Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2999, 12, 31))]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Phone = Annotated[str, Field(pattern=r"^\+?[0-9]{5,20}$")]
Pin = Annotated[str, Field(pattern=r"^[0-9]{4,12}$")]
CardUid = Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{8,32}$")]


class Body(BaseModel):
    """A body that refuses members nobody asked for."""

    model_config = ConfigDict(extra="forbid")


class GroupIn(Body):
    """A new node of the tree."""

    name_zh: Name
    name_en: str = Field(default="", max_length=100)
    parent_id: Id | None = None


class GroupOut(BaseModel):
    """A node of the tree."""

    id: int
    parent_id: int | None
    name_zh: str
    name_en: str


class PersonIn(Body):
    """Somebody who joins."""

    number: str = Field(min_length=1, max_length=40)
    name: Name
    group_id: Id
    home_site_id: Id
    phone: Phone | None = None
    identity_number: str | None = Field(default=None, pattern=r"^[0-9]{17}[0-9Xx]$")
    valid_from: Day | None = None
    valid_until: Day | None = None
    pin_over_fen: Fen = 0
    day_pin_over_fen: Fen = 0


class PersonPatch(Body):
    """What changes about a person; absent members stay."""

    name: Name | None = None
    group_id: Id | None = None
    home_site_id: Id | None = None
    phone: Phone | None = None
    valid_from: Day | None = None
    valid_until: Day | None = None
    pin_over_fen: Fen | None = None
    day_pin_over_fen: Fen | None = None


class PersonOut(BaseModel):
    """A person as lists show one; the phone masked."""

    id: int
    number: str
    name: str
    phone_masked: str
    group_id: int
    group_name: str
    home_site_id: int
    home_site_name: str
    state: Literal["active", "leaving", "left"]
    blocked: str
    valid_from: date
    valid_until: date | None


class PersonDetail(PersonOut):
    """A person whole. Phone and identity number are null for who may not see them; seeing them is recorded."""

    phone: str | None
    identity_number: str | None
    identity_number_masked: str
    pin_over_fen: int
    day_pin_over_fen: int
    joined_at: datetime
    left_at: datetime | None


class Reason(Body):
    """Why."""

    reason: str = Field(min_length=1, max_length=100)


class CredentialIn(Body):
    """A new way to be known: a card with its uid, a static or dynamic code, the person's phone with a PIN."""

    kind: Literal["card", "static_code", "dynamic_code", "phone_pin"]
    uid: CardUid | None = None
    pin: Pin | None = None
    valid_from: Day | None = None
    valid_until: Day | None = None
    cap_fen: Fen = 0


class CredentialOut(BaseModel):
    """A credential; a static code's `token` is shown once. How many sites confirmed its revocation (rule 16)."""

    id: int
    kind: str
    value_masked: str
    valid_from: date
    valid_until: date | None
    cap_fen: int
    made_at: datetime
    revoked_at: datetime | None
    revoked_reason: str
    confirmed_sites: int
    sites: int
    token: str | None = None


class OperatorIn(Body):
    """Who may refund and close at lanes: a card and PIN of their own."""

    person_id: Id
    card_uid: CardUid
    pin: Pin
    refund_limit_fen: Fen


class OperatorOut(BaseModel):
    """An operator."""

    id: int
    person_id: int
    name: str
    refund_limit_fen: int
    revoked_at: datetime | None


class UnconfirmedOut(BaseModel):
    """A site that has not confirmed a revocation, blacklisting or erasure; `heard_at` null: it was never heard."""

    subject: str
    site_id: int
    asked_at: datetime
    site_name: str = ""
    person_id: int | None = None
    person_name: str = ""
    heard_at: datetime | None = None


class AgeIn(Body):
    """Greatest replica age for trusting a kind (rule 14)."""

    kind: Literal["card", "static_code", "dynamic_code", "phone_pin"]
    max_age_s: int = Field(ge=60, le=366 * 86_400)


class RowError(BaseModel):
    """One cell of a sheet that does not hold."""

    row: int
    field: str
    code: str
    detail: str


class PeopleFileOut(BaseModel):
    """Who joined from a sheet. A sheet with errors takes in nobody: mend it and send it again."""

    rows: int
    joined: int
    errors: list[RowError]
    dry_run: bool

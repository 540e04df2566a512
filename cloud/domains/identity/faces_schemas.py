"""Bodies of faces in `/api/v1/identity`. No answer ever holds a template."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from cloud.domains.identity.schemas import Body, Id
from models.face.enrolment import Problem


class ConsentTextOut(BaseModel):
    """The wording that people are asked to agree to now, and how many days an erased template may stay in backups."""

    wording: int
    text_zh: str
    text_en: str
    backup_days: int


class ConsentIn(Body):
    """The sites a person agrees to be recognised at: all of them, those left out are withdrawn."""

    wording: int = Field(ge=1, lt=2**31)
    site_ids: Annotated[list[Id], Field(min_length=1, max_length=200)]


class FaceHint(BaseModel):
    """One word about a picture, in both languages."""

    code: str
    text_zh: str
    text_en: str


class FaceBox(BaseModel):
    """Where the face is, as shares of the picture's width and height."""

    x: float
    y: float
    width: float
    height: float


class FacePictureOut(BaseModel):
    """What became of one picture. `good`: it may be part of an enrolment."""

    good: bool
    hints: list[FaceHint]
    box: FaceBox | None = None


class LookalikeOut(BaseModel):
    """Somebody enrolled whom these pictures resemble."""

    person_id: int
    number: str
    name: str


class FaceOutcome(BaseModel):
    """Whether the pictures became an enrolment, and if not why: `too_few` good ones, or `looks_like_another`."""

    enrolled: bool
    problems: list[Problem]
    pictures: list[FacePictureOut]
    lookalikes: list[LookalikeOut]


class FaceEnrolledOut(BaseModel):
    """That somebody is enrolled: how many pictures, by which network, when, from what, by whom."""

    templates: int
    network: str
    source: str
    enrolled_at: datetime
    recorded_by: str


class FaceSiteOut(BaseModel):
    """One site: whether the person agreed to it, and whether what it should hold by now is there.

    `state` `confirmed`: the site's gateway said so; `waiting`: since `since`; `none`: nothing was ever sent.
    `holds`: whether the templates are to be there; `heard_at`: when the site was last heard, null for never.
    """

    site_id: int
    site_name: str
    agreed: bool
    wording: int | None
    given_at: datetime | None
    withdrawn_at: datetime | None
    holds: bool
    state: Literal["none", "waiting", "confirmed"]
    since: datetime | None
    heard_at: datetime | None


class FaceOut(BaseModel):
    """How a person stands with paying by face."""

    enrolled: FaceEnrolledOut | None
    sites: list[FaceSiteOut]


class GatewayEnrolment(BaseModel):
    """What tells one enrolment of a gateway from another under the same id; of templates only their digest."""

    person: int
    operator: int
    network: str
    wording: int
    at_ms: int
    templates_sm3: str


class GatewayStored(BaseModel):
    """The kept answer to an enrolment of a gateway."""

    version: int

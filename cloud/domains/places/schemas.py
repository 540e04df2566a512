"""Bodies of `/api/v1/places`."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(min_length=1, max_length=100)]


class SiteIn(BaseModel):
    """A new site; `time_zone` is an IANA name."""

    model_config = ConfigDict(extra="forbid")
    name_zh: Name
    name_en: str = Field(default="", max_length=100)
    time_zone: str = Field(default="Asia/Shanghai", min_length=1, max_length=64)


class SiteOut(BaseModel):
    """A site."""

    id: int
    name_zh: str
    name_en: str
    time_zone: str


class BuildingIn(BaseModel):
    """A new building on a site."""

    model_config = ConfigDict(extra="forbid")
    site_id: Annotated[int, Field(ge=1, lt=2**53)]
    name_zh: Name
    name_en: str = Field(default="", max_length=100)


class BuildingOut(BaseModel):
    """A building."""

    id: int
    site_id: int
    name_zh: str
    name_en: str

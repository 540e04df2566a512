"""HTTP of places."""

from typing import Annotated

from fastapi import APIRouter, Depends

from cloud.core import rights
from cloud.core.auth import SignedIn, current_user
from cloud.core.context import CoreDependency
from cloud.core.pages import Page, PageRequest, after_values, make_page, page_request
from cloud.core.sessions import User
from cloud.domains.places import service
from cloud.domains.places.schemas import BuildingIn, BuildingOut, SiteIn, SiteOut
from cloud.domains.places.tables import Building, Site

router = APIRouter(prefix="/api/v1/places", tags=["places"])

Manager = Annotated[User, Depends(current_user(rights.PLACES_MANAGE))]
Paged = Annotated[PageRequest, Depends(page_request)]


@router.get("/sites")
async def get_sites(core: CoreDependency, user: SignedIn, page: Paged) -> Page[SiteOut]:
    """Sites in order of id."""
    after = after_values(page, int)
    async with core.database.transaction(user.organisation_id):
        rows = await Site.filter(id__gt=after[0] if after else 0).order_by("id").limit(page.fetch).values()
    return make_page(rows, page, key=lambda row: [row["id"]], item=lambda row: SiteOut(**row))


@router.post("/sites", status_code=201)
async def post_site(core: CoreDependency, user: Manager, body: SiteIn) -> SiteOut:
    """Open a site."""
    async with core.database.transaction(user.organisation_id) as tx:
        site = await service.open_site(core, tx, actor=f"user:{user.id}", **body.model_dump())
    return SiteOut(id=site.id, **body.model_dump())


@router.get("/buildings")
async def get_buildings(core: CoreDependency, user: SignedIn, page: Paged) -> Page[BuildingOut]:
    """Buildings in order of id."""
    after = after_values(page, int)
    async with core.database.transaction(user.organisation_id):
        rows = await Building.filter(id__gt=after[0] if after else 0).order_by("id").limit(page.fetch).values()
    return make_page(rows, page, key=lambda row: [row["id"]], item=lambda row: BuildingOut(**row))


@router.post("/buildings", status_code=201)
async def post_building(core: CoreDependency, user: Manager, body: BuildingIn) -> BuildingOut:
    """Add a building."""
    async with core.database.transaction(user.organisation_id) as tx:
        building = await service.add_building(core, tx, actor=f"user:{user.id}", **body.model_dump())
    return BuildingOut(id=building.id, **body.model_dump())

"""HTTP of the canteen: what it consists of, and its prices."""

from typing import Annotated, Any

from asyncpg import Record
from fastapi import APIRouter, Depends, Path, Query

from cloud.core import rights
from cloud.core.auth import current_user
from cloud.core.context import CoreDependency
from cloud.core.pages import Page, PageRequest, after_values, make_page, page_request
from cloud.core.sessions import User
from cloud.domains.canteen import catalogue, goods, settlement_routes
from cloud.domains.canteen.schemas import (
    BindingIn,
    BindingOut,
    CanteenIn,
    CanteenOut,
    CanteenPatch,
    DishIn,
    DishOut,
    DishPatch,
    LaneIn,
    LaneOut,
    LanePatch,
    PeriodIn,
    PeriodOut,
    PeriodPatch,
    PlateKindIn,
    PlateKindOut,
    PlateKindPatch,
    PlateOut,
    PriceIn,
    PriceOut,
    ScaleIn,
    SpreadOut,
    StallIn,
    StallOut,
    StallPatch,
)

router = APIRouter(prefix="/api/v1/canteen", tags=["canteen"])
router.include_router(settlement_routes.router)

Reader = Annotated[User, Depends(current_user(rights.CANTEEN_READ))]
Manager = Annotated[User, Depends(current_user(rights.CANTEEN_MANAGE))]
Paged = Annotated[PageRequest, Depends(page_request)]
PathId = Annotated[int, Path(ge=1, lt=2**53)]


@router.get("/canteens")
async def get_canteens(core: CoreDependency, user: Reader, page: Paged) -> Page[CanteenOut]:
    """Canteens."""
    return await _page(core, user, page, catalogue.CANTEENS, CanteenOut)


@router.post("/canteens", status_code=201)
async def post_canteen(core: CoreDependency, user: Manager, body: CanteenIn) -> CanteenOut:
    """A new canteen."""
    return CanteenOut(**await catalogue.create(core, user, catalogue.CANTEENS, body))


@router.patch("/canteens/{canteen_id}")
async def patch_canteen(core: CoreDependency, user: Manager, canteen_id: PathId, body: CanteenPatch) -> CanteenOut:
    """Change a canteen."""
    return CanteenOut(**await catalogue.change(core, user, catalogue.CANTEENS, canteen_id, body))


@router.get("/stalls")
async def get_stalls(core: CoreDependency, user: Reader, page: Paged) -> Page[StallOut]:
    """Stalls."""
    return await _page(core, user, page, catalogue.STALLS, StallOut)


@router.post("/stalls", status_code=201)
async def post_stall(core: CoreDependency, user: Manager, body: StallIn) -> StallOut:
    """A new stall."""
    return StallOut(**await catalogue.create(core, user, catalogue.STALLS, body))


@router.patch("/stalls/{stall_id}")
async def patch_stall(core: CoreDependency, user: Manager, stall_id: PathId, body: StallPatch) -> StallOut:
    """Change a stall."""
    return StallOut(**await catalogue.change(core, user, catalogue.STALLS, stall_id, body))


@router.get("/lanes")
async def get_lanes(core: CoreDependency, user: Reader, page: Paged) -> Page[LaneOut]:
    """Lanes."""
    return await _page(core, user, page, catalogue.LANES, LaneOut)


@router.post("/lanes", status_code=201)
async def post_lane(core: CoreDependency, user: Manager, body: LaneIn) -> LaneOut:
    """A new lane."""
    return LaneOut(**await catalogue.create(core, user, catalogue.LANES, body))


@router.patch("/lanes/{lane_id}")
async def patch_lane(core: CoreDependency, user: Manager, lane_id: PathId, body: LanePatch) -> LaneOut:
    """Change a lane."""
    return LaneOut(**await catalogue.change(core, user, catalogue.LANES, lane_id, body))


@router.put("/scales", status_code=204)
async def put_scale(core: CoreDependency, user: Manager, body: ScaleIn) -> None:
    """Tell a weigh lane its scale's range and certificate."""
    async with core.database.transaction(user.organisation_id) as tx:
        await goods.set_scale(core, tx, body, actor=f"user:{user.id}")


@router.get("/periods")
async def get_periods(core: CoreDependency, user: Reader, page: Paged) -> Page[PeriodOut]:
    """Meal periods."""
    return await _page(core, user, page, catalogue.PERIODS, PeriodOut)


@router.post("/periods", status_code=201)
async def post_period(core: CoreDependency, user: Manager, body: PeriodIn) -> PeriodOut:
    """A new meal period."""
    return PeriodOut(**await catalogue.create(core, user, catalogue.PERIODS, body))


@router.patch("/periods/{period_id}")
async def patch_period(core: CoreDependency, user: Manager, period_id: PathId, body: PeriodPatch) -> PeriodOut:
    """Change a meal period."""
    return PeriodOut(**await catalogue.change(core, user, catalogue.PERIODS, period_id, body))


@router.get("/dishes")
async def get_dishes(core: CoreDependency, user: Reader, page: Paged) -> Page[DishOut]:
    """Dishes with their present price."""
    after = after_values(page, int)
    async with core.database.transaction(user.organisation_id) as tx:
        rows = await catalogue.rows_after(catalogue.DISHES, after[0] if after else 0, page.fetch)
        prices = await goods.present_prices(tx, [row["id"] for row in rows], core.clock.now())
    return make_page(rows, page, key=_id, item=lambda row: DishOut(**row, price_fen=prices.get(row["id"])))


@router.post("/dishes", status_code=201)
async def post_dish(core: CoreDependency, user: Manager, body: DishIn) -> DishOut:
    """A new dish; give it a price next."""
    return DishOut(**await catalogue.create(core, user, catalogue.DISHES, body))


@router.patch("/dishes/{dish_id}")
async def patch_dish(core: CoreDependency, user: Manager, dish_id: PathId, body: DishPatch) -> DishOut:
    """Change a dish."""
    return DishOut(**await catalogue.change(core, user, catalogue.DISHES, dish_id, body))


@router.get("/plate-kinds")
async def get_plate_kinds(core: CoreDependency, user: Reader, page: Paged) -> Page[PlateKindOut]:
    """Kinds of tableware."""
    return await _page(core, user, page, catalogue.PLATE_KINDS, PlateKindOut)


@router.post("/plate-kinds", status_code=201)
async def post_plate_kind(core: CoreDependency, user: Manager, body: PlateKindIn) -> PlateKindOut:
    """A new kind of tableware."""
    return PlateKindOut(**await catalogue.create(core, user, catalogue.PLATE_KINDS, body))


@router.patch("/plate-kinds/{kind_id}")
async def patch_plate_kind(core: CoreDependency, user: Manager, kind_id: PathId, body: PlateKindPatch) -> PlateKindOut:
    """Change a kind of tableware."""
    return PlateKindOut(**await catalogue.change(core, user, catalogue.PLATE_KINDS, kind_id, body))


@router.get("/plates")
async def get_plates(
    core: CoreDependency, user: Reader, page: Paged, search: Annotated[str, Query(max_length=100)] = ""
) -> Page[PlateOut]:
    """Plates; `search` is the start of a uid, or part of a dish's or kind's name."""
    after = after_values(page, str)
    async with core.database.transaction(user.organisation_id) as tx:
        rows = await goods.page_of_plates(tx, after_uid=after[0] if after else "", fetch=page.fetch, search=search)
    return make_page(rows, page, key=lambda row: [row["uid"]], item=lambda row: PlateOut(**dict(row)))


@router.post("/plates/bindings")
async def post_binding(core: CoreDependency, user: Manager, body: BindingIn) -> BindingOut:
    """Bind plates to a kind, and to a dish or none."""
    async with core.database.transaction(user.organisation_id) as tx:
        return await goods.bind(core, tx, body, actor=f"user:{user.id}")


@router.get("/prices")
async def get_prices(
    core: CoreDependency, user: Reader, page: Paged, dish_id: Annotated[int | None, Query(ge=1, lt=2**53)] = None
) -> Page[PriceOut]:
    """Price lists, newest first."""
    after = after_values(page, int)
    before = after[0] if after else 2**62
    async with core.database.transaction(user.organisation_id) as tx:
        rows = await goods.page_of_prices(tx, before_version=before, fetch=page.fetch, dish_id=dish_id)
    return make_page(rows, page, key=lambda row: [row["version"]], item=_price)


@router.post("/prices", status_code=201)
async def post_price(core: CoreDependency, user: Manager, body: PriceIn) -> PriceOut:
    """A price from an instant on; it travels to the sites at once."""
    async with core.database.transaction(user.organisation_id) as tx:
        return _price(await goods.set_price(core, tx, body, actor=f"user:{user.id}"))


@router.get("/prices/{version}/spread")
async def get_spread(core: CoreDependency, user: Reader, version: PathId) -> SpreadOut:
    """How many sites and lanes have a price list."""
    return await goods.spread(core, user, version)


async def _page(core: CoreDependency, user: User, page: PageRequest, kind: catalogue.Kind, out: Any) -> Page[Any]:
    after = after_values(page, int)
    async with core.database.transaction(user.organisation_id):
        rows = await catalogue.rows_after(kind, after[0] if after else 0, page.fetch)
    return make_page(rows, page, key=_id, item=lambda row: out(**row))


def _id(row: dict[str, Any]) -> list[int]:
    return [row["id"]]


def _price(row: Record) -> PriceOut:
    return PriceOut(**{**{n: row[n] for n in PriceOut.model_fields}, "canteen_id": row["canteen_id"] or None})

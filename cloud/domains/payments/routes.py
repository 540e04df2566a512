"""HTTP of buckets, scenes and rules."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path

from cloud.core import rights
from cloud.core.auth import current_user
from cloud.core.context import CoreDependency
from cloud.core.pages import Page, PageRequest, after_values, make_page, page_request
from cloud.core.sessions import User
from cloud.domains.payments import money_routes, setup
from cloud.domains.payments.schemas import (
    BucketIn,
    BucketOut,
    BucketPatch,
    LimitRuleIn,
    LimitRuleOut,
    LimitRulePatch,
    PriceRuleIn,
    PriceRuleOut,
    PriceRulePatch,
    SceneIn,
    SceneOut,
    ScenePatch,
    SubsidyRuleIn,
    SubsidyRuleOut,
)

router = APIRouter(prefix="/api/v1/payments", tags=["payments"])
router.include_router(money_routes.router)

Reader = Annotated[User, Depends(current_user(rights.PAYMENTS_READ))]
Manager = Annotated[User, Depends(current_user(rights.PAYMENTS_MANAGE))]
Paged = Annotated[PageRequest, Depends(page_request)]
PathId = Annotated[int, Path(ge=1, lt=2**53)]


@router.get("/buckets")
async def get_buckets(core: CoreDependency, user: Reader, page: Paged) -> Page[BucketOut]:
    """Buckets: wallets, and dated grants of them."""
    return await _page(core, user, page, setup.BUCKETS, BucketOut)


@router.post("/buckets", status_code=201)
async def post_bucket(core: CoreDependency, user: Manager, body: BucketIn) -> BucketOut:
    """A new bucket."""
    return BucketOut(**await setup.create(core, user, setup.BUCKETS, body))


@router.patch("/buckets/{bucket_id}")
async def patch_bucket(core: CoreDependency, user: Manager, bucket_id: PathId, body: BucketPatch) -> BucketOut:
    """Change a bucket."""
    return BucketOut(**await setup.change(core, user, setup.BUCKETS, bucket_id, body))


@router.get("/subsidy-rules")
async def get_subsidy_rules(core: CoreDependency, user: Reader, page: Paged) -> Page[SubsidyRuleOut]:
    """Subsidy rules."""
    return await _page(core, user, page, setup.SUBSIDY_RULES, SubsidyRuleOut)


@router.post("/subsidy-rules", status_code=201)
async def post_subsidy_rule(core: CoreDependency, user: Manager, body: SubsidyRuleIn) -> SubsidyRuleOut:
    """A new subsidy rule."""
    return SubsidyRuleOut(**await setup.create(core, user, setup.SUBSIDY_RULES, body))


@router.get("/scenes")
async def get_scenes(core: CoreDependency, user: Reader, page: Paged) -> Page[SceneOut]:
    """How lane kinds deduct."""
    return await _page(core, user, page, setup.SCENES, SceneOut)


@router.post("/scenes", status_code=201)
async def post_scene(core: CoreDependency, user: Manager, body: SceneIn) -> SceneOut:
    """A new scene."""
    return SceneOut(**await setup.create(core, user, setup.SCENES, body))


@router.patch("/scenes/{scene_id}")
async def patch_scene(core: CoreDependency, user: Manager, scene_id: PathId, body: ScenePatch) -> SceneOut:
    """Change a scene."""
    return SceneOut(**await setup.change(core, user, setup.SCENES, scene_id, body))


@router.get("/price-rules")
async def get_price_rules(core: CoreDependency, user: Reader, page: Paged) -> Page[PriceRuleOut]:
    """Price classes."""
    return await _page(core, user, page, setup.PRICE_RULES, PriceRuleOut)


@router.post("/price-rules", status_code=201)
async def post_price_rule(core: CoreDependency, user: Manager, body: PriceRuleIn) -> PriceRuleOut:
    """A new price rule."""
    return PriceRuleOut(**await setup.create(core, user, setup.PRICE_RULES, body))


@router.patch("/price-rules/{rule_id}")
async def patch_price_rule(core: CoreDependency, user: Manager, rule_id: PathId, body: PriceRulePatch) -> PriceRuleOut:
    """Change a price rule."""
    return PriceRuleOut(**await setup.change(core, user, setup.PRICE_RULES, rule_id, body))


@router.get("/limit-rules")
async def get_limit_rules(core: CoreDependency, user: Reader, page: Paged) -> Page[LimitRuleOut]:
    """Limits of times and fen."""
    return await _page(core, user, page, setup.LIMIT_RULES, LimitRuleOut)


@router.post("/limit-rules", status_code=201)
async def post_limit_rule(core: CoreDependency, user: Manager, body: LimitRuleIn) -> LimitRuleOut:
    """A new limit rule; home sites get the right to count it."""
    return LimitRuleOut(**await setup.create(core, user, setup.LIMIT_RULES, body))


@router.patch("/limit-rules/{rule_id}")
async def patch_limit_rule(core: CoreDependency, user: Manager, rule_id: PathId, body: LimitRulePatch) -> LimitRuleOut:
    """Change a limit rule."""
    return LimitRuleOut(**await setup.change(core, user, setup.LIMIT_RULES, rule_id, body))


async def _page(core: CoreDependency, user: User, page: PageRequest, kind: setup.Kind, out: Any) -> Page[Any]:
    after = after_values(page, int)
    async with core.database.transaction(user.organisation_id):
        rows = await setup.rows_after(kind, after[0] if after else 0, page.fetch)
    return make_page(rows, page, key=lambda row: [row["id"]], item=lambda row: out(**row))

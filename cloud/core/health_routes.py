"""`GET /health`: whether this process can serve, for balancers and people; tells nothing secret."""

from fastapi import APIRouter, Response
from pydantic import BaseModel

from cloud.core.context import CoreDependency
from cloud.core.errors import CloudError
from cloud.core.generation import generation

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """Whether the parts answer."""

    ok: bool
    database: bool
    generation: int | None
    broker: bool


@router.get("/health")
async def get_health(core: CoreDependency, response: Response) -> Health:
    """200 while the database answers, else 503."""
    number: int | None = None
    try:
        async with core.database.plain_transaction() as tx:
            number = await generation(tx)
    except (CloudError, OSError):
        response.status_code = 503
    return Health(ok=number is not None, database=number is not None, generation=number, broker=core.broker is not None)

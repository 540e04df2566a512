"""HTTP of the demonstration: pull the plug and watch the books."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from cloud.core import rights
from cloud.core.auth import current_user
from cloud.core.context import CoreDependency
from cloud.core.sessions import User
from cloud.domains.canteen import demo
from cloud.domains.canteen.demo_schemas import ActionIn, DemoOut

router = APIRouter(prefix="/api/v1/demo", tags=["demo"])

Reader = Annotated[User, Depends(current_user(rights.CANTEEN_READ))]
Disturber = Annotated[User, Depends(current_user(rights.DEMO_DISTURB))]


@router.get("/state")
async def get_state(core: CoreDependency, user: Reader) -> DemoOut:
    """How told, booked and waiting money stand."""
    told: dict[str, Any] = await demo.state(core, user)
    return DemoOut.model_validate(told)


@router.post("/actions", status_code=204)
async def post_action(core: CoreDependency, _user: Disturber, action: ActionIn) -> None:
    """Cut a network, kill a gateway, lose answers: in the simulated campus only."""
    await demo.act(core, action.action, action.gateway)

"""HTTP of the demonstration: pull the plug and watch the books."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from cloud.core import rights
from cloud.core.auth import current_user
from cloud.core.context import CoreDependency
from cloud.core.sessions import User
from cloud.domains.canteen import demo

router = APIRouter(prefix="/api/v1/demo", tags=["demo"])

Reader = Annotated[User, Depends(current_user(rights.CANTEEN_READ))]
Disturber = Annotated[User, Depends(current_user(rights.DEMO_DISTURB))]


class GatewayOut(BaseModel):
    """A gateway of the simulated campus."""

    name: str
    site_id: int
    alive: bool
    network: Literal["up", "cut", "lossy"]
    waiting: int
    waiting_fen: int
    told_fen: int
    unshown_fen: int
    settlements: int
    kills: int
    queues: dict[str, int]


class DemoOut(BaseModel):
    """receipts = ledger + waiting, or not."""

    enabled: bool
    receipts_fen: int = 0
    ledger_fen: int = 0
    waiting_fen: int = 0
    told_fen: int = 0
    unshown_fen: int = 0
    agrees: bool = True
    speed: float = 0
    gateways: list[GatewayOut] = []


class ActionIn(BaseModel):
    """A switch of the campus; an empty gateway means all."""

    action: Literal["cut", "heal", "kill", "lose_answers", "keep_answers", "double", "delay"]
    gateway: str = Field(default="", max_length=100)


@router.get("/state")
async def get_state(core: CoreDependency, user: Reader) -> DemoOut:
    """How told, booked and waiting money stand."""
    told: dict[str, Any] = await demo.state(core, user)
    return DemoOut.model_validate(told)


@router.post("/actions", status_code=204)
async def post_action(core: CoreDependency, _user: Disturber, action: ActionIn) -> None:
    """Cut a network, kill a gateway, lose answers: in the simulated campus only."""
    await demo.act(core, action.action, action.gateway)

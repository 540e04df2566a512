"""Bodies of `/api/v1/demo`."""

from typing import Literal

from pydantic import BaseModel, Field


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

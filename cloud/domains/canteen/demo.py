"""The demonstration: what people were told against what the books hold, and the switches of the simulated campus."""

import asyncio
from pathlib import Path
from typing import Any, Final

import httpx

from cloud.core.context import Core
from cloud.core.errors import Invalid, NotFound, Unavailable
from cloud.core.sessions import User
from protocols.ledger.accounts import Owner, TransferKind

_TIMEOUT_S: Final = 5.0
_TAKINGS: Final = """
    SELECT coalesce(sum(amount) FILTER (WHERE kind = $1 AND credit_owner_kind = $3), 0)
         - coalesce(sum(amount) FILTER (WHERE kind = $2 AND debit_owner_kind = $3), 0)
    FROM ledger_transfers
"""


async def state(core: Core, user: User) -> dict[str, Any]:
    """What gateways wrote, what the ledger holds and what waits, in fen.

    The books are read before and after the campus, so that a lunch in full swing still agrees.
    """
    if not core.settings.server.campus_url:
        return {"enabled": False, "gateways": []}
    before_fen = await _takings_fen(core, user)
    campus = await _call(core, "GET", "/state")
    ledger_fen = await _takings_fen(core, user)
    gateways = campus["gateways"]
    receipts_fen = sum(one["sum_fen"] for one in gateways)
    waiting_fen = sum(one["waiting_fen"] for one in gateways)
    booked = sorted((before_fen, ledger_fen))
    return {
        "enabled": True,
        "receipts_fen": receipts_fen,
        "ledger_fen": ledger_fen,
        "waiting_fen": waiting_fen,
        "told_fen": sum(one["told_fen"] for one in gateways),
        "unshown_fen": sum(one["unshown_fen"] for one in gateways),
        "agrees": booked[0] <= receipts_fen - waiting_fen <= booked[1],
        "speed": campus["speed"],
        "gateways": gateways,
    }


async def act(core: Core, action: str, gateway: str) -> None:
    """Throw a switch of the campus; raises NotFound where there is no campus, Invalid for an unknown switch."""
    if not core.settings.server.campus_url:
        raise NotFound("there is no simulated campus here")
    await _call(core, "POST", "/actions", {"action": action, "gateway": gateway})


async def _takings_fen(core: Core, user: User) -> int:
    async with core.database.transaction(user.organisation_id) as tx:
        found = await tx.connection.fetchval(
            _TAKINGS, int(TransferKind.SPEND), int(TransferKind.REFUND), int(Owner.STALL)
        )
    return int(found)


async def _call(core: Core, method: str, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
    server = core.settings.server
    token = (await asyncio.to_thread(Path(server.campus_token_file).read_text, encoding="utf-8")).strip()
    try:
        async with httpx.AsyncClient(base_url=server.campus_url, timeout=_TIMEOUT_S, trust_env=False) as client:
            answer = await client.request(method, path, json=body, headers={"Authorization": f"Bearer {token}"})
    except httpx.HTTPError as error:
        raise Unavailable("the simulated campus does not answer") from error
    if answer.is_error:
        raise Invalid("action", "the simulated campus knows no such switch")
    told: dict[str, Any] = answer.json()
    return told

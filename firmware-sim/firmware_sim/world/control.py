"""The campus's own switchboard on the loopback: what the console's "pull the plug" page talks to."""

import secrets
from typing import Any, Protocol

from aiohttp import web

_MOST_BODY_BYTES = 4_096


class Acting(Protocol):
    """What can be asked of a campus."""

    async def act(self, action: str, gateway: str) -> None:
        """Do it; KeyError or ValueError."""

    async def state(self) -> dict[str, Any]:
        """How it stands."""


class ControlDesk:
    """`GET /state` and `POST /actions {"action", "gateway"}`, for whoever holds the token."""

    def __init__(self, campus: Acting, *, port: int, token: str) -> None:
        self._campus = campus
        self._port = port
        self.token = token
        self._runner: web.AppRunner | None = None

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Listen."""
        app = web.Application(client_max_size=_MOST_BODY_BYTES)
        app.router.add_get("/state", self._state)
        app.router.add_post("/actions", self._act)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()

    async def stop(self) -> None:
        """Stop listening; harmless when stopped."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _state(self, request: web.Request) -> web.Response:
        self._check(request)
        return web.json_response(await self._campus.state())

    async def _act(self, request: web.Request) -> web.Response:
        self._check(request)
        try:
            order = await request.json()
            await self._campus.act(str(order["action"]), str(order.get("gateway", "")))
        except (KeyError, TypeError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"ok": True})

    def _check(self, request: web.Request) -> None:
        if not secrets.compare_digest(request.headers.get("Authorization", ""), f"Bearer {self.token}"):
            raise web.HTTPForbidden

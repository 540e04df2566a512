"""The HTTP server of a gateway's screens. One process, bounded connections, nothing from outside."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from aiohttp import WSMessage, WSMsgType, web

from edge.core.log import logger
from edge.kiosk.live import Feed, State, Viewer

Side = Literal["diner", "operator"]

_SCREENS: Final = Path(__file__).parent / "screens"
_MOST_VIEWERS: Final = 64
_MOST_MESSAGE_BYTES: Final = 16 * 1024
_ACT_TIMEOUT_S: Final = 20.0
_TYPES: Final = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; connect-src 'self' ws: wss:; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_SORRY: Final = {"zh": "没有办成，请再试一次", "en": "That did not work, please try again"}

_log = logger("kiosk")


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody did on a screen. `connection` is the same for all acts of one open page."""

    lane: str
    side: Side
    name: str
    connection: int
    fields: Mapping[str, Any] = field(default_factory=dict)


Handler = Callable[[Act], Awaitable[State]]


class Kiosk:
    """Live state of lanes to screens, and acts from screens to whoever runs the lane."""

    def __init__(
        self, *, host: str, port: int, health: Callable[[], Mapping[str, Any]], language: str = "zh-CN"
    ) -> None:
        """`language` is what a screen starts in, "zh-CN" or "en"."""
        self._language = language
        self._host = host
        self._port = port
        self._health = health
        self._feeds: dict[tuple[str, Side], Feed] = {}
        self._handlers: dict[str, Handler] = {}
        self._pictures: dict[str, bytes] = {}
        self._connections = 0
        self._open = 0
        self._bound: asyncio.Future[int] | None = None

    def publish(self, lane_code: str, state: Mapping[str, Any], *, side: Side = "diner") -> None:
        """Show a lane's state on its screens; only what changed travels."""
        self._feeds.setdefault((lane_code, side), Feed()).publish(state)

    def publish_picture(self, lane_code: str, jpeg: bytes) -> None:
        """The newest picture of a lane's counter; the former one is forgotten."""
        self._pictures[lane_code] = jpeg

    def on_action(self, lane_code: str, handler: Handler) -> None:
        """Let `handler` answer the acts of a lane's screens; it is also told `closed` when a page goes."""
        self._handlers[lane_code] = handler
        for side in ("diner", "operator"):
            self._feeds.setdefault((lane_code, side), Feed())

    def state(self, lane_code: str, side: Side = "diner") -> State:
        """What was published last."""
        feed = self._feeds.get((lane_code, side))
        return feed.state if feed else {}

    def watched(self, lane_code: str, side: Side = "diner") -> int:
        """How many screens look at this side of the lane now."""
        feed = self._feeds.get((lane_code, side))
        return len(feed.viewers) if feed else 0

    async def port(self) -> int:
        """The port it listens on, once it does."""
        if self._bound is None:
            self._bound = asyncio.get_running_loop().create_future()
        return await asyncio.shield(self._bound)

    async def run(self) -> None:
        """Serve until cancelled."""
        runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        try:
            site = web.TCPSite(runner, self._host, self._port)
            await site.start()
            port = int(runner.addresses[0][1])
            if self._bound is None or self._bound.done():
                self._bound = asyncio.get_running_loop().create_future()
            self._bound.set_result(port)
            _log.info("screens at http://%s:%d/", self._host, port)
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=_MOST_MESSAGE_BYTES)
        app.router.add_get("/", self._index)
        app.router.add_get("/favicon.ico", _no_icon)
        app.router.add_get("/health", self._get_health)
        app.router.add_get("/lanes/{code}/state", self._get_state)
        app.router.add_get("/lanes/{code}/picture", self._get_picture)
        app.router.add_get("/lanes/{code}/live", self._live)
        app.router.add_get("/lanes/{code}/{side:diner|operator}", self._page)
        app.router.add_get("/screens/{file:[a-z0-9_/]+\\.[a-z]+}", self._file)
        return app

    async def _index(self, _request: web.Request) -> web.Response:
        return self._send_page("index.html")

    async def _page(self, request: web.Request) -> web.Response:
        if request.match_info["code"] not in self._handlers:
            return self._send_page("missing.html", status=404)
        return self._send_page(f"{request.match_info['side']}.html")

    def _send_page(self, name: str, status: int = 200) -> web.Response:
        text = (_SCREENS / name).read_text(encoding="utf-8").replace('lang="zh-CN"', f'lang="{self._language}"')
        return web.Response(text=text, status=status, content_type="text/html", headers=_HEADERS)

    async def _file(self, request: web.Request) -> web.Response:
        return _send_file(request.match_info["file"])

    async def _get_health(self, _request: web.Request) -> web.Response:
        return web.json_response({**self._health(), "screens": sorted(self._handlers)}, headers=_HEADERS)

    async def _get_state(self, request: web.Request) -> web.Response:
        feed = self._feeds.get((request.match_info["code"], "diner"))
        if feed is None:
            return web.json_response({"code": "no_such_lane"}, status=404, headers=_HEADERS)
        return web.json_response(feed.state, headers=_HEADERS)

    async def _get_picture(self, request: web.Request) -> web.Response:
        jpeg = self._pictures.get(request.match_info["code"])
        if jpeg is None:
            return web.json_response({"code": "no_picture"}, status=404, headers=_HEADERS)
        return web.Response(body=jpeg, content_type="image/jpeg", headers=_HEADERS)

    async def _live(self, request: web.Request) -> web.StreamResponse:
        code, side = request.match_info["code"], _side(request)
        feed = self._feeds.get((code, side)) if code in self._handlers else None
        if feed is None:
            return web.json_response({"code": "no_such_lane"}, status=404, headers=_HEADERS)
        if not _same_origin(request):
            return web.json_response({"code": "other_origin"}, status=403, headers=_HEADERS)
        if self._open >= _MOST_VIEWERS:
            return web.json_response({"code": "too_many_screens"}, status=503, headers=_HEADERS)
        socket = web.WebSocketResponse(heartbeat=15, max_msg_size=_MOST_MESSAGE_BYTES)
        await socket.prepare(request)
        self._connections += 1
        self._open += 1
        connection, viewer = self._connections, feed.join()
        sender = asyncio.create_task(_send(socket, viewer))
        try:
            async for message in socket:
                await self._message(message, viewer, Act(code, side, "", connection))
        finally:
            self._open -= 1
            feed.leave(viewer)
            sender.cancel()
            with suppress(asyncio.CancelledError):
                await sender
            await self._answer(Act(code, side, "closed", connection))
        return socket

    async def _message(self, message: WSMessage, viewer: Viewer, who: Act) -> None:
        if message.type is not WSMsgType.TEXT:
            return
        try:
            said = json.loads(message.data)
            number, name = int(said.pop("id", 0)), str(said.pop("act"))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            viewer.answer({"answer": 0, "ok": False, "message": _SORRY})
            return
        if name == "closed":
            return
        answer = await self._answer(Act(who.lane, who.side, name, who.connection, said))
        viewer.answer({"ok": True, **answer, "answer": number})

    async def _answer(self, act: Act) -> State:
        try:
            async with asyncio.timeout(_ACT_TIMEOUT_S):
                return await self._handlers[act.lane](act)
        except TimeoutError:
            _log.warning("%s on lane %s took too long", act.name, act.lane)
        except Exception:  # noqa: BLE001  a fault behind one button must not close the screen; it is logged
            _log.exception("%s on lane %s failed", act.name, act.lane)
        return {"ok": False, "message": _SORRY}


async def _send(socket: web.WebSocketResponse, viewer: Viewer) -> None:
    with suppress(ConnectionError):
        while not socket.closed:
            await socket.send_str(json.dumps(await viewer.next(), ensure_ascii=False))


async def _no_icon(_request: web.Request) -> web.Response:
    return web.Response(status=204)


def _side(request: web.Request) -> Side:
    return "operator" if request.query.get("side") == "operator" else "diner"


def _same_origin(request: web.Request) -> bool:
    """A page of another site must not act here; programs that send no Origin may."""
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.host


def _send_file(name: str) -> web.Response:
    path = _SCREENS / name
    if ".." in name or not path.is_file() or path.suffix not in _TYPES:
        return web.json_response({"code": "no_such_file"}, status=404, headers=_HEADERS)
    return web.Response(body=path.read_bytes(), content_type=_TYPES[path.suffix], charset="utf-8", headers=_HEADERS)

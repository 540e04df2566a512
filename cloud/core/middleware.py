"""What surrounds every request: bounded bodies, a time-out, an answer for the unforeseen, headers for browsers."""

import asyncio
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.core.errors import TooLarge, Unavailable
from cloud.core.problems import problem, unexpected

_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (
        b"content-security-policy",
        b"default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; frame-ancestors 'none'",
    ),
)


class Guard:
    """The outermost ASGI layer. `untimed` are path prefixes of endless answers (event streams)."""

    def __init__(
        self, app: ASGIApp, *, body_limit_bytes: int, request_timeout_s: float, untimed: tuple[str, ...]
    ) -> None:
        self._app = app
        self._limit = body_limit_bytes
        self._timeout_s = request_timeout_s
        self._untimed = untimed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; anything else (lifespan) passes through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(receive, send, self._limit)
        answer: Any = None
        try:
            if _declared_length(scope) > self._limit:
                answer = problem(TooLarge())
            else:
                timeout_s = None if scope["path"].startswith(self._untimed) else self._timeout_s
                async with asyncio.timeout(timeout_s):
                    await self._app(scope, exchange.receive, exchange.send)
        except TimeoutError:
            answer = problem(Unavailable("this took too long"))
        except Exception:  # noqa: BLE001 - the last place where it can become an answer
            answer = unexpected()
        if exchange.over:
            answer = problem(TooLarge())
        if answer is not None and not exchange.started:
            await answer(scope, receive, exchange.send_final)


class _Exchange:
    """Counts what comes in and whether an answer has begun."""

    def __init__(self, receive: Receive, send: Send, limit: int) -> None:
        self._receive = receive
        self._send = send
        self._left = limit
        self.over = False
        self.started = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                self.over = True
                raise TooLarge
        return message

    async def send(self, message: Message) -> None:
        if self.over:
            return  # the layer that read the body answers in its own words; ours replace them
        await self.send_final(message)

    async def send_final(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            present = {name.lower() for name, _ in message["headers"]}
            message["headers"] = [*message["headers"], *(pair for pair in _HEADERS if pair[0] not in present)]
        await self._send(message)


def _declared_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0

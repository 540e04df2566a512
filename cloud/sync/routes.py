"""`/edge/v1` over HTTP: msgpack in, msgpack out, every error a Fault (see protocols/sync/messages.py)."""

import logging
import re
from collections.abc import Awaitable, Callable, Coroutine
from http import HTTPStatus
from typing import Any, Final, TypeVar

import asyncpg
from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from cloud.core.errors import CloudError, TooLarge, Unauthenticated
from cloud.core.errors import Malformed as MalformedRequest
from cloud.core.problems import translate
from cloud.sync.edge_api import EdgeApi
from protocols.payments.facts import Declaration
from protocols.sync.codec import MEDIA_TYPE, decode, encode
from protocols.sync.messages import (
    MAX_BATCH_BYTES,
    Batch,
    Fault,
    Heartbeat,
    LeaseAsk,
    OpenSession,
    Provision,
)
from protocols.values.errors import Malformed

SMALL_BODY_BYTES: Final = 256 * 1024
BATCH_BODY_BYTES: Final = MAX_BATCH_BYTES + 256 * 1024
_INT64: Final = 2**63
_DIGITS: Final = 20
_NAME: Final = re.compile(r"[a-z_]{1,64}")
_log = logging.getLogger(__name__)

T = TypeVar("T")


def edge_router(api_of: Callable[[Request], EdgeApi]) -> APIRouter:
    """The routes; `api_of` finds the `EdgeApi` that main made once the domains were registered."""
    return _Routes(api_of).router()


class FaultRoute(APIRoute):
    """Answers every error as a Fault."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, its errors translated."""
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await inner(request)
            except CloudError as error:
                return _fault(error)
            except Malformed as error:
                return _fault(MalformedRequest(str(error)))
            except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                meant = translate(error)
                if meant is None:
                    raise
                _log.info("database refused an edge's call: %s", type(error).__name__)
                return _fault(meant)

        return handle


class _Routes:
    """One small function a path."""

    def __init__(self, api_of: Callable[[Request], EdgeApi]) -> None:
        self._of = api_of

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/edge/v1", route_class=FaultRoute, include_in_schema=False)
        posts: dict[str, Callable[[Request], Awaitable[Response]]] = {
            "/provision": self.provision,
            "/session": self.session,
            "/batches": self.batches,
            "/heartbeat": self.heartbeat,
            "/heartbeats": self.heartbeat,
            "/lease-asks": self.lease_asks,
            "/declarations": self.declarations,
        }
        for path, endpoint in posts.items():
            router.add_api_route(path, endpoint, methods=["POST"], response_model=None)
        router.add_api_route("/leases", self.leases, methods=["GET"], response_model=None)
        router.add_api_route("/replicas", self.replicas, methods=["GET"], response_model=None)
        router.add_api_route("/replica/{collection}", self.replica, methods=["GET"], response_model=None)
        return router

    async def provision(self, request: Request) -> Response:
        """POST a Provision."""
        return answer_of(await self._of(request).provision(await read_message(request, Provision)))

    async def session(self, request: Request) -> Response:
        """POST an OpenSession."""
        return answer_of(await self._of(request).open_session(await read_message(request, OpenSession)))

    async def batches(self, request: Request) -> Response:
        """POST a Batch."""
        token = token_of(request)
        return answer_of(
            await self._of(request).batch(token, await read_message(request, Batch, most=BATCH_BODY_BYTES))
        )

    async def heartbeat(self, request: Request) -> Response:
        """POST a Heartbeat."""
        token = token_of(request)
        return answer_of(await self._of(request).heartbeat(token, await read_message(request, Heartbeat)))

    async def lease_asks(self, request: Request) -> Response:
        """POST a LeaseAsk."""
        token = token_of(request)
        return answer_of(await self._of(request).lease_ask(token, await read_message(request, LeaseAsk)))

    async def declarations(self, request: Request) -> Response:
        """POST a Declaration."""
        token = token_of(request)
        return answer_of(
            await self._of(request).declare(token, await read_message(request, Declaration, most=BATCH_BODY_BYTES))
        )

    async def leases(self, request: Request) -> Response:
        """GET ?after=n."""
        return answer_of(await self._of(request).leases(token_of(request), _number(request, "after")))

    async def replicas(self, request: Request) -> Response:
        """GET ?collection=&generation=&after=."""
        return await self._page(request, request.query_params.get("collection", ""))

    async def replica(self, request: Request) -> Response:
        """GET /replica/{collection}?generation=&after=."""
        return await self._page(request, request.path_params["collection"])

    async def _page(self, request: Request, collection: str) -> Response:
        generation, after = _number(request, "generation"), _number(request, "after")
        if not _NAME.fullmatch(collection):
            raise MalformedRequest("name a collection")
        return answer_of(
            await self._of(request).replica(token_of(request), collection, generation=generation, after=after)
        )


async def read_message(request: Request, kind: type[T], *, most: int = SMALL_BODY_BYTES) -> T:
    """The body as a message. Raises TooLarge, Malformed."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise TooLarge(f"at most {most} bytes")
    return decode(bytes(body), kind)


def token_of(request: Request) -> str:
    """The device's token. Raises Unauthenticated."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token or not token.isascii():
        raise Unauthenticated("open a session first")
    return token


def _number(request: Request, name: str) -> int:
    text = request.query_params.get(name, "0")
    try:
        number = int(text) if len(text) <= _DIGITS else _INT64
    except ValueError:
        number = _INT64
    if not -_INT64 <= number < _INT64:
        raise MalformedRequest(f"{name} is a whole number")
    return number


def answer_of(message: object) -> Response:
    """A message as an answer."""
    return Response(encode(message), media_type=MEDIA_TYPE)


def _fault(error: CloudError) -> Response:
    retry = error.status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS)
    return Response(encode(Fault(error.code, error.message, retry)), status_code=error.status, media_type=MEDIA_TYPE)

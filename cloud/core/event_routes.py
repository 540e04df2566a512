"""`GET /api/v1/events`: live pages by server-sent events from the outbox."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from cloud.core.auth import current_user
from cloud.core.context import CoreDependency
from cloud.core.events import Event, Stream, StreamClosed
from cloud.core.rights import AUDIT_READ
from cloud.core.sessions import User

router = APIRouter(prefix="/api/v1/events", tags=["events"])
PATH: Final = "/api/v1/events"
_AUDIT: Final = ("audit.",)  # what changed from what to what is for those who may read the trail
_HEARTBEAT_S: Final = 15.0
_STREAM_MOST_S: Final = 3600.0


@router.get("", response_class=StreamingResponse)
async def get_events(
    core: CoreDependency,
    user: Annotated[User, Depends(current_user())],
    topics: Annotated[str, Query(max_length=500, description="Prefixes, separated by commas: canteen.,payments.")] = "",
) -> StreamingResponse:
    """News of the user's organisation and those below it, as they happen; `reset` means: read everything anew.

    A page that opens the stream reads its data after `hello`, so nothing falls between.
    """
    async with core.database.transaction(user.organisation_id) as tx:
        organisations = frozenset(await tx.fetchval("SELECT app_organisations()"))
    prefixes = tuple(part for part in topics.split(",") if part) or ("",)
    return StreamingResponse(
        _lines(core, organisations, prefixes, withheld=() if user.may(AUDIT_READ) else _AUDIT),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store"},
    )


async def _lines(
    core: CoreDependency, organisations: frozenset[int], prefixes: tuple[str, ...], *, withheld: tuple[str, ...]
) -> AsyncIterator[bytes]:
    async with core.events.stream(organisations, prefixes) as stream:
        yield b"event: hello\ndata: {}\n\n"
        ends = asyncio.get_running_loop().time() + _STREAM_MOST_S
        while asyncio.get_running_loop().time() < ends:
            try:
                yield await _next_line(stream, withheld)
            except StreamClosed:
                return


async def _next_line(stream: Stream, withheld: tuple[str, ...]) -> bytes:
    try:
        event = await stream.next(_HEARTBEAT_S)
    except TimeoutError:
        return b": alive\n\n"
    if event is not None and event.topic.startswith(withheld):
        return b": withheld\n\n"
    return b"event: reset\ndata: {}\n\n" if event is None else _line(event)


def _line(event: Event) -> bytes:
    data = {
        "id": event.id,
        "organisation_id": event.organisation_id,
        "topic": event.topic,
        "at": event.created_at.isoformat(),
        "payload": event.payload,
    }
    return f"id: {event.id}\nevent: news\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()

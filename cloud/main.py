"""The application: the core, `/edge/v1`, the domains and the console, put together from one explicit list."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fastapi import APIRouter, FastAPI

from cloud.core import event_routes, health_routes, housekeeping, problems, session_routes
from cloud.core.backup import BackupFact
from cloud.core.console import Console
from cloud.core.context import Core
from cloud.core.middleware import Guard

_CONSOLE: Final = Path(__file__).parent / "web" / "dist"


@dataclass(frozen=True)
class Part:
    """What a domain or sync brings: its router, its `tables.py`, and what registers its handlers with the core."""

    router: APIRouter | None = None
    tables: str = ""
    register: Sequence[Callable[[Core], None]] = ()


# Where each stream stands in a backup, and that edges may prune up to there once it is verified (rule 24).
STREAMS_SAFE: Final = BackupFact(
    name="streams",
    read="SELECT device, epoch, branch, applied_through FROM streams ORDER BY device, epoch, branch",
    safe=(
        "UPDATE streams SET safe_through = greatest(streams.safe_through, fact.applied_through) "
        "FROM jsonb_to_recordset($1::jsonb) AS fact "
        "(device bigint, epoch integer, branch smallint, applied_through bigint) "
        "WHERE (streams.device, streams.epoch, streams.branch) = (fact.device, fact.epoch, fact.branch)"
    ),
)
BACKUP_FACTS: Final = (STREAMS_SAFE,)

PARTS: Final[tuple[Part, ...]] = ()


def table_modules(parts: Sequence[Part] = PARTS) -> list[str]:
    """The modules that hold Tortoise models."""
    return [part.tables for part in parts if part.tables]


def routers(parts: Sequence[Part] = PARTS) -> list[APIRouter]:
    """All of the API, in the order of its document."""
    core = [health_routes.router, session_routes.router, event_routes.router]
    return core + [part.router for part in parts if part.router is not None]


def register(core: Core, parts: Sequence[Part] = PARTS) -> None:
    """Let every part register its jobs and subscriptions; once for a core, before events and jobs start."""
    housekeeping.register(core)
    for part in parts:
        for one in part.register:
            one(core)


def create_app(core: Core, parts: Sequence[Part] = PARTS) -> FastAPI:
    """The application over a core to which `register` has been applied."""
    app = FastAPI(
        title="Quartermaster",
        version="1",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.core = core
    problems.install(app)
    app.add_middleware(
        Guard,
        body_limit_bytes=core.settings.server.body_limit_bytes,
        request_timeout_s=core.settings.server.request_timeout_s,
        untimed=(event_routes.PATH,),
    )
    for router in routers(parts):
        app.include_router(router)
    if _CONSOLE.is_dir():
        app.mount("/", Console(_CONSOLE))
    return app

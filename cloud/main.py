"""The application: the core, `/edge/v1`, the domains and the console, put together from one explicit list."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, FastAPI

from cloud.core import event_routes, health_routes, housekeeping, problems, session_routes
from cloud.core.backup import BackupFact
from cloud.core.console import Console
from cloud.core.context import Core
from cloud.core.middleware import Guard
from cloud.domains.audit import events as audit_events
from cloud.domains.audit import routes as audit_routes
from cloud.domains.canteen import demo_routes
from cloud.domains.canteen import edge as canteen_edge
from cloud.domains.canteen import events as canteen_events
from cloud.domains.canteen import routes as canteen_routes
from cloud.domains.devices import edge as devices_edge
from cloud.domains.devices import routes as devices_routes
from cloud.domains.devices.directory import GatewayDirectory
from cloud.domains.identity import events as identity_events
from cloud.domains.identity import faces_edge_routes, faces_routes, faces_store
from cloud.domains.identity import routes as identity_routes
from cloud.domains.identity.faces_desk import FaceDesk
from cloud.domains.payments import events as payments_events
from cloud.domains.payments import jobs as payments_jobs
from cloud.domains.payments import routes as payments_routes
from cloud.domains.payments import service as payments
from cloud.domains.places import routes as places_routes
from cloud.sync.desk import QuarantineDesk
from cloud.sync.edge_api import EdgeApi, EdgeParts
from cloud.sync.registry import Registry
from cloud.sync.routes import edge_router

_CONSOLE: Final = Path(__file__).parent / "web" / "dist"


@dataclass(frozen=True)
class Part:
    """What a domain brings: its routers, its models, what registers with the core, its part in entries of edges."""

    routers: Sequence[APIRouter] = ()
    tables: str = ""
    register: Sequence[Callable[[Core], None]] = ()
    handlers: Sequence[Any] = ()  # each an EntryHandler, checked as such by Registry


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

PARTS: Final[tuple[Part, ...]] = (
    Part(
        routers=(identity_routes.router, faces_routes.router),
        tables="cloud.domains.identity.tables",
        register=(identity_events.subscribe,),
    ),
    Part(routers=(places_routes.router,), tables="cloud.domains.places.tables"),
    Part(routers=(audit_routes.router,), register=(audit_events.subscribe,)),
    Part(
        routers=(payments_routes.router,),
        tables="cloud.domains.payments.tables",
        register=(payments_events.subscribe, payments_jobs.register),
    ),
    Part(
        routers=(devices_routes.router,),
        tables="cloud.domains.devices.tables",
        handlers=devices_edge.HANDLERS,
    ),
    Part(
        routers=(canteen_routes.router, demo_routes.router),
        tables="cloud.domains.canteen.tables",
        register=(canteen_events.subscribe,),
        handlers=canteen_edge.HANDLERS,
    ),
)


def table_modules(parts: Sequence[Part] = PARTS) -> list[str]:
    """The modules that hold Tortoise models."""
    return [part.tables for part in parts if part.tables]


def routers(parts: Sequence[Part] = PARTS) -> list[APIRouter]:
    """All of the documented API, in the order of its document."""
    core = [health_routes.router, session_routes.router, event_routes.router]
    return core + [router for part in parts for router in part.routers]


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
    registry = Registry([handler for part in parts for handler in part.handlers])
    edge_api = EdgeApi(_edge_parts(core, registry))
    app.state.core = core
    app.state.quarantine_desk = QuarantineDesk(registry, core.signer.sign)
    app.state.edge_api = edge_api
    app.state.face_desk = FaceDesk(Path(core.settings.recognition.networks))
    problems.install(app)
    app.add_middleware(
        Guard,
        body_limit_bytes=core.settings.server.body_limit_bytes,
        request_timeout_s=core.settings.server.request_timeout_s,
        untimed=(event_routes.PATH,),
    )
    for router in routers(parts):
        app.include_router(router, responses=problems.RESPONSES)
    app.include_router(edge_router(lambda _: edge_api))
    app.include_router(faces_edge_routes.router)
    if _CONSOLE.is_dir():
        app.mount("/", Console(_CONSOLE))
    return app


def _edge_parts(core: Core, registry: Registry) -> EdgeParts:
    return EdgeParts(
        database=core.database,
        clock=core.clock,
        registry=registry,
        directory=GatewayDirectory(core),
        token_secret=core.signer.token_secret,
        bucket_order=payments.bucket_order,
        fillers={faces_store.COLLECTION: faces_store.filler(core)},
    )

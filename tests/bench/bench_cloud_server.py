"""`/edge/v1` behind HTTPS in a process of its own, and a gateway's end of the line, for the benches."""

import asyncio
import http
import http.client
import multiprocessing
import secrets
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from cloud.core.clock import ManualClock, SystemClock
from cloud.core.database import Database
from cloud.core.middleware import Guard
from cloud.core.tls import TlsFiles, ensure_tls
from cloud.domains.canteen.edge import HANDLERS
from cloud.sync.edge_api import EdgeApi, EdgeParts
from cloud.sync.registry import Registry
from cloud.sync.routes import edge_router
from protocols.crypto import sm2
from protocols.sync.codec import decode, encode, session_bytes
from protocols.sync.messages import Batch, BatchAnswer, OpenSession, Session
from tests.bench.bench_cloud_rig import Site
from tests.cloud.sync.rig import Gateway, MemoryDirectory, at

_START_S = 60
_STOP_S = 20


@dataclass(frozen=True)
class Plan:
    """What the server process is told."""

    dsn: str
    organisation: int
    site: int
    device: int
    public_key: bytes
    port: int
    tls: TlsFiles


@dataclass
class Line:
    """A gateway's open connection."""

    connection: http.client.HTTPSConnection
    token: str

    def send(self, batch: Batch) -> BatchAnswer:
        """One batch, one answer."""
        return decode(_post(self.connection, "batches", encode(batch), self.token), BatchAnswer)


@contextmanager
def serve(site: Site, folder: Path) -> Iterator[Line]:
    """Start the server, open a session, stop the server at the end."""
    tls = ensure_tls(folder / "tls", ("localhost",), SystemClock())
    gateway = site.gateway
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    cloud = site.cloud
    plan = Plan(site.dsn, cloud.organisation, cloud.site_of(gateway), gateway.device, gateway.public, port, tls)
    process = multiprocessing.get_context("spawn").Process(target=run_server, args=(plan,), daemon=True)
    process.start()
    try:
        line = _open(gateway, plan)
        try:
            yield line
        finally:
            line.connection.close()
    finally:
        process.terminate()
        process.join(_STOP_S)
        process.kill()


def run_server(plan: Plan) -> None:
    """The server process."""
    asyncio.run(_serve(plan))


async def _serve(plan: Plan) -> None:
    database = await Database.open(plan.dsn, min_size=1, max_size=4)
    directory = MemoryDirectory()
    gateway = Gateway(plan.device, private=b"-", public=plan.public_key)
    directory.add(gateway, organisation=plan.organisation, site=plan.site)
    app = FastAPI()
    api = EdgeApi(EdgeParts(database, ManualClock(at(20)), Registry(HANDLERS), directory, secrets.token_bytes(32)))
    app.include_router(edge_router(lambda _: api))
    app.add_middleware(Guard, body_limit_bytes=8 * 1024 * 1024, request_timeout_s=60, untimed=())
    config = uvicorn.Config(
        app, host="127.0.0.1", port=plan.port, log_config=None, access_log=False, lifespan="off",
        ssl_certfile=str(plan.tls.certificate), ssl_keyfile=str(plan.tls.key),
    )  # fmt: skip
    try:
        await uvicorn.Server(config).serve()
    finally:
        await database.close()


def _open(gateway: Gateway, plan: Plan) -> Line:
    trust = ssl.create_default_context(cafile=str(plan.tls.authority))
    connection = http.client.HTTPSConnection("localhost", plan.port, context=trust, timeout=60)
    nonce = secrets.token_bytes(16)
    message = session_bytes(gateway.device, gateway.key_id, 1, nonce)
    signature = None
    while signature is None:
        signature = sm2.sign(
            private=gateway.private, public=gateway.public, message=message, nonce=secrets.token_bytes(32)
        )
    ask = encode(OpenSession(1, gateway.device, gateway.key_id, 1, nonce, signature, "bench"))
    until = time.monotonic() + _START_S
    while True:
        try:
            return Line(connection, decode(_post(connection, "session", ask, ""), Session).token)
        except ConnectionRefusedError:
            connection.close()
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def _post(connection: http.client.HTTPSConnection, path: str, body: bytes, token: str) -> bytes:
    connection.request("POST", f"/edge/v1/{path}", body, {"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    said = answer.read()
    if answer.status != http.HTTPStatus.OK:
        raise RuntimeError(f"{path} answered {answer.status}: {said!r}")
    return said

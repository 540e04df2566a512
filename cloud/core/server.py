"""Serve the application by HTTPS, and in demo mode by plain HTTP on loopback, until told to stop."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import uvicorn
from fastapi import FastAPI

from cloud.core.context import Core
from cloud.core.errors import Unavailable
from cloud.core.tls import TlsFiles, ensure_tls

_BACKLOG: Final = 1024


@dataclass(frozen=True)
class Addresses:
    """Where the core answers; `console` is empty outside demo mode."""

    https: str
    console: str
    authority_file: str


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the caller stops both servers and the rest in one order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Servers:
    """The listening ports of one core. Sockets are bound at once, so that the addresses are known before serving."""

    def __init__(self, app: FastAPI, core: Core) -> None:
        given = core.settings.server
        tls = ensure_tls(core.state_directory / "tls", given.names, core.clock)
        self._core = core
        self._sockets = [_listen(given.host, given.port)]
        self._servers = [_Server(_config(app, core, tls))]
        if given.demo:
            self._sockets.append(_listen("127.0.0.1", given.console_port))
            self._servers.append(_Server(_config(app, core, None)))
        self.addresses = self._addresses(tls)

    async def serve(self, until: asyncio.Event) -> None:
        """Serve until `until` is set; then live pages are closed and running requests end within the bound."""
        tasks = [
            asyncio.create_task(server.serve(sockets=[listening]))
            for server, listening in zip(self._servers, self._sockets, strict=True)
        ]
        waiter = asyncio.create_task(until.wait())
        await asyncio.wait([waiter, *tasks], return_when=asyncio.FIRST_COMPLETED)
        waiter.cancel()
        self._core.events.close_streams()
        for server in self._servers:
            server.should_exit = True
        await asyncio.gather(*tasks)

    def _addresses(self, tls: TlsFiles) -> Addresses:
        host = self._core.settings.server.host
        shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 - only compared
        ports = [listening.getsockname()[1] for listening in self._sockets]
        console = f"http://127.0.0.1:{ports[1]}" if len(ports) > 1 else ""
        return Addresses(f"https://{shown}:{ports[0]}", console, str(tls.authority))


def _config(app: FastAPI, core: Core, tls: TlsFiles | None) -> uvicorn.Config:
    secure: dict[str, Any] = {"ssl_certfile": str(tls.certificate), "ssl_keyfile": str(tls.key)} if tls else {}
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=int(core.settings.server.stop_timeout_s),
        **secure,
    )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise Unavailable(f"cannot listen on {host}:{port}: {error.strerror}; change [server]") from error
    return listening

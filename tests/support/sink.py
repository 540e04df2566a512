"""A cloud that takes entries and asks for them again from the first once it has all: a drain without an end.

`python -m tests.support.sink PORT_FILE` serves until it is told to stop.
"""

import asyncio
import sys
import time
from pathlib import Path

from aiohttp import web

from protocols.journal import chain
from protocols.sync.codec import MEDIA_TYPE, decode, encode
from protocols.sync.messages import Batch, BatchAnswer, Heartbeat, HeartbeatAnswer, OpenSession, Session

DRAINED = 100_000


class Sink:
    """Where the stream stands here."""

    def __init__(self) -> None:
        self.generation = 1
        self.through = 0
        self.head = b""

    def take(self, batch: Batch) -> BatchAnswer:
        """Link the chain, as a cloud must, and go on."""
        if batch.first_seq == self.through + 1:
            self.head = chain.links(batch.previous, batch.bodies)[-1]
            self.through += len(batch.bodies)
        if self.through >= DRAINED:
            self.generation, self.through, self.head = self.generation + 1, 0, b""
        return BatchAnswer(self.generation, self.through, self.head, 0, len(batch.bodies), 0, 0, "open")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def main(port_file: Path) -> None:
    sink = Sink()

    async def session(request: web.Request) -> web.Response:
        decode(await request.read(), OpenSession)
        return answer(Session("token", 3600, 1, sink.generation, now_ms(), b"k" * 32))

    async def batches(request: web.Request) -> web.Response:
        return answer(sink.take(decode(await request.read(), Batch)))

    async def heartbeat(request: web.Request) -> web.Response:
        decode(await request.read(), Heartbeat)
        return answer(HeartbeatAnswer(sink.generation, 1, now_ms(), 0, {}, sink.through, 0, "open"))

    app = web.Application(client_max_size=8 * 1024 * 1024)
    app.router.add_post("/edge/v1/session", session)
    app.router.add_post("/edge/v1/batches", batches)
    app.router.add_post("/edge/v1/heartbeat", heartbeat)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port_file.write_text(str(runner.addresses[0][1]))
    await asyncio.Event().wait()


def answer(message: object) -> web.Response:
    return web.Response(body=encode(message), content_type=MEDIA_TYPE)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))

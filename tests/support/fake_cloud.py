"""The cloud's side of /edge/v1 in memory, in the real messages, with the faults a network brings."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from protocols.crypto import sm2
from protocols.journal import chain
from protocols.journal.codec import decode_entry
from protocols.sync.codec import MEDIA_TYPE, collection_digest, decode, encode, provision_bytes, session_bytes
from protocols.sync.messages import (
    Batch,
    BatchAnswer,
    Fault,
    Heartbeat,
    HeartbeatAnswer,
    LeaseAsk,
    LeaseAskAnswer,
    LeaseKind,
    LeaseMessage,
    LeasePage,
    OpenSession,
    Provision,
    Provisioned,
    ReplicaPage,
    ReplicaRow,
    Session,
)

SITE_KEY = b"k" * 32
PAGE_ROWS = 50


@dataclass
class FakeCloud:
    """One site's cloud. Fault knobs are read at each call."""

    device: int = 7
    site: int = 3
    epoch: int = 1
    generation: int = 1
    state: str = "open"
    now_ms: int = 1_800_000_000_000
    code: str = "CODE"
    public_key: bytes = b""
    entries: list[bytes] = field(default_factory=list)
    head: bytes = b""
    safe_through: int = 0
    duplicates: int = 0
    batches: int = 0
    checkpoints: list[int] = field(default_factory=list)
    leases: list[LeaseMessage] = field(default_factory=list)
    replicas: dict[str, list[ReplicaRow]] = field(default_factory=dict)
    heartbeats: list[Heartbeat] = field(default_factory=list)
    asks: list[LeaseAsk] = field(default_factory=list)
    tokens: int = 0
    valid_token: str = ""
    drop_answers: int = 0  # so many answers to batches are lost after they were applied
    refuse: Fault | None = None
    ask_delay_s: float = 0.0
    url: str = ""

    def __post_init__(self) -> None:
        self.head = chain.genesis(self.device, self.epoch)

    def grant(self, person: int, amount: int, *, bucket: int = 1) -> None:
        self.leases.append(LeaseMessage(len(self.leases) + 1, LeaseKind.GRANT, person, bucket, amount, 0))

    def publish(self, collection: str, key: str, body: bytes | None, *, effective_from_ms: int = 0) -> None:
        rows = self.replicas.setdefault(collection, [])
        version = max((row.version for row in rows), default=0) + 1
        rows[:] = [row for row in rows if (row.key, row.effective_from_ms) != (key, effective_from_ms)]
        rows.append(ReplicaRow(key, version, effective_from_ms, body))

    def version(self, collection: str) -> int:
        return max((row.version for row in self.replicas.get(collection, [])), default=0)

    def restore(self, entries: int) -> None:
        """Last night's backup: a new generation with fewer entries."""
        self.entries = self.entries[:entries]
        self.head = chain.links(chain.genesis(self.device, self.epoch), self.entries)[-1]
        self.generation += 1
        self.state = "declare"
        self.valid_token = ""

    def seqs(self) -> list[int]:
        return [decode_entry(body).seq for body in self.entries]

    # Calls.

    def provision(self, request: Provision) -> Provisioned | Fault:
        if request.code != self.code:
            return Fault("code_unknown", "the code is not known or used", retry=False)
        if self.public_key and self.public_key != request.public_key:
            return Fault("code_used", "another device used it", retry=False)
        message = provision_bytes(request.code, request.public_key)
        assert sm2.verify(public=request.public_key, message=message, signature=request.signature)
        self.public_key = request.public_key
        return Provisioned(
            1, self.site, self.device, self.epoch, 1, self.generation, "Asia/Shanghai", self.now_ms, SITE_KEY
        )

    def session(self, request: OpenSession) -> Session | Fault:
        covered = session_bytes(request.device, request.key_id, request.at_ms, request.nonce)
        if self.public_key and not sm2.verify(public=self.public_key, message=covered, signature=request.signature):
            return Fault("bad_signature", "not the device's key", retry=False)
        self.tokens += 1
        self.valid_token = f"token {self.tokens}"
        return Session(self.valid_token, 3600, self.epoch, self.generation, self.now_ms, SITE_KEY)

    def batch(self, batch: Batch) -> BatchAnswer | Fault:
        self.batches += 1
        first, applied, duplicates = batch.first_seq, 0, 0
        if first <= len(self.entries) + 1:
            for seq, body in enumerate(batch.bodies, first):
                if seq <= len(self.entries):
                    assert self.entries[seq - 1] == body, "a fork"
                    duplicates += 1
                    continue
                assert decode_entry(body).seq == seq
                self.entries.append(body)
                self.head = chain.link(self.head, body)
                applied += 1
            if applied:
                assert batch.checkpoint.head == self.head
                self._verify(batch)
        self.duplicates += duplicates
        return BatchAnswer(
            self.generation, len(self.entries), self.head, self.safe_through, applied, duplicates, 0, self.state
        )

    def _verify(self, batch: Batch) -> None:
        mark = batch.checkpoint
        self.checkpoints.append(mark.seq)
        if self.public_key:
            covered = chain.signed_bytes(mark.device, mark.epoch, mark.seq, mark.head)
            assert sm2.verify(public=self.public_key, message=covered, signature=mark.signature)

    def heartbeat(self, beat: Heartbeat) -> HeartbeatAnswer | Fault:
        self.heartbeats.append(beat)
        versions = {name: self.version(name) for name in self.replicas}
        return HeartbeatAnswer(
            self.generation,
            self.epoch,
            self.now_ms,
            len(self.leases),
            versions,
            len(self.entries),
            self.safe_through,
            self.state,
        )

    def lease_page(self, query: dict[str, str]) -> LeasePage:
        after = int(query["after"])
        return LeasePage(self.generation, self.epoch, len(self.leases), tuple(self.leases[after : after + 100]))

    def replica_page(self, query: dict[str, str]) -> ReplicaPage:
        name, after = query["collection"], int(query["after"])
        newest = self.version(name)
        reset = int(query["generation"]) != self.generation or after > newest or after < 0
        after = 0 if reset else after
        rows = sorted((row for row in self.replicas.get(name, []) if row.version > after), key=lambda row: row.version)
        chosen = rows[:PAGE_ROWS]
        more = len(rows) > PAGE_ROWS
        live = [(r.key, r.effective_from_ms, r.body) for r in self.replicas.get(name, []) if r.body is not None]
        version = chosen[-1].version if more else newest
        return ReplicaPage(
            name, self.generation, version, reset, more, tuple(chosen), b"" if more else collection_digest(live)
        )

    async def lease_ask(self, ask: LeaseAsk) -> LeaseAskAnswer:
        self.asks.append(ask)
        await asyncio.sleep(self.ask_delay_s)
        self.grant(ask.person, ask.amount)
        return LeaseAskAnswer(len(self.leases), ask.amount, "")


def _app(cloud: FakeCloud) -> web.Application:
    app = web.Application(client_max_size=8 * 1024 * 1024)

    def call(kind: type[Any], act: Callable[[Any], Any], *, open_to_all: bool = False) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            if not open_to_all and request.headers.get("Authorization") != f"Bearer {cloud.valid_token}":
                return _answer(Fault("session_ended", "", retry=True), status=401)
            if cloud.refuse is not None and not open_to_all:
                return _answer(cloud.refuse, status=503 if cloud.refuse.retry else 409)
            said = act(decode(await request.read(), kind) if kind is not dict else dict(request.query))
            if isinstance(said, Awaitable):
                said = await said
            if kind is Batch and cloud.drop_answers > 0:
                cloud.drop_answers -= 1
                assert request.transport is not None
                request.transport.close()
            return _answer(said, status=409 if isinstance(said, Fault) else 200)

        return handle

    app.router.add_post("/edge/v1/provision", call(Provision, cloud.provision, open_to_all=True))
    app.router.add_post("/edge/v1/session", call(OpenSession, cloud.session, open_to_all=True))
    take = call(Batch, lambda batch: cloud.batch(batch))  # noqa: PLW0108  a test may replace it while serving
    app.router.add_post("/edge/v1/batches", take)
    app.router.add_post("/edge/v1/heartbeat", call(Heartbeat, cloud.heartbeat))
    app.router.add_post("/edge/v1/lease-asks", call(LeaseAsk, cloud.lease_ask))
    app.router.add_get("/edge/v1/leases", call(dict, cloud.lease_page))
    app.router.add_get("/edge/v1/replicas", call(dict, cloud.replica_page))
    return app


def _answer(said: Any, *, status: int = 200) -> web.Response:
    return web.Response(body=encode(said), status=status, content_type=MEDIA_TYPE)


@asynccontextmanager
async def serving(cloud: FakeCloud, *, port: int = 0) -> AsyncIterator[FakeCloud]:
    """The cloud on a port of its own, at `cloud.url`."""
    runner = web.AppRunner(_app(cloud), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    cloud.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield cloud
    finally:
        await runner.cleanup()

"""The whole cloud for tests of domains: every part over a test database, signed-in clients, gateways that provision."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI

from cloud.core.auth import CSRF_HEADER, CSRF_VALUE
from cloud.core.context import Core
from cloud.main import create_app
from protocols.crypto import sm2
from protocols.journal import chain
from protocols.journal.codec import encode_entry
from protocols.journal.messages import FORMAT, Checkpoint, Entry
from protocols.sync.codec import MEDIA_TYPE, decode, encode, provision_bytes, session_bytes
from protocols.sync.messages import (
    PROTOCOL,
    Batch,
    BatchAnswer,
    Heartbeat,
    HeartbeatAnswer,
    LeasePage,
    OpenSession,
    Provision,
    Provisioned,
    ReplicaPage,
    ReplicaRow,
    Session,
)
from protocols.values.instants import to_ms
from tests.support.cloud import PASSWORD, make_login

API = "/api/v1"


@dataclass
class Cloud:
    """A running application without a socket."""

    core: Core
    app: FastAPI
    organisation_id: int

    @asynccontextmanager
    async def signed_in(self, login: str, granted: frozenset[str]) -> AsyncIterator[httpx.AsyncClient]:
        """A client signed in as a fresh user with these rights."""
        await make_login(self.core, self.organisation_id, login, granted)
        async with self.client() as client:
            answer = await client.post(f"{API}/identity/session", json={"login": login, "password": PASSWORD})
            answer.raise_for_status()
            yield client

    def client(self) -> httpx.AsyncClient:
        """A client that is not signed in."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="https://core.test", headers={CSRF_HEADER: CSRF_VALUE})

    async def settle(self) -> None:
        """Deliver all news that is due."""
        while await self.core.events.deliver_pending():
            pass


def open_cloud(core: Core, organisation_id: int) -> Cloud:
    """The application over a test core."""
    return Cloud(core, create_app(core), organisation_id)


async def made(client: httpx.AsyncClient, path: str, body: dict[str, Any], *, key: bool = False) -> dict[str, Any]:
    """POST and answer the body; a failure shows the problem."""
    headers = {"Idempotency-Key": secrets.token_hex(8)} if key else {}
    answer = await client.post(f"{API}{path}", json=body, headers=headers)
    assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
    found: dict[str, Any] = answer.json() if answer.content else {}
    return found


async def listed(client: httpx.AsyncClient, path: str, **params: Any) -> list[dict[str, Any]]:
    """GET a list's first page."""
    answer = await client.get(f"{API}{path}", params=params)
    assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


@dataclass
class TestGateway:
    """A gateway as the cloud sees one: provisions, opens a session, sends entries, fetches replicas and leases."""

    cloud: Cloud
    private: bytes = field(default_factory=lambda: sm2.private_key_from(secrets.token_bytes(40)))
    who: Provisioned | None = None
    token: str = ""
    seq: int = 0
    head: bytes = b""
    sum_fen: int = 0

    __test__ = False

    @property
    def public(self) -> bytes:
        return sm2.public_key(self.private)

    def sign(self, message: bytes) -> bytes:
        made_signature = None
        while made_signature is None:
            made_signature = sm2.sign(
                private=self.private, public=self.public, message=message, nonce=secrets.token_bytes(32)
            )
        return made_signature

    async def post(self, path: str, message: Any) -> httpx.Response:
        async with self.cloud.client() as client:
            headers = {"Content-Type": MEDIA_TYPE, "Authorization": f"Bearer {self.token}"}
            return await client.post(f"/edge/v1{path}", content=encode(message), headers=headers)

    async def provision(self, code: str) -> httpx.Response:
        signature = self.sign(provision_bytes(code, self.public))
        answer = await self.post("/provision", Provision(code, self.public, signature, "gateway", "1.0"))
        if answer.is_success:
            self.who = decode(answer.content, Provisioned)
            self.head, self.seq, self.sum_fen = chain.genesis(self.who.device, self.who.epoch), 0, 0
        return answer

    async def open_session(self) -> httpx.Response:
        assert self.who is not None
        nonce, at_ms = secrets.token_bytes(16), to_ms(self.cloud.core.clock.now())
        signature = self.sign(session_bytes(self.who.device, self.who.key_id, at_ms, nonce))
        opened = OpenSession(PROTOCOL, self.who.device, self.who.key_id, at_ms, nonce, signature, "1.0")
        answer = await self.post("/session", opened)
        if answer.is_success:
            self.token = decode(answer.content, Session).token
        return answer

    async def join(self, code: str) -> Provisioned:
        """Provision and open a session."""
        answer = await self.provision(code)
        assert answer.is_success, answer.content
        answer = await self.open_session()
        assert answer.is_success, answer.content
        assert self.who is not None
        return self.who

    def body(self, kind: int, payload: Any, *, subject: str = "", at_ms: int | None = None) -> bytes:
        """The next entry's bytes."""
        assert self.who is not None
        self.seq += 1
        at_ms = to_ms(self.cloud.core.clock.now()) if at_ms is None else at_ms
        packed = payload if isinstance(payload, bytes) else encode(payload)
        return encode_entry(
            Entry(
                FORMAT,
                int(kind),
                1,
                self.who.device,
                self.who.epoch,
                self.seq,
                subject,
                0,
                at_ms,
                1,
                1,
                0,
                5,
                0,
                0,
                packed,
            )
        )

    async def send(self, *bodies: bytes) -> BatchAnswer:
        """Send the entries just made, signed."""
        assert self.who is not None
        previous = self.head
        self.head = chain.links(previous, bodies)[-1]
        signature = self.sign(chain.signed_bytes(self.who.device, self.who.epoch, self.seq, self.head))
        checkpoint = Checkpoint(self.who.device, self.who.epoch, self.seq, self.head, self.who.key_id, signature)
        first = self.seq - len(bodies) + 1
        batch = Batch(self.who.device, self.who.epoch, first, previous, tuple(bodies), checkpoint)
        answer = await self.post("/batches", batch)
        assert answer.is_success, answer.content
        return decode(answer.content, BatchAnswer)

    async def heartbeat(self, **changes: Any) -> HeartbeatAnswer:
        """Say how the site stands."""
        assert self.who is not None
        fields: dict[str, Any] = {
            "epoch": self.who.epoch, "generation": self.who.generation, "head_seq": self.seq, "head": self.head,
            "sum_fen": self.sum_fen, "waiting": 0, "lease_n": 0, "replicas": {}, "offset_ms": 3,
            "uncertainty_ms": 5, "lanes": (), "disk_free_mb": 1000,
        }  # fmt: skip
        answer = await self.post("/heartbeat", Heartbeat(**{**fields, **changes}))
        assert answer.is_success, answer.content
        return decode(answer.content, HeartbeatAnswer)

    async def replica(self, collection: str) -> dict[str, ReplicaRow]:
        """All live rows of a collection."""
        assert self.who is not None
        rows: dict[str, ReplicaRow] = {}
        after, more = 0, True
        async with self.cloud.client() as client:
            while more:
                query = f"collection={collection}&generation={self.who.generation}&after={after}"
                answer = await client.get(
                    f"/edge/v1/replicas?{query}", headers={"Authorization": f"Bearer {self.token}"}
                )
                assert answer.is_success, answer.content
                page = decode(answer.content, ReplicaPage)
                rows |= {f"{row.key}@{row.effective_from_ms}": row for row in page.rows if row.body is not None}
                after, more = page.version, page.more
        return rows

    async def leases(self) -> LeasePage:
        """Every lease message."""
        async with self.cloud.client() as client:
            answer = await client.get("/edge/v1/leases?after=0", headers={"Authorization": f"Bearer {self.token}"})
        return decode(answer.content, LeasePage)

"""`/edge/v1` over HTTP: the calls a gateway makes, and what it is told when they are wrong."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, get_args, get_origin

import httpx
import msgspec
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.sync import replicas, service
from cloud.sync.devices import DeviceState
from cloud.sync.edge_api import EdgeApi, EdgeParts
from cloud.sync.routes import edge_router
from protocols.crypto import sm2
from protocols.payments.facts import Declaration
from protocols.sync.codec import MEDIA_TYPE, collection_digest, decode, encode, provision_bytes, session_bytes
from protocols.sync.messages import (
    Batch,
    BatchAnswer,
    DeclarationAnswer,
    Fault,
    Heartbeat,
    HeartbeatAnswer,
    LeaseAsk,
    LeaseAskAnswer,
    LeaseKind,
    LeasePage,
    OpenSession,
    Provision,
    Provisioned,
    ReplicaPage,
    Session,
)
from tests.cloud.sync.rig import DAY, Cloud, Gateway

POSTS = {
    "provision": Provision, "session": OpenSession, "batches": Batch, "heartbeat": Heartbeat, "lease-asks": LeaseAsk,
    "declarations": Declaration,
}  # fmt: skip


@pytest.fixture
async def http(cloud: Cloud) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    parts = EdgeParts(cloud.database, cloud.clock, cloud.registry, cloud.directory, b"s" * 32)
    api = EdgeApi(parts)
    app.include_router(edge_router(lambda _: api))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="https://cloud.test/edge/v1/") as client:
        yield client


def sign(gateway: Gateway, message: bytes) -> bytes:
    signature = None
    while signature is None:
        signature = sm2.sign(
            private=gateway.private, public=gateway.public, message=message, nonce=secrets.token_bytes(32)
        )
    return signature


def ask_for_session(gateway: Gateway, *, nonce: bytes = b"") -> OpenSession:
    nonce = nonce or secrets.token_bytes(16)
    signature = sign(gateway, session_bytes(gateway.device, gateway.key_id, 1, nonce))
    return OpenSession(1, gateway.device, gateway.key_id, 1, nonce, signature, "1.0")


async def open_session(http: httpx.AsyncClient, gateway: Gateway) -> dict[str, str]:
    said = await http.post("session", content=encode(ask_for_session(gateway)))
    return {"Authorization": f"Bearer {decode(said.content, Session).token}", "Content-Type": MEDIA_TYPE}


def beat(gateway: Gateway, **how: object) -> Heartbeat:
    said = Heartbeat(
        epoch=gateway.epoch, generation=1, head_seq=len(gateway.bodies), head=gateway.hash_at(len(gateway.bodies)),
        sum_fen=100, waiting=1, lease_n=0, replicas={"people": 3}, offset_ms=7, uncertainty_ms=5,
        lanes=((1, "idle", 2),), disk_free_mb=100,
    )  # fmt: skip
    return msgspec.structs.replace(said, **how)


@pytest.mark.capability("IOT-02")
async def test_a_gateway_is_provisioned_opens_a_session_and_sends_its_facts(
    cloud: Cloud, http: httpx.AsyncClient
) -> None:
    gateway = Gateway(cloud.number())
    cloud.directory.add(gateway, organisation=cloud.organisation, site=cloud.number())
    cloud.directory.codes["AAAA-1111"] = gateway.device
    ask = Provision("AAAA-1111", gateway.public, sign(gateway, provision_bytes("AAAA-1111", gateway.public)), "g", "1")
    said = decode((await http.post("provision", content=encode(ask))).content, Provisioned)
    assert (said.device, said.epoch, said.generation) == (gateway.device, 1, 1)
    headers = await open_session(http, gateway)
    person = await cloud.person(5000, gateway)
    gateway.pay(person, 1200)
    answer = decode((await http.post("batches", content=encode(gateway.batch()), headers=headers)).content, BatchAnswer)
    assert (answer.applied, answer.state) == (1, "open")
    leases = decode((await http.get("leases?after=0", headers=headers)).content, LeasePage)
    assert [(m.n, m.kind, m.person, m.amount) for m in leases.messages] == [(1, LeaseKind.GRANT, person, 5000)]
    status = await http.post("heartbeat", content=encode(beat(gateway)), headers=headers)
    told = decode(status.content, HeartbeatAnswer)
    assert (told.lease_n, told.applied_through, told.state, told.epoch) == (1, 1, "open", 1)


async def test_a_forged_provisioning_or_session_is_refused(cloud: Cloud, http: httpx.AsyncClient) -> None:
    gateway = await cloud.gateway()
    forged = Provision("AAAA", gateway.public, bytes(64), "g", "1")
    answer = await http.post("provision", content=encode(forged))
    assert (answer.status_code, decode(answer.content, Fault).code) == (403, "forbidden")
    ask = ask_for_session(gateway)
    bad = encode(OpenSession(1, gateway.device, 1, 1, ask.nonce, bytes(64), "1"))
    assert (await http.post("session", content=bad)).status_code == 401
    fresh = ask_for_session(gateway)
    assert (await http.post("session", content=encode(fresh))).status_code == 200
    assert (await http.post("session", content=encode(fresh))).status_code == 401, "an overheard session request"


async def test_a_revoked_device_is_told_so_at_its_next_call(cloud: Cloud, http: httpx.AsyncClient) -> None:
    gateway = await cloud.gateway()
    headers = await open_session(http, gateway)
    assert (await http.get("leases", headers=headers)).status_code == 200
    record = cloud.directory.records[gateway.device]
    cloud.directory.records[gateway.device] = replace(record, state=DeviceState.REVOKED)
    answer = await http.get("leases", headers=headers)
    assert (answer.status_code, decode(answer.content, Fault).code) == (401, "unauthenticated")


@pytest.mark.rule(22)
async def test_rule_22_a_replaced_gateway_hands_in_its_backlog_which_waits_for_a_person_and_gets_nothing(
    cloud: Cloud, http: httpx.AsyncClient
) -> None:
    old = await cloud.gateway()
    person = await cloud.person(5000, old)
    old.pay(person, 1200)
    directory, site = cloud.directory, cloud.site_of(old)
    async with cloud.database.transaction(cloud.organisation) as tx:
        await service.open_stream(tx, device=old.device, site=site, epoch=2)
    directory.records[old.device] = replace(directory.records[old.device], epoch=2)
    directory.keys[old.device, 1] = replace(directory.keys[old.device, 1], revoked=True)
    headers = await open_session(http, old)
    said = decode((await http.post("heartbeat", content=encode(beat(old)), headers=headers)).content, HeartbeatAnswer)
    assert said.epoch == 2, "it learns that another one writes"
    sent = encode(old.batch())
    answer = decode((await http.post("batches", content=sent, headers=headers)).content, BatchAnswer)
    assert (answer.applied_through, answer.state) == (0, "frozen")
    async with cloud.database.transaction(cloud.organisation) as tx:
        await service.resume_stream(tx, device=old.device, epoch=1)
    answer = decode((await http.post("batches", content=sent, headers=headers)).content, BatchAnswer)
    assert (answer.applied, answer.state) == (1, "open")
    ask = encode(LeaseAsk(person, 3000, (), DAY))
    refused = [
        await http.post("lease-asks", content=ask, headers=headers),
        await http.get("leases?after=0", headers=headers),
        await http.get("replica/people?generation=1&after=0", headers=headers),
    ]
    assert [(said.status_code, decode(said.content, Fault).code) for said in refused] == [(409, "superseded")] * 3


async def test_a_token_ends_and_is_no_other_devices(cloud: Cloud, http: httpx.AsyncClient) -> None:
    from datetime import timedelta

    mine, other = await cloud.gateway(), await cloud.gateway()
    headers = await open_session(http, mine)
    other.pay(1, 100)
    answer = await http.post("batches", content=encode(other.batch()), headers=headers)
    assert (answer.status_code, decode(answer.content, Fault).code) == (403, "forbidden")
    cloud.clock.move(timedelta(hours=2))
    assert (await http.get("leases", headers=headers)).status_code == 401
    assert (await http.get("leases", headers={"Authorization": "Bearer 1.1.99999999999.aa"})).status_code == 401


@pytest.mark.rule(4)
async def test_rule_4_a_visitor_is_lent_what_is_available_and_the_rest_is_asked_back(
    cloud: Cloud, http: httpx.AsyncClient
) -> None:
    home, visited = await cloud.gateway(), await cloud.gateway()
    person = await cloud.person(10_000, home, meal=2000)
    headers = await open_session(http, visited)
    ask = encode(LeaseAsk(person, 3000, (), DAY))
    said = decode((await http.post("lease-asks", content=ask, headers=headers)).content, LeaseAskAnswer)
    assert (said.newest, said.granted, said.word) == (1, 2000, "recalling")
    again = decode((await http.post("lease-asks", content=ask, headers=headers)).content, LeaseAskAnswer)
    assert (again.newest, again.granted) == (1, 2000), "an ask whose answer was lost lends nothing twice"
    page = decode((await http.get("leases?after=1", headers=await open_session(http, home))).content, LeasePage)
    assert [(m.kind, m.amount) for m in page.messages] == [(LeaseKind.RECALL, 1000)]


@pytest.mark.rule(4)
async def test_rule_4_a_second_purchase_within_one_heartbeat_counts_only_grants_that_are_not_in_the_site_s_book(
    cloud: Cloud, http: httpx.AsyncClient
) -> None:
    home, visited = await cloud.gateway(), await cloud.gateway()
    person = await cloud.person(10_000, home, meal=5000)
    headers = await open_session(http, visited)

    async def ask(amount: int, lease_n: int) -> LeaseAskAnswer:
        content = encode(LeaseAsk(person, amount, (), DAY, lease_n))
        return decode((await http.post("lease-asks", content=content, headers=headers)).content, LeaseAskAnswer)

    first = await ask(1200, 0)
    assert (first.newest, first.granted, first.word) == (1, 1200, "")
    second = await ask(1500, first.newest)
    assert (second.newest, second.granted, second.word) == (2, 1500, "")
    assert (await cloud.held(person)).available == 2300
    assert (await ask(1500, first.newest)).newest == 2, "what is under way is still not lent twice"
    beyond = await http.post("lease-asks", content=encode(LeaseAsk(person, 1, (), DAY, -1)), headers=headers)
    assert beyond.status_code == 400


@pytest.mark.rule(30)
async def test_rule_30_replica_pages_join_into_the_collection_of_the_digest(
    cloud: Cloud, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replicas, "PAGE_ROWS", 3)
    gateway = await cloud.gateway()
    site = cloud.site_of(gateway)
    headers = await open_session(http, gateway)
    rows: list[replicas.ReplicaChange] = [(str(n), 0, b"row %d" % n) for n in range(8)]
    async with cloud.database.transaction(cloud.organisation) as tx:
        await replicas.publish(tx, site, "dishes", rows)
        await replicas.publish(tx, site, "dishes", [("2", 0, None), ("7", 0, b"new")])
    kept: dict[tuple[str, int], bytes] = {}
    after, first = -1, True
    while True:
        url = f"replicas?collection=dishes&generation=1&after={after}"
        page = decode((await http.get(url, headers=headers)).content, ReplicaPage)
        assert page.reset is first
        kept.update({(row.key, row.effective_from_ms): row.body for row in page.rows if row.body is not None})
        after, first = page.version, False
        if not page.more:
            break
    assert collection_digest((key, at, body) for (key, at), body in kept.items()) == page.digest
    assert ("2", 0) not in kept
    assert kept["7", 0] == b"new"
    async with cloud.database.transaction(cloud.organisation) as tx:
        await replicas.publish(tx, site, "dishes", [("1", 0, None)])
        assert await replicas.publish(tx, site, "dishes", [("7", 0, b"new")]) == page.version + 1
    delta = decode((await http.get(f"replica/dishes?generation=1&after={after}", headers=headers)).content, ReplicaPage)
    assert [(row.key, row.body) for row in delta.rows] == [("1", None)]
    restored = decode(
        (await http.get(f"replica/dishes?generation=0&after={after}", headers=headers)).content, ReplicaPage
    )
    assert restored.reset


@pytest.mark.rule(20)
async def test_rule_20_a_heartbeat_says_what_a_lost_disk_would_have_held(cloud: Cloud, http: httpx.AsyncClient) -> None:
    gateway = await cloud.gateway()
    person = await cloud.person(5000, gateway)
    gateway.pay(person, 100)
    headers = await open_session(http, gateway)
    await http.post("batches", content=encode(gateway.batch()), headers=headers)
    for _ in range(4):
        gateway.pay(person, 250)
    await http.post("heartbeat", content=encode(beat(gateway, sum_fen=1100, waiting=4)), headers=headers)
    async with cloud.database.transaction(cloud.organisation) as tx:
        (status,) = await service.stream_statuses(tx, device=gateway.device)
        whole = await service.stream_certificate(tx, device=gateway.device, epoch=1)
    assert status.missing_at_least == (4, 1000)
    assert (status.offset_ms, status.lanes, status.replicas) == (7, ((1, "idle", 2),), {"people": 3})
    assert (whole.missing, whole.missing_fen, whole.complete) == (4, 1000, False)


async def test_a_declaration_is_answered_with_what_is_missing(cloud: Cloud, http: httpx.AsyncClient) -> None:
    gateway = await cloud.gateway()
    headers = await open_session(http, gateway)
    answer = await http.post("declarations", content=encode(Declaration(1, 0, 1, 2, (), ())), headers=headers)
    assert decode(answer.content, DeclarationAnswer) == DeclarationAnswer(complete=False, sites_missing=0)
    answer = await http.post("declarations", content=encode(Declaration(1, 0, 3, 2, (), ())), headers=headers)
    assert decode(answer.content, Fault).code == "malformed"


WHOLE = st.integers(-(2**63), 2**64 - 1) | st.integers(0, 3)


def shaped(kind: Any) -> st.SearchStrategy[Any]:
    """Values that decode as `kind`, of any size."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return st.tuples(*(shaped(f.type) for f in msgspec.structs.fields(kind)))
    if get_origin(kind) is tuple:
        parts = get_args(kind)
        if parts[-1] is ...:
            return st.lists(shaped(parts[0]), max_size=3)
        return st.tuples(*(shaped(part) for part in parts))
    if get_origin(kind) is dict:
        return st.dictionaries(st.text(max_size=5), WHOLE, max_size=2)
    return {int: WHOLE, str: st.text(max_size=8), bytes: st.binary(max_size=70)}[kind]


@given(data=st.data())
@settings(
    max_examples=40, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@pytest.mark.parametrize("path", list(POSTS))
async def test_any_bytes_are_answered_with_a_typed_fault(
    cloud: Cloud, http: httpx.AsyncClient, path: str, data: st.DataObject
) -> None:
    gateway = await cloud.gateway()
    headers = await open_session(http, gateway)
    body = data.draw(st.binary(max_size=80) | shaped(POSTS[path]).map(encode))
    answer = await http.post(path, content=body, headers=headers)
    assert answer.status_code < 500, answer.content
    if answer.status_code != 200:
        assert decode(answer.content, Fault).code


@pytest.mark.parametrize("query", ["leases?after=x", "leases?after=" + "9" * 40, "replicas?collection=&after=1",
                                   "replica/dishes?after=1e3", "replica/" + "x" * 70])  # fmt: skip
async def test_queries_out_of_range_are_answered_with_a_fault(
    cloud: Cloud, http: httpx.AsyncClient, query: str
) -> None:
    gateway = await cloud.gateway()
    answer = await http.get(query, headers=await open_session(http, gateway))
    assert (answer.status_code, decode(answer.content, Fault).code) == (400, "malformed")

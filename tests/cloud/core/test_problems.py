"""Every error is a typed answer; nothing inner leaks, and the core keeps running."""

from collections.abc import AsyncIterator
from typing import Annotated

import asyncpg
import httpx
import pytest
from fastapi import APIRouter, Depends
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from cloud.core.auth import CSRF_HEADER, CSRF_VALUE, current_user
from cloud.core.context import Core, CoreDependency
from cloud.core.errors import Conflict, Invalid, NotFound, TooMany
from cloud.core.idempotency import IdempotencyKey, once
from cloud.core.sessions import User
from cloud.main import Part, create_app

router = APIRouter(prefix="/try")


class CardRevoked(Conflict):
    code = "card_revoked"


class Thing(BaseModel):
    name: str = Field(min_length=1)
    price_fen: int


_RAISES: dict[str, Exception] = {
    "revoked": CardRevoked("the card was revoked", card_id=7),
    "missing": NotFound(),
    "field": Invalid("price_fen", "must not be negative", reason="negative"),
    "slow-down": TooMany(retry_after_s=9),
    "defect": RuntimeError("the secret is 42"),
    "deadlock": asyncpg.DeadlockDetectedError("x"),
}
_QUERIES: dict[str, tuple[object, ...]] = {
    "sql-defect": ("SELECT * FROM no_such_table_with_a_secret_name",),
    "too-big": ("SELECT $1::bigint", 2**70),
    "nul": ("SELECT $1::text", "a\0b"),
    "surrogate": ("SELECT $1::text", "a\ud800"),
}


@router.get("/{what}")
async def get_try(what: str, core: CoreDependency) -> None:
    if what in _RAISES:
        raise _RAISES[what]
    async with core.database.plain_transaction() as tx:
        await tx.connection.fetch(*_QUERIES[what])


@router.post("/things")
async def post_thing(thing: Thing) -> Thing:
    return thing


@router.get("/rights/money")
async def get_money(user: Annotated[User, Depends(current_user("payments.manage"))]) -> int:
    return user.id


@router.post("/spend")
async def post_spend(
    thing: Thing, key: IdempotencyKey, core: CoreDependency, user: Annotated[User, Depends(current_user())]
) -> Thing:
    async with core.database.transaction(user.organisation_id) as tx:

        async def make() -> Thing:
            await tx.execute(
                "INSERT INTO core_roles (organisation_id, name, rights) VALUES ($1, $2, '{}')",
                tx.organisation_id,
                thing.name,
            )
            return Thing(name=thing.name, price_fen=thing.price_fen + 1)

        return await once(tx, scope="try.spend", key=key, request=thing, answer=Thing, make=make)


@pytest.fixture
async def web(core: Core) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(core, [Part(routers=(router,))]), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="https://core.test") as made:
        yield made


@pytest.mark.parametrize(
    ("what", "status", "code"),
    [
        ("revoked", 409, "card_revoked"),
        ("missing", 404, "not_found"),
        ("field", 422, "invalid"),
        ("slow-down", 429, "too_many"),
        ("defect", 500, "internal"),
        ("sql-defect", 500, "internal"),
        ("too-big", 422, "invalid"),
        ("nul", 422, "invalid"),
        ("surrogate", 422, "invalid"),
        ("deadlock", 503, "unavailable"),
    ],
)
async def test_each_error_has_its_status_and_stable_code(
    web: httpx.AsyncClient, what: str, status: int, code: str
) -> None:
    answer = await web.get(f"/try/{what}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "code", "detail"} <= answer.json().keys()


@pytest.mark.parametrize("what", ["defect", "sql-defect"])
async def test_an_unexpected_error_tells_nothing_but_an_incident_number(web: httpx.AsyncClient, what: str) -> None:
    answer = await web.get(f"/try/{what}")
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert len(answer.json()["incident"]) == 8


async def test_details_and_fields_travel_with_the_error(web: httpx.AsyncClient) -> None:
    assert (await web.get("/try/revoked")).json()["card_id"] == 7
    told = (await web.get("/try/field")).json()
    assert told["errors"] == [{"field": "price_fen", "code": "negative", "detail": "must not be negative"}]
    assert told["field"] == "price_fen"
    assert (await web.get("/try/slow-down")).headers["retry-after"] == "9"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[1", b'{"name": }', b"nonsense"])
async def test_bytes_that_are_no_json_are_malformed(web: httpx.AsyncClient, body: bytes) -> None:
    answer = await web.post("/try/things", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in {400, 422}
    assert answer.json()["code"] in {"malformed", "invalid"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": "", "price_fen": 1}, "name"),
        ({"name": "a", "price_fen": 1.5}, "price_fen"),
        ({"name": "a", "price_fen": "x"}, "price_fen"),
        ({"name": None, "price_fen": 1}, "name"),
    ],
)
async def test_a_wrong_field_is_named(web: httpx.AsyncClient, body: dict[str, object], field: str) -> None:
    answer = await web.post("/try/things", json=body)
    assert answer.status_code == 422
    assert field in [item["field"] for item in answer.json()["errors"]]


async def test_what_was_sent_is_not_echoed_in_the_error(web: httpx.AsyncClient) -> None:
    answer = await web.post("/try/things", json={"name": ["13800138000"], "price_fen": 1})
    assert answer.status_code == 422
    assert "13800138000" not in answer.text


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200))
async def test_any_bytes_get_a_typed_answer(web: httpx.AsyncClient, body: bytes) -> None:
    answer = await web.post("/try/things", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in {200, 400, 422}
    assert answer.status_code == 200 or "code" in answer.json()


async def test_a_body_over_the_bound_is_refused_declared_or_streamed(core: Core, web: httpx.AsyncClient) -> None:
    limit = core.settings.server.body_limit_bytes

    async def stream() -> AsyncIterator[bytes]:
        for _ in range(limit // 65_536 + 2):
            yield bytes(65_536)

    declared = await web.post("/try/things", content=bytes(limit + 1))
    streamed = await web.post("/try/things", content=stream())
    for answer in (declared, streamed):
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_unknown_paths_and_methods_are_problems_too(web: httpx.AsyncClient) -> None:
    missing, wrong = await web.get("/api/v1/nothing"), await web.put("/health")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")


async def test_a_right_is_needed_and_named(web: httpx.AsyncClient, client: httpx.AsyncClient) -> None:
    assert (await web.get("/try/rights/money")).status_code == 401
    web.cookies.update(client.cookies)
    assert (await web.get("/try/rights/money")).status_code == 200


async def test_browsers_are_told_to_be_careful(web: httpx.AsyncClient) -> None:
    headers = (await web.get("/health")).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


@pytest.mark.lesson("odoo-40567")
async def test_a_repeated_post_gets_the_first_answer_and_acts_once(
    web: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    web.cookies.update(client.cookies)
    web.headers.update({CSRF_HEADER: CSRF_VALUE, "Idempotency-Key": "once-0001"})
    body = {"name": "spent", "price_fen": 5}
    answers = [await web.post("/try/spend", json=body) for _ in range(3)]
    assert [answer.json() for answer in answers] == [{"name": "spent", "price_fen": 6}] * 3
    other = await web.post("/try/spend", json={"name": "spent", "price_fen": 9})
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")


async def test_a_post_that_moves_value_needs_its_key(web: httpx.AsyncClient, client: httpx.AsyncClient) -> None:
    web.cookies.update(client.cookies)
    web.headers[CSRF_HEADER] = CSRF_VALUE
    answer = await web.post("/try/spend", json={"name": "a", "price_fen": 1})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"


async def test_a_refused_request_leaves_its_key_free(web: httpx.AsyncClient, client: httpx.AsyncClient) -> None:
    web.cookies.update(client.cookies)
    web.headers.update({CSRF_HEADER: CSRF_VALUE, "Idempotency-Key": "again-0001"})
    taken = {"name": "spent twice", "price_fen": 1}
    await web.post("/try/spend", json=taken, headers={"Idempotency-Key": "first-0001"})
    assert (await web.post("/try/spend", json=taken)).status_code == 409
    assert (await web.post("/try/spend", json={"name": "free", "price_fen": 1})).status_code == 200

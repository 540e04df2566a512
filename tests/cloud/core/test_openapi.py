"""Every endpoint of the whole application, from its own document: whatever is sent, the answer is typed."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.core.result import Ok

from cloud.core import rights
from cloud.main import routers
from tests.support.cloud import PostgresServer, make_organisation, open_test_core, signed_in

ENDS_THE_SESSION = {("DELETE", "/api/v1/identity/session"), ("PUT", "/api/v1/identity/session/password")}
ENDLESS = {("GET", "/api/v1/events")}
TYPED = {"application/json", "application/problem+json", "text/csv"}


def _document() -> dict[str, Any]:
    app = FastAPI(title="whole")
    for router in routers():
        app.include_router(router)
    return app.openapi()


SCHEMA = schemathesis.openapi.from_dict(_document())
OPERATIONS = [
    found.ok()
    for found in SCHEMA.get_all_operations()
    if isinstance(found, Ok) and (found.ok().method.upper(), found.ok().path) not in ENDS_THE_SESSION | ENDLESS
]


class Caller:
    """A signed-in client on a loop of its own, for hypothesis's plain functions."""

    def __init__(self, runner: asyncio.Runner, client: httpx.AsyncClient) -> None:
        self._runner = runner
        self._client = client

    def send(self, **request: Any) -> httpx.Response:
        return self._runner.run(self._client.request(**request))


@pytest.fixture(scope="module")
def caller(postgres: PostgresServer) -> Iterator[Caller]:
    address = postgres.fresh_database()
    with asyncio.Runner() as runner, tempfile.TemporaryDirectory() as folder:
        stack = AsyncExitStack()

        async def begin() -> httpx.AsyncClient:
            core = await stack.enter_async_context(open_test_core(address, Path(folder)))
            organisation_id = await make_organisation(core.database)
            return await stack.enter_async_context(signed_in(core, organisation_id, "fuzz", rights.ALL))

        yield Caller(runner, runner.run(begin()))
        runner.run(stack.aclose())


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: f"{one.method.upper()} {one.path}")
def test_any_request_gets_a_typed_answer(caller: Caller, operation: APIOperation[Any, Any, Any, Any]) -> None:
    @settings(
        max_examples=12,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy() | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
    def check(case: Case[Any]) -> None:
        _check(caller, case)

    check()
    assert caller.send(method="GET", url="/api/v1/identity/session").status_code == 200


def _check(caller: Caller, case: Case[Any]) -> None:
    answer = caller.send(**_request(case))
    assert answer.status_code < 500, f"{case.method} {case.formatted_path}: {answer.text}"
    if answer.content:
        assert answer.headers["content-type"].split(";")[0] in TYPED
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"]


def _request(case: Case[Any]) -> dict[str, Any]:
    made = case.as_transport_kwargs(base_url="https://core.test")
    headers = {name: value for name, value in (made.get("headers") or {}).items() if value.isascii()}
    body = {key: made[key] for key in ("json", "data", "files") if made.get(key) is not None}
    if isinstance(body.get("data"), bytes | str):
        body = {"content": body["data"]}
    return {"method": made["method"], "url": made["url"], "params": made.get("params"), "headers": headers, **body}


@pytest.mark.parametrize("body", [b"", b"\0", b"{", b"[[[[", b'"', b"\xff\xfe\xfd", b"nul", b"{" * 5000])
def test_malformed_bytes_on_every_endpoint_are_refused_in_words(caller: Caller, body: bytes) -> None:
    for operation in OPERATIONS:
        if operation.method.upper() in {"POST", "PUT", "PATCH"}:
            url = operation.path.replace("{", "").replace("}", "")
            answer = caller.send(
                method=operation.method.upper(), url=url, content=body, headers={"content-type": "application/json"}
            )
            assert 400 <= answer.status_code < 500, f"{url}: {answer.status_code}"
            assert answer.json()["code"]

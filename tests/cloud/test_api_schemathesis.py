"""Every endpoint that names a thing, aimed at what exists: whatever is sent, the answer is typed, the books agree."""

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

from cloud import seed
from cloud.core import rights
from cloud.main import routers
from tests.support.cloud import PostgresServer, open_test_core, signed_in

TINY = seed.Options(people=6, sites=2, lanes=6, plates=6, seed=7)


def _document() -> dict[str, Any]:
    app = FastAPI(title="whole")
    for router in routers():
        app.include_router(router)
    return app.openapi()


OPERATIONS = [
    found.ok()
    for found in schemathesis.openapi.from_dict(_document()).get_all_operations()
    if isinstance(found, Ok) and "{" in found.ok().path
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
            world = await seed.seed(core, TINY)
            return await stack.enter_async_context(signed_in(core, world.organisation_id, "fuzz", rights.ALL))

        yield Caller(runner, runner.run(begin()))
        runner.run(stack.aclose())


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: f"{one.method.upper()} {one.path}")
def test_any_request_for_a_thing_that_exists_gets_a_typed_answer(
    caller: Caller, operation: APIOperation[Any, Any, Any, Any]
) -> None:
    answers: list[int] = []

    @settings(
        max_examples=8,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy() | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
    def check(case: Case[Any]) -> None:
        case.path_parameters = {name: len(answers) % 3 + 1 for name in case.path_parameters or {}}
        answer = caller.send(**_request(case))
        answers.append(answer.status_code)
        assert answer.status_code < 500, f"{case.method} {case.formatted_path}: {answer.text}"
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["code"]

    check()
    assert answers


def test_after_all_that_the_books_still_agree_and_the_audit_trail_is_whole(caller: Caller) -> None:
    statement = caller.send(method="GET", url="/api/v1/payments/statement", params={"month": "2026-11"}).json()
    assert statement["agrees"] is True
    assert caller.send(method="GET", url="/api/v1/audit/verification").json()["intact"] is True


def _request(case: Case[Any]) -> dict[str, Any]:
    made = case.as_transport_kwargs(base_url="https://core.test")
    headers = {name: value for name, value in (made.get("headers") or {}).items() if value.isascii()}
    headers.setdefault("Idempotency-Key", "fuzzed-key-of-a-test")
    body = {key: made[key] for key in ("json", "data", "files") if made.get(key) is not None}
    if isinstance(body.get("data"), bytes | str):
        body = {"content": body["data"]}
    return {"method": made["method"], "url": made["url"], "params": made.get("params"), "headers": headers, **body}

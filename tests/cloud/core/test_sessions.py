"""Signing in, lock-out, sessions that end, rights, and the header against foreign pages."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import asyncpg
import httpx
import pytest

from cloud.core import rights
from cloud.core.auth import COOKIE, CSRF_HEADER
from cloud.core.clock import ManualClock
from cloud.core.context import Core
from cloud.core.database import Database
from cloud.core.users import ensure_first_administrator
from tests.support.cloud import PASSWORD, PostgresServer, http_client, make_login, make_organisation, open_test_core

pytestmark = pytest.mark.capability("PLT-10")
SESSION = "/api/v1/identity/session"


@pytest.fixture
async def login(core: Core, organisation_id: int) -> str:
    name = f"Cook{organisation_id}"
    await make_login(core, organisation_id, name, frozenset({rights.CANTEEN_READ}))
    return name


@pytest.fixture
async def web(core: Core) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(core) as made:
        yield made


async def _sign_in(web: httpx.AsyncClient, login: str, password: str = PASSWORD) -> httpx.Response:
    return await web.post(SESSION, json={"login": login, "password": password})


async def test_the_right_password_opens_a_session_with_the_users_rights(web: httpx.AsyncClient, login: str) -> None:
    answer = await _sign_in(web, login.upper())
    assert answer.status_code == 200
    assert answer.json()["rights"] == ["canteen.read"]
    assert (await web.get(SESSION)).json()["login"] == login


async def test_the_cookie_is_out_of_reach_of_scripts_and_foreign_pages(web: httpx.AsyncClient, login: str) -> None:
    cookie = (await _sign_in(web, login)).headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    for part in ("HttpOnly", "SameSite=strict", "Secure", "Path=/"):
        assert part in cookie


async def test_a_wrong_password_and_an_unknown_login_sound_the_same(web: httpx.AsyncClient, login: str) -> None:
    wrong, unknown = await _sign_in(web, login, "nope"), await _sign_in(web, "nobody at all", "nope")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()


async def test_five_wrong_passwords_lock_the_user_for_a_while(
    web: httpx.AsyncClient, login: str, clock: ManualClock
) -> None:
    for _ in range(5):
        assert (await _sign_in(web, login, "wrong")).status_code == 401
    locked = await _sign_in(web, login)
    assert (locked.status_code, locked.json()["code"]) == (429, "locked")
    assert int(locked.headers["retry-after"]) == locked.json()["retry_after_s"] == 901
    clock.move(timedelta(seconds=901))
    assert (await _sign_in(web, login)).status_code == 200


async def test_a_right_password_forgives_earlier_wrong_ones(web: httpx.AsyncClient, login: str) -> None:
    for _ in range(3):
        for _ in range(4):
            await _sign_in(web, login, "wrong")
        assert (await _sign_in(web, login)).status_code == 200


async def test_a_session_ends_when_unused_and_lives_while_used(
    web: httpx.AsyncClient, login: str, clock: ManualClock
) -> None:
    await _sign_in(web, login)
    for _ in range(3):
        clock.move(timedelta(minutes=29))
        assert (await web.get(SESSION)).status_code == 200
    clock.move(timedelta(minutes=31))
    assert (await web.get(SESSION)).status_code == 401


async def test_a_session_ends_after_its_longest_time_even_if_used(
    web: httpx.AsyncClient, login: str, clock: ManualClock
) -> None:
    await _sign_in(web, login)
    for _ in range(23):
        clock.move(timedelta(minutes=30) - timedelta(seconds=1))
        assert (await web.get(SESSION)).status_code == 200
    clock.move(timedelta(minutes=31))
    assert (await web.get(SESSION)).status_code == 401


async def test_after_signing_out_the_cookie_is_worth_nothing(web: httpx.AsyncClient, login: str) -> None:
    await _sign_in(web, login)
    token = web.cookies[COOKIE]
    assert (await web.delete(SESSION)).status_code == 204
    web.cookies.set(COOKIE, token)
    assert (await web.get(SESSION)).status_code == 401


async def test_a_changing_request_without_the_header_is_refused(web: httpx.AsyncClient, login: str) -> None:
    await _sign_in(web, login)
    del web.headers[CSRF_HEADER]
    refused = await web.delete(SESSION)
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf_missing")
    assert (await web.get(SESSION)).status_code == 200


async def test_a_new_password_ends_the_other_sessions(core: Core, web: httpx.AsyncClient, login: str) -> None:
    async with http_client(core) as other:
        await _sign_in(other, login)
        await _sign_in(web, login)
        changed = await web.put(
            SESSION + "/password", json={"old_password": PASSWORD, "new_password": "Dinner-2026-ok"}
        )
        assert changed.status_code == 204
        assert (await other.get(SESSION)).status_code == 401
    assert (await web.get(SESSION)).status_code == 200
    assert (await _sign_in(web, login)).status_code == 401
    assert (await _sign_in(web, login, "Dinner-2026-ok")).status_code == 200


@pytest.mark.parametrize("weak", ["Short-1", "a" * 20, "alllettersonly", "1111-1111-1111"])
async def test_a_weak_password_is_refused_by_field(web: httpx.AsyncClient, login: str, weak: str) -> None:
    await _sign_in(web, login)
    refused = await web.put(SESSION + "/password", json={"old_password": PASSWORD, "new_password": weak})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "new_password"


async def test_a_user_acts_for_an_organisation_below_but_not_beside(
    core: Core, web: httpx.AsyncClient, login: str, organisation_id: int
) -> None:
    below = await make_organisation(core.database, parent_id=organisation_id)
    beside = await make_organisation(core.database)
    await _sign_in(web, login)
    acting = await web.get(SESSION, headers={"X-Organisation": str(below)})
    assert (acting.json()["organisation_id"], acting.json()["home_organisation_id"]) == (below, organisation_id)
    assert (await web.get(SESSION, headers={"X-Organisation": str(beside)})).status_code == 403
    assert (await web.get(SESSION, headers={"X-Organisation": "x"})).status_code == 422


async def test_a_login_name_belongs_to_one_user_of_all_organisations(core: Core, login: str) -> None:
    other = await make_organisation(core.database)
    with pytest.raises(asyncpg.UniqueViolationError):
        await make_login(core, other, login.lower(), frozenset())


async def test_only_the_digest_of_a_token_is_stored(web: httpx.AsyncClient, login: str, database: Database) -> None:
    await _sign_in(web, login)
    async with database.system_transaction() as tx:
        text = str(await tx.fetch("SELECT * FROM core_sessions"))
    assert web.cookies[COOKIE] not in text


async def test_the_first_administrator_is_made_once_and_must_choose_a_password(
    postgres: PostgresServer, tmp_path: Path, clock: ManualClock
) -> None:
    address = await asyncio.to_thread(postgres.fresh_database)
    async with open_test_core(address, tmp_path, clock=clock) as core, http_client(core) as web:
        made = [
            await ensure_first_administrator(
                core.database, clock, core.settings.security, organisation_name="甲", must_change_password=True
            )
            for _ in range(2)
        ]
        first = made[0]
        assert first is not None
        assert made[1] is None
        assert (await _sign_in(web, first.login, first.password)).json()["must_change_password"] is True
        refused = await web.get("/api/v1/events")
        assert (refused.status_code, refused.json()["code"]) == (403, "password_must_change")
        new = {"old_password": first.password, "new_password": "Dinner-2026-ok"}
        assert (await web.put(SESSION + "/password", json=new)).status_code == 204
        assert set((await web.get(SESSION)).json()["rights"]) == rights.ALL

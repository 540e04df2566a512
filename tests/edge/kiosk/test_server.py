"""The kiosk's server: full state then changes, acts answered, and nothing that comes in can break it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.kiosk.live import MOST_WAITING, Feed
from edge.kiosk.server import Act, Kiosk


@dataclass
class Served:
    """A kiosk with one lane whose handler keeps what it was asked."""

    kiosk: Kiosk
    address: str
    http: aiohttp.ClientSession
    acts: list[Act] = field(default_factory=list)

    async def handle(self, act: Act) -> dict[str, Any]:
        self.acts.append(act)
        if act.name == "breaks":
            raise RuntimeError("a defect")
        return {"got": act.fields.get("value")}


@asynccontextmanager
async def served() -> AsyncIterator[Served]:
    kiosk = Kiosk(host="127.0.0.1", port=0, health=lambda: {"device": 7, "waiting": 3})
    task = asyncio.create_task(kiosk.run())
    address = f"http://127.0.0.1:{await kiosk.port()}"
    async with aiohttp.ClientSession() as http:
        made = Served(kiosk, address, http)
        kiosk.on_action("A1", made.handle)
        kiosk.publish("A1", {"phase": "idle", "total_fen": 0})
        try:
            yield made
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def test_a_screen_gets_the_full_state_first_and_then_only_what_changed() -> None:
    async with served() as here, here.http.ws_connect(f"{here.address}/lanes/A1/live?side=diner") as socket:
        assert await socket.receive_json() == {"full": {"phase": "idle", "total_fen": 0}, "n": 1}
        here.kiosk.publish("A1", {"phase": "idle", "total_fen": 900})
        assert await socket.receive_json() == {"change": {"total_fen": 900}, "n": 2}
        here.kiosk.publish("A1", {"phase": "idle", "total_fen": 900})
        here.kiosk.publish("A1", {"phase": "bill"})
        assert await socket.receive_json() == {"change": {"phase": "bill"}, "n": 3}
        assert here.kiosk.watched("A1") == 1


async def test_an_act_is_answered_by_its_number_and_knows_its_side_and_page() -> None:
    async with served() as here, here.http.ws_connect(f"{here.address}/lanes/A1/live?side=operator") as socket:
        await socket.receive_json()
        await socket.send_json({"id": 5, "act": "amount", "value": 12})
        assert await socket.receive_json() == {"ok": True, "got": 12, "answer": 5}
        await socket.close()
        for _ in range(100):
            await asyncio.sleep(0.01)
            if len(here.acts) == 2:
                break
        assert [(act.name, act.side) for act in here.acts] == [("amount", "operator"), ("closed", "operator")]
        assert here.acts[0].connection == here.acts[1].connection


async def test_a_defect_behind_a_button_does_not_close_the_screen() -> None:
    async with served() as here, here.http.ws_connect(f"{here.address}/lanes/A1/live") as socket:
        await socket.receive_json()
        await socket.send_json({"id": 1, "act": "breaks"})
        assert (await socket.receive_json())["ok"] is False
        await socket.send_json({"id": 2, "act": "works", "value": 1})
        assert (await socket.receive_json())["ok"] is True


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", '{"id": 1}', '{"act": 1, "id": "x"}', "[" * 2_000, '{"act": null, "id": []}']
)
async def test_a_malformed_message_is_answered_and_the_screen_stays(text: str) -> None:
    async with served() as here, here.http.ws_connect(f"{here.address}/lanes/A1/live") as socket:
        await socket.receive_json()
        await socket.send_str(text)
        assert (await socket.receive_json())["ok"] is False
        await socket.send_json({"id": 2, "act": "works"})
        assert (await socket.receive_json())["answer"] == 2


async def test_a_page_cannot_pretend_that_another_was_closed() -> None:
    async with served() as here, here.http.ws_connect(f"{here.address}/lanes/A1/live") as socket:
        await socket.receive_json()
        await socket.send_json({"id": 1, "act": "closed"})
        await socket.send_json({"id": 2, "act": "works"})
        await socket.receive_json()
        assert [act.name for act in here.acts] == ["works"]


async def test_a_page_of_another_site_may_not_act() -> None:
    async with served() as here:
        headers = {"Origin": "http://elsewhere.invalid"}
        async with here.http.get(f"{here.address}/lanes/A1/live", headers=headers) as answer:
            assert answer.status == 403
            assert (await answer.json())["code"] == "other_origin"


@pytest.mark.parametrize(
    "path",
    [
        "/screens/../server.py",
        "/screens/%2e%2e/server.py",
        "/screens/..%2fserver.py",
        "/screens/nothing.js",
        "/screens/tokens.py",
        "/lanes/Z9/live",
        "/lanes/Z9/state",
    ],
)
async def test_what_is_not_a_screen_is_not_served(path: str) -> None:
    from yarl import URL

    async with served() as here, here.http.get(URL(here.address + path, encoded=True)) as answer:
        assert answer.status == 404
        assert b"import" not in await answer.read()


async def test_screens_come_with_headers_that_keep_the_outside_out() -> None:
    async with served() as here:
        for path in ("/lanes/A1/diner", "/lanes/A1/operator", "/", "/screens/diner.js", "/screens/tokens.css"):
            async with here.http.get(here.address + path) as answer:
                assert answer.status == 200
                assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
                body = await answer.text()
                assert "http://" not in body.replace("http://www.w3.org/2000/svg", "")
                assert "https://" not in body


async def test_health_and_state_are_plain_json() -> None:
    async with served() as here:
        async with here.http.get(here.address + "/health") as answer:
            assert await answer.json() == {"device": 7, "waiting": 3, "screens": ["A1"]}
        async with here.http.get(here.address + "/lanes/A1/state") as answer:
            assert (await answer.json())["phase"] == "idle"


async def test_more_screens_than_the_bound_are_turned_away() -> None:
    async with served() as here:
        url = f"{here.address}/lanes/A1/live"
        sockets = [await here.http.ws_connect(url) for _ in range(64)]
        async with here.http.get(url) as answer:
            assert answer.status == 503
        for socket in sockets:
            await socket.close()


async def test_a_screen_that_falls_behind_starts_over_with_the_full_state() -> None:
    feed = Feed()
    feed.publish({"n": 0})
    viewer = feed.join()
    for number in range(1, 10 * MOST_WAITING):
        feed.publish({"n": number})
    told: dict[str, Any] = {}
    for _ in range(MOST_WAITING):
        try:
            message = await asyncio.wait_for(viewer.next(), 0.01)
        except TimeoutError:
            break
        told = message.get("full") or {**told, **message["change"]}
    assert told == {"n": 10 * MOST_WAITING - 1}


@given(
    states=st.lists(st.dictionaries(st.sampled_from("abcd"), st.integers(0, 3)), max_size=60),
    read_every=st.integers(1, 40),
)
def test_whoever_reads_however_slowly_ends_with_the_same_state(states: list[dict[str, int]], read_every: int) -> None:
    async def follow() -> None:
        feed = Feed()
        viewer = feed.join()
        told: dict[str, Any] = {}
        for number, state in enumerate(states):
            feed.publish(state)
            if number % read_every == 0:
                told = await _drain(viewer, told)
        assert await _drain(viewer, told) == feed.state

    asyncio.run(follow())


async def _drain(viewer: Any, told: dict[str, Any]) -> dict[str, Any]:
    while not viewer._queue.empty():
        message = await viewer.next()
        told = message["full"] if "full" in message else {**told, **message["change"]}
    return told

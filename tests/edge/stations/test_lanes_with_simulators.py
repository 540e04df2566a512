"""All four lanes end to end: simulated devices on their wire protocols, the store, and screens over WebSocket."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest
from firmware_sim.devices import RunningDevice

from edge.core.supervisor import Supervisor
from edge.stations.canteen.station import Station
from edge.stations.site import DeviceSettings, LaneSettings, StationSettings
from protocols.journal.kinds import Kind
from tests.support.canteen import (
    CARDS,
    FISH,
    OPERATOR_CARD,
    OPERATOR_PIN,
    PORK,
    RICE,
    TOKENS,
    canteen_at,
    spent_fen,
    until,
)
from tests.support.devices import running

DEVICES = {
    "plate": (
        ("reader", "tray_reader"),
        ("card", "card_reader"),
        ("scanner", "code_scanner"),
        ("printer", "receipt_printer"),
    ),
    "weigh": (("scale", "scale_toledo"), ("card", "card_reader")),
    "pos": (("card", "card_reader"), ("printer", "receipt_printer")),
    "gate": (("card", "card_reader"), ("turnstile", "turnstile")),
}
DRIVERS: dict[str, tuple[str, dict[str, Any]]] = {
    "scale_toledo": ("scale", {"protocol": "toledo"}),
    "card_reader": ("card_reader", {"hold_off_s": 0.2}),
}
SIMULATED = {"card_reader": {"repeats": 1}, "scale_toledo": {"settle_s": 0.1, "readings_per_s": 20}}
CODES = {"plate": "A1", "weigh": "B1", "pos": "C1", "gate": "D1"}


class Page:
    """A screen as a browser follows it."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.state: dict[str, Any] = {}
        self.answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.numbers = itertools.count(1)

    async def follow(self) -> None:
        async for message in self.socket:
            said = message.json()
            if "answer" in said:
                self.answers.pop(said["answer"]).set_result(said)
            else:
                self.state = said.get("full") or {**self.state, **said["change"]}

    async def act(self, name: str, **fields: Any) -> dict[str, Any]:
        number = next(self.numbers)
        answer = self.answers[number] = asyncio.get_running_loop().create_future()
        await self.socket.send_json({"id": number, "act": name, **fields})
        return await asyncio.wait_for(answer, 10)

    async def phase(self, *words: str, holds: Callable[[dict[str, Any]], bool] = lambda _: True) -> dict[str, Any]:
        await until(lambda: self.state.get("phase") in words and holds(self.state), within_s=8)
        return self.state


class World:
    """One lane with its simulated devices and both its screens."""

    def __init__(self, station: Station, devices: dict[str, RunningDevice], diner: Page, operator: Page) -> None:
        self.station, self.devices, self.diner, self.operator = station, devices, diner, operator

    async def tap(self, uid: str) -> None:
        await self.devices["card"].act({"tap": uid})

    def kinds(self) -> list[int]:
        journal = self.station.site.journal
        return [journal.entry(seq).kind for seq in range(1, journal.committed().seq + 1)]

    async def sign_in(self) -> None:
        answer = await self.operator.act("sign_in", card=OPERATOR_CARD, pin=OPERATOR_PIN)
        assert answer["signed_in"] == "李*"


@asynccontextmanager
async def world(folder: Path, kind: str, **options: Any) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        devices, settings = {}, []
        for name, simulator in DEVICES[kind]:
            simulated = await stack.enter_async_context(running(simulator, options=SIMULATED.get(simulator, {})))
            driver, extra = DRIVERS.get(simulator, (simulator, {}))
            devices[name] = simulated
            settings.append(DeviceSettings(name, driver, simulated.address, extra))
        lane = LaneSettings(CODES[kind], kind, tuple(settings))
        station = await stack.enter_async_context(canteen_at(folder, lanes=[lane], **options))
        supervisor = Supervisor(station.services(), Random(1))
        supervisor.start()
        stack.push_async_callback(supervisor.stop)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        pages = []
        for side in ("diner", "operator"):
            url = f"http://127.0.0.1:{await station.kiosk.port()}/lanes/{CODES[kind]}/live?side={side}"
            page = Page(await stack.enter_async_context(session.ws_connect(url)))
            task = asyncio.create_task(page.follow())
            stack.push_async_callback(_end, task)
            pages.append(page)
        yield World(station, devices, *pages)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.mark.capability("SET-01", "SET-11")
async def test_a_tray_is_paid_by_card_and_the_receipt_is_printed(tmp_path: Path) -> None:
    async with world(tmp_path, "plate", settings=StationSettings(receipt_copies=1)) as here:
        await here.diner.phase("idle")
        await here.devices["reader"].act({"place": [RICE, PORK]})
        bill = await here.diner.phase("bill")
        assert bill["total_fen"] == 1_000
        await here.tap(CARDS[1])
        paid = await here.diner.phase("paid")
        assert paid["receipt"]["amount_fen"] == 1_000
        await here.diner.act("seen", entry=paid["receipt"]["entry"])
        await until(lambda: _printed(here))
        assert spent_fen(here.station.desk, 1) == 1_000


@pytest.mark.capability("SET-07")
async def test_a_tray_is_paid_by_a_static_code_with_the_network_down(tmp_path: Path) -> None:
    from protocols.dynamic_qr.codec import make_static

    async with world(tmp_path, "plate", online=False) as here:
        await here.devices["reader"].act({"place": [FISH]})
        await here.diner.phase("bill")
        assert here.diner.state["link"]["online"] is False
        await here.devices["scanner"].act({"scan": make_static(TOKENS[2])})
        assert (await here.diner.phase("paid"))["receipt"]["person"] == "张2*"


@pytest.mark.capability("SET-01")
async def test_the_reader_unplugged_for_real_comes_back_to_a_bill(tmp_path: Path) -> None:
    async with world(tmp_path, "plate") as here:
        await here.devices["reader"].act({"place": [RICE]})
        await here.diner.phase("bill")
        await here.devices["reader"].act({"plugged": False})
        await here.diner.phase("down")
        await here.devices["reader"].act({"plugged": True})
        assert (await here.diner.phase("bill"))["total_fen"] == 100


@pytest.mark.capability("SET-03")
async def test_food_is_weighed_given_back_and_paid_on_leaving(tmp_path: Path) -> None:
    async with world(tmp_path, "weigh") as here:
        scale = here.devices["scale"]
        await scale.act({"load_g": 10_000})
        await here.diner.phase("idle")
        await asyncio.sleep(0.5)
        await here.tap(CARDS[1])
        await here.diner.phase("bill")
        await scale.act({"load_g": 9_700})
        await here.diner.phase("bill", holds=lambda state: state["total_fen"] == 1_200)
        await scale.act({"load_g": 9_800})
        await here.diner.phase("bill", holds=lambda state: state["total_fen"] == 800)
        await here.tap(CARDS[1])
        paid = await here.diner.phase("paid")
        assert paid["receipt"]["amount_fen"] == 800
        assert here.kinds().count(Kind.WEIGHED) == 2


@pytest.mark.capability("SET-04")
async def test_a_stall_charges_an_amount_and_dishes_and_refunds(tmp_path: Path) -> None:
    async with world(tmp_path, "pos") as here:
        await until(lambda: here.operator.state.get("phase") == "idle")
        assert (await here.operator.act("amount", amount_fen=500))["message"]["key"] == "sign_in"
        await here.sign_in()
        await until(lambda: here.operator.state["operator"] == "李*")
        await here.operator.act("amount", amount_fen=1_250)
        assert (await here.diner.phase("bill"))["total_fen"] == 1_250
        await here.tap(CARDS[1])
        await here.diner.phase("paid")
        menu = (await here.operator.act("menu"))["dishes"]
        assert {dish["zh"] for dish in menu} == {"米饭", "红烧肉", "清蒸鱼"}
        items = [{"dish": 1, "quantity": 2}, {"dish": 2, "quantity": 1}]
        await here.operator.act("dishes", items=items)
        await here.diner.phase("bill", holds=lambda state: state["total_fen"] == 1_100)
        await asyncio.sleep(0.5)  # longer than the reader's hold-off, or it is the same tap
        await here.tap(CARDS[1])
        await here.diner.phase("paid", holds=lambda state: state["receipt"]["amount_fen"] == 1_100)
        sale = (await here.operator.act("recent"))["sales"][0]
        one = await here.operator.act("refund", attempt="r1", entry=sale["entry"], reason=2, items=[0])
        again = await here.operator.act("refund", attempt="r1", entry=sale["entry"], reason=2, items=[0])
        assert one["refund"] == again["refund"]
        assert one["refund"]["amount_fen"] == 200
        assert spent_fen(here.station.desk, 1) == 1_250 + 1_100 - 200


@pytest.mark.capability("SET-05")
async def test_the_gate_opens_after_the_payment_and_once_a_meal(tmp_path: Path) -> None:
    async with world(tmp_path, "gate") as here:
        await here.diner.phase("idle")
        await here.tap(CARDS[1])
        assert (await here.diner.phase("paid"))["receipt"]["amount_fen"] == 1_500
        await until(lambda: Kind.SETTLEMENT in here.kinds())
        await asyncio.sleep(0.3)
        assert (await here.devices["turnstile"].act({"pass": True}))["passed"]
        await until(lambda: Kind.TURNSTILE_PASSED in here.kinds())
        await here.tap(CARDS[1])
        await here.diner.phase("refused", holds=lambda state: state["message"]["key"] == "entered")
        assert spent_fen(here.station.desk, 1) == 1_500


def _printed(here: World) -> bool:
    runner = here.station.runners["A1"].shell
    return runner is not None and runner.printing is not None and runner.printing.waiting == 0

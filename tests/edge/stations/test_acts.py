"""What comes from an operator's page: whoever is not signed in moves nothing, and no value breaks a lane."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from edge.kiosk.server import Act
from edge.stations.canteen.acts import Acts
from edge.stations.canteen.operators import IDLE_MS
from edge.stations.canteen.plate_shell import PlateShell
from edge.stations.canteen.pos_shell import PosShell
from protocols.journal.kinds import Kind
from tests.support.canteen import (
    CARDS,
    OPERATOR_CARD,
    OPERATOR_PIN,
    PLATE_LANE,
    POS_LANE,
    HandCard,
    canteen_at,
    put,
    spent_fen,
    until,
)
from tests.support.checkout import dish, entries, paid

pytestmark = pytest.mark.capability("SET-04")

ODD: tuple[Any, ...] = (
    None,
    "",
    "x",
    -1,
    0,
    10**40,
    float("inf"),
    float("nan"),
    [],
    {},
    [1, "a"],
    True,
    "9" * 5_000,
    "1-1-1",
)


class Page:
    """Acts of one open page."""

    def __init__(self, acts: Acts, lane: str, connection: int = 1) -> None:
        self.acts, self.lane, self.connection = acts, lane, connection

    async def __call__(self, name: str, **fields: Any) -> dict[str, Any]:
        return await self.acts.handle(Act(self.lane, "operator", name, self.connection, fields))

    async def sign_in(self, operator: int = 1) -> None:
        assert (await self("sign_in", operator=operator, pin=OPERATOR_PIN))["signed_in"]


@asynccontextmanager
async def page_at(folder: Path, *, stall: bool = False, **options: Any) -> AsyncIterator[tuple[Page, Any, HandCard]]:
    async with canteen_at(folder, **options) as station:
        card = HandCard("card")
        lane = POS_LANE if stall else PLATE_LANE
        shell = (PosShell if stall else PlateShell)(station.desk, lane, {"card": card}, "t")
        task = asyncio.create_task(shell.run())
        try:
            yield Page(Acts(shell), lane.code), shell, card
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@pytest.mark.parametrize("stall", [False, True])
async def test_no_value_from_a_page_breaks_a_lane_or_moves_money(tmp_path: Path, stall: bool) -> None:
    async with page_at(tmp_path, stall=stall) as (page, shell, _card):
        await page.sign_in()
        names = (
            "refund",
            "reprint",
            "cash_void",
            "close_day",
            "void_last",
            "amount",
            "dishes",
            "pin",
            "cancel",
            "made-up",
        )
        for name in names:
            for odd in ODD:
                fields = dict.fromkeys(
                    ("entry", "attempt", "reason", "items", "counted_fen", "amount_fen", "digits"), odd
                )
                answer = await page(name, **fields)
                assert "message" in answer or name in {"close_day", "pin", "cancel", "amount", "made-up"}
        assert shell.state.phase in {"idle", "bill"}
        assert spent_fen(shell.desk, 1) == 0
        assert entries(shell.desk, Kind.REFUND) == []


async def test_a_sign_in_is_one_pages_own_and_ends_with_it(tmp_path: Path) -> None:
    async with page_at(tmp_path) as (page, _shell, _card):
        other = Page(page.acts, page.lane, connection=2)
        await page.sign_in()
        assert "sales" in await page("recent")
        assert (await other("recent"))["message"]["key"] == "sign_in"
        await page("closed")
        assert (await page("recent"))["message"]["key"] == "sign_in"


async def test_an_idle_or_revoked_operator_must_sign_in_again(tmp_path: Path) -> None:
    async with page_at(tmp_path) as (page, shell, _card):
        await page.sign_in()
        signed = shell.desk.operators._signed
        key = (page.lane, page.connection)
        signed[key] = signed[key]._replace(last_ms=signed[key].last_ms - IDLE_MS - 1)
        assert (await page("recent"))["message"]["key"] == "sign_in"
        await page.sign_in()
        await put(shell.desk.site, "operators", {"1": None})
        assert (await page("recent"))["message"]["key"] == "sign_in"


async def test_wrong_pins_lock_the_operator_and_not_the_others(tmp_path: Path) -> None:
    async with page_at(tmp_path) as (page, _shell, _card):
        words = [(await page("sign_in", operator=1, pin="000000"))["message"]["key"] for _ in range(6)]
        assert words == ["pin_wrong"] * 4 + ["pin_locked"] * 2
        await page.sign_in(operator=2)


async def test_an_operator_refunds_up_to_a_limit(tmp_path: Path) -> None:
    async with page_at(tmp_path) as (page, shell, _card):
        receipt = await paid(shell.desk, dish(900))
        await page.sign_in(operator=2)
        fields = {"attempt": "a", "entry": str(receipt.entry), "reason": 1}
        assert (await page("refund", **fields))["message"]["key"] == "over_limit"
        assert spent_fen(shell.desk, 1) == 900


async def test_a_refund_of_another_streams_sale_is_sent_to_the_console(tmp_path: Path) -> None:
    async with page_at(tmp_path) as (page, shell, _card):
        receipt = await paid(shell.desk, dish(900))
        await page.sign_in()
        elsewhere = str(receipt.entry._replace(device=99))
        answer = await page("refund", attempt="a", entry=elsewhere, reason=1)
        assert answer["message"]["key"] == "not_here"


async def test_a_tap_waited_for_by_an_operator_is_no_payment(tmp_path: Path) -> None:
    async with page_at(tmp_path) as (page, shell, card):
        signing = asyncio.create_task(page("sign_in_card"))
        await until(lambda: shell.taps_wanted)
        card.tap(OPERATOR_CARD)
        assert (await signing)["signed_in"] == "李*"
        cash = asyncio.create_task(page("cash", attempt="c", amount_fen=2_000))
        await until(lambda: shell.taps_wanted)
        card.tap(CARDS[3])
        assert (await cash)["cash"]["amount_fen"] == 2_000
        assert spent_fen(shell.desk, 3) == -2_000


async def test_a_second_wait_for_a_tap_ends_the_first(tmp_path: Path) -> None:
    async with page_at(tmp_path) as (page, shell, card):
        first = asyncio.create_task(page("sign_in_card"))
        await until(lambda: shell.taps_wanted)
        second = asyncio.create_task(page("sign_in_card"))
        assert (await first)["message"]["key"] == "no_tap"
        card.tap(OPERATOR_CARD)
        assert (await second)["signed_in"] == "李*"


async def test_a_diners_page_can_do_nothing_an_operator_can(tmp_path: Path) -> None:
    async with page_at(tmp_path) as (page, shell, _card):
        await page.sign_in()
        receipt = await paid(shell.desk, dish(900))
        for name in ("refund", "wash", "close_day", "cash", "amount", "open_gate"):
            fields = {"attempt": "a", "entry": str(receipt.entry), "reason": 1}
            assert await page.acts.handle(Act(page.lane, "diner", name, page.connection, fields)) == {}
        assert spent_fen(shell.desk, 1) == 900

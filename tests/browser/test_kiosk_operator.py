"""The operator's screen in a browser: every act in a few taps, answered in words."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from protocols.journal.kinds import Kind
from tests.support.canteen import CARDS, OPERATOR_CARD, OPERATOR_PIN, PORK, RICE, spent_fen, until
from tests.support.checkout import dish, entries, paid
from tests.support.kiosk_browser import LANDSCAPE, PORTRAIT, KioskWorld, kiosk_at, scrolls

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.capability("SET-04", "SET-11")]


async def sign_in(page: Page, name: str = "李*") -> None:
    await page.get_by_role("button", name=name).click()
    for digit in OPERATOR_PIN:
        await page.locator(f"[data-key='{digit}']").click()
    await page.get_by_role("button", name="登录", exact=True).click()
    await expect(page.get_by_role("button", name="退出")).to_be_visible()


async def sell(world: KioskWorld, *plates: str) -> None:
    reader, card = world.devices["A1"]["reader"], world.devices["A1"]["card"]
    reader.lay(*plates)
    await until(lambda: world.station.kiosk.state("A1")["phase"] == "bill")
    card.tap(CARDS[1])
    await until(lambda: world.station.kiosk.state("A1")["phase"] == "paid")
    reader.lay(times=3)


@pytest.mark.parametrize("size", [LANDSCAPE, PORTRAIT], ids=["landscape", "portrait"])
async def test_a_wrong_charge_is_refunded_in_three_taps_and_not_twice(tmp_path: Path, size: dict[str, int]) -> None:
    async with kiosk_at(tmp_path) as world:
        await until(lambda: world.station.kiosk.state("A1").get("phase") == "idle")
        await sell(world, RICE, PORK)
        page = await world.page("A1", "operator", size=size)
        await sign_in(page)
        assert not await scrolls(page)
        await page.locator(".rows button").first.click()
        await page.get_by_role("button", name="收错").click()
        await page.get_by_role("button", name="退款 ¥10.00").click()
        await expect(page.locator(".answer")).to_contain_text("已退款 ¥10.00")
        await expect(page.locator(".rows")).to_contain_text("已全部退款")
        await page.locator(".rows button").first.click()
        assert await page.locator("[data-act='refund']").count() == 0
        assert spent_fen(world.station.desk, 1) == 0
        assert not await scrolls(page)
        assert world.errors == []


async def test_one_item_is_refunded_with_its_reason(tmp_path: Path) -> None:
    async with kiosk_at(tmp_path) as world:
        await until(lambda: world.station.kiosk.state("A1").get("phase") == "idle")
        await sell(world, RICE, PORK)
        page = await world.page("A1", "operator")
        await sign_in(page)
        await page.locator(".rows button").first.click()
        await page.locator(".items button", has_text="米饭").click()
        await page.get_by_role("button", name="菜品问题").click()
        await page.locator("[data-act='refund']").click()
        await expect(page.locator(".rows")).to_contain_text("已退 ¥1.00")


@pytest.mark.rule(18)
async def test_rule_18_after_a_restart_the_last_charge_is_voided_with_one_tap(tmp_path: Path) -> None:
    async with kiosk_at(tmp_path, lanes=()) as world:
        receipt = await paid(world.station.desk, dish(900))
    async with kiosk_at(tmp_path) as world:
        diner = await world.page("A1", "diner")
        await expect(diner.locator(".last")).to_contain_text("¥9.00")
        page = await world.page("A1", "operator")
        await sign_in(page)
        await expect(page.locator(".note.last")).to_contain_text("¥9.00")
        await page.get_by_role("button", name="撤销这笔").click()
        await expect(page.locator(".note.last")).to_have_count(0)
        await until(lambda: spent_fen(world.station.desk, 1) == 0)
        assert entries(world.station.desk, Kind.REFUND)[0].depends_on == receipt.entry.seq


async def test_an_operator_signs_in_by_card_and_a_diners_card_is_no_operators(tmp_path: Path) -> None:
    async with kiosk_at(tmp_path) as world:
        page = await world.page("A1", "operator")
        card = world.devices["A1"]["card"]
        await page.get_by_role("button", name="刷卡登录").click()
        await until(lambda: world.station.kiosk.state("A1", "operator")["waiting_for_tap"])
        card.tap(CARDS[1])
        await expect(page.locator(".answer")).to_contain_text("工号或密码不对")
        await page.get_by_role("button", name="刷卡登录").click()
        await until(lambda: world.station.kiosk.state("A1", "operator")["waiting_for_tap"])
        card.tap(OPERATOR_CARD)
        await expect(page.locator("header")).to_contain_text("李*")


async def test_nothing_can_be_done_without_signing_in(tmp_path: Path) -> None:
    async with kiosk_at(tmp_path, lanes=("A1", "C1")) as world:
        await until(lambda: world.station.kiosk.state("A1").get("phase") == "idle")
        shell: Any = world.station.runners["A1"]
        from edge.kiosk.server import Act

        for name in ("refund", "void_last", "cash", "cash_void", "close_day", "closing", "wash", "recent", "reprint"):
            answer = await shell._handle(Act("A1", "operator", name, 99, {}))
            assert answer["message"]["key"] == "sign_in"
            assert (await shell._handle(Act("A1", "diner", name, 99, {}))).get("message") is None
        assert [entry.kind for entry in _all(world)] == [Kind.INCARNATION]


@pytest.mark.rule(11)
async def test_cash_is_taken_with_the_diners_card_and_voided(tmp_path: Path) -> None:
    async with kiosk_at(tmp_path, grant={}) as world:
        page = await world.page("A1", "operator")
        await sign_in(page)
        await page.get_by_role("button", name="现金充值").click()
        for key in ("5", "0", "00"):
            await page.locator(f"[data-key='{key}']").click()
        await page.get_by_role("button", name="收到 ¥50.00，请刷卡").click()
        await until(lambda: world.station.kiosk.state("A1", "operator")["waiting_for_tap"])
        world.devices["A1"]["card"].tap(CARDS[2])
        await expect(page.locator(".answer")).to_contain_text("充值 ¥50.00")
        await page.get_by_role("button", name="撤销这笔充值").click()
        await expect(page.locator(".answer")).to_contain_text("已撤销 ¥50.00")


async def test_the_day_is_closed_with_one_tap_and_agrees(tmp_path: Path) -> None:
    async with kiosk_at(tmp_path, online=False) as world:
        await until(lambda: world.station.kiosk.state("A1").get("phase") == "idle")
        await sell(world, RICE, PORK)
        page = await world.page("A1", "operator")
        await sign_in(page)
        await page.get_by_role("button", name="日结", exact=True).click()
        await page.get_by_role("button", name="日结 1 笔 ¥10.00").click()
        await expect(page.locator(".card")).to_contain_text("平账")
        await expect(page.locator(".card")).to_contain_text("本机与流水一致")
        await expect(page.locator(".card")).to_contain_text("条待上传")


async def test_a_receipt_is_printed_again_as_a_copy_once_there_is_paper(tmp_path: Path) -> None:
    async with kiosk_at(tmp_path) as world:
        await until(lambda: world.station.kiosk.state("A1").get("phase") == "idle")
        printer = world.devices["A1"]["printer"]
        printer.paper = False
        await sell(world, RICE)
        page = await world.page("A1", "operator")
        await sign_in(page)
        await page.locator(".rows button").first.click()
        await page.locator("[data-act='reprint']").click()
        await expect(page.locator(".answer")).to_contain_text("副本")
        await page.wait_for_timeout(100)
        assert printer.printed == []
        printer.paper = True
        await until(lambda: printer.printed, within_s=8)
        assert any("副本" in line.text for line in printer.printed[0].lines)


async def test_a_stall_sells_by_keypad_and_by_dish(tmp_path: Path) -> None:
    async with kiosk_at(tmp_path, lanes=("C1",)) as world:
        page = await world.page("C1", "operator")
        diner = await world.page("C1", "diner")
        await sign_in(page)
        for key in ("1", "2", "5", "0"):
            await page.locator(f"[data-key='{key}']").click()
        await page.get_by_role("button", name="收款 ¥12.50").click()
        await expect(diner.locator(".total")).to_have_text("¥12.50")
        world.devices["C1"]["card"].tap(CARDS[1])
        await expect(diner.locator(".now")).to_contain_text("支付成功")
        await page.get_by_role("button", name="点菜").click()
        await page.locator("[data-dish='2']").click()
        await page.locator("[data-dish='1']").click()
        await page.locator("[data-dish='1']").click()
        assert not await scrolls(page)
        await page.get_by_role("button", name="收款 ¥11.00").click()
        await expect(diner.locator(".tray")).to_contain_text("×2")
        world.devices["C1"]["card"].tap(CARDS[1])
        await until(lambda: spent_fen(world.station.desk, 1) == 1_250 + 1_100)


def _all(world: KioskWorld) -> list[Any]:
    journal = world.station.site.journal
    return [journal.entry(seq) for seq in range(1, journal.committed().seq + 1)]

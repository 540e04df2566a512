"""The diner's screen in a browser: what a person in front of it sees and does."""

import asyncio
from pathlib import Path
from time import perf_counter

import pytest
from playwright.async_api import expect

from edge.kiosk.server import Kiosk
from edge.stations.canteen.texts import message
from protocols.payments.refusals import TEXTS
from tests.support.canteen import CARDS, FISH, PHONE, PIN, PORK, RICE, until
from tests.support.kiosk_browser import LANDSCAPE, PORTRAIT, free_port, kiosk_at, scrolls

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.capability("SET-01", "SET-11")]


@pytest.mark.parametrize("size", [PORTRAIT, LANDSCAPE], ids=["portrait", "landscape"])
async def test_a_diner_sees_the_tray_the_total_and_the_receipt(tmp_path: Path, size: dict[str, int]) -> None:
    async with kiosk_at(tmp_path) as world:
        page = await world.page("A1", "diner", size=size)
        reader, card = world.devices["A1"]["reader"], world.devices["A1"]["card"]
        await expect(page.locator(".now")).to_contain_text("请把餐盘放在结算台上")
        reader.lay(RICE, PORK)
        await expect(page.locator(".total")).to_have_text("¥10.00")
        await expect(page.locator(".tray")).to_contain_text("红烧肉")
        await expect(page.locator(".now")).to_contain_text("请刷卡或出示付款码")
        assert not await scrolls(page)
        card.tap(CARDS[1])
        await expect(page.locator(".now")).to_contain_text("支付成功")
        await expect(page.locator(".now")).to_contain_text("张1*")
        await expect(page.locator(".balances")).to_contain_text("¥90.00")
        assert not await scrolls(page)
        total_px = float((await page.locator(".total").evaluate("e => getComputedStyle(e).fontSize"))[:-2])
        sizes = await page.evaluate(
            "[...document.querySelectorAll('main p, main span, main h1, main button, main b')]"
            ".map(e => parseFloat(getComputedStyle(e).fontSize))"
        )
        assert total_px > max(sizes)
        assert world.errors == []


@pytest.mark.rule(18)
async def test_rule_18_a_receipt_on_the_screen_is_marked_as_shown(tmp_path: Path) -> None:
    async with kiosk_at(tmp_path) as world:
        page = await world.page("A1", "diner")
        world.devices["A1"]["reader"].lay(RICE)
        await expect(page.locator(".total")).to_have_text("¥1.00")
        world.devices["A1"]["card"].tap(CARDS[1])
        await expect(page.locator(".now")).to_contain_text("支付成功")
        reader = world.station.site.reader
        await until(lambda: reader.row("SELECT shown FROM canteen_sales") == (1,))


_SEEN = """text => new Promise(done => {
  const look = () => document.querySelector('.total')?.textContent === text && done();
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
  look();
})"""


async def test_a_change_is_seen_within_a_tenth_of_a_second(tmp_path: Path) -> None:
    async with kiosk_at(tmp_path) as world:
        page = await world.page("A1", "diner")
        await expect(page.locator(".now")).to_contain_text("请把餐盘")
        took = []
        for fen in range(1, 12):
            seen = asyncio.create_task(page.evaluate(_SEEN, f"¥0.{fen:02d}"))
            await asyncio.sleep(0.1)
            began = perf_counter()
            world.station.kiosk.publish("A1", {"total_fen": fen})
            await seen
            took.append(perf_counter() - began)
        assert sorted(took)[len(took) // 2] < 0.1


async def test_offline_is_a_quiet_badge_and_everything_goes_on(tmp_path: Path) -> None:
    async with kiosk_at(tmp_path, online=False) as world:
        page = await world.page("A1", "diner")
        badge = page.locator(".badge.offline")
        await expect(badge).to_contain_text("离线 自")
        await expect(badge).to_contain_text("条待上传")
        world.devices["A1"]["reader"].lay(RICE)
        await expect(page.locator(".total")).to_have_text("¥1.00")
        world.devices["A1"]["card"].tap(CARDS[1])
        await expect(page.locator(".now")).to_contain_text("支付成功")
        world.station.site.link.set_online(online=True)
        await expect(page.locator(".badge")).to_contain_text("已联网")


async def test_a_doubtful_plate_says_what_to_do_with_icon_and_words(tmp_path: Path) -> None:
    async with kiosk_at(tmp_path) as world:
        page = await world.page("A1", "diner")
        world.devices["A1"]["reader"].lay(RICE, "E004FFFFFFFFFFFF")
        await expect(page.locator(".now")).to_contain_text("有餐盘不认识")
        assert await page.locator(".now .icon").count() >= 1
        await expect(page.locator(".tray")).to_contain_text("不认识")


@pytest.mark.capability("SET-07")
async def test_a_diner_pays_by_phone_number_and_pin_on_the_screen(tmp_path: Path) -> None:
    async with kiosk_at(tmp_path) as world:
        page = await world.page("A1", "diner")
        world.devices["A1"]["reader"].lay(RICE)
        await page.get_by_role("button", name="用手机号支付").click()
        for digit in PHONE:
            await page.locator(f"[data-key='{digit}']").click()
        await page.get_by_role("button", name="下一步").click()
        for digit in PIN:
            await page.locator(f"[data-key='{digit}']").click()
        assert PIN not in await page.locator(".now").inner_text()
        await page.get_by_role("button", name="支付", exact=True).click()
        await expect(page.locator(".now")).to_contain_text("支付成功")


async def test_a_pin_is_asked_for_on_the_screen(tmp_path: Path) -> None:
    async with kiosk_at(tmp_path) as world:
        page = await world.page("A1", "diner")
        world.devices["A1"]["reader"].lay(PORK, FISH)
        await expect(page.locator(".total")).to_have_text("¥21.00")
        world.devices["A1"]["card"].tap(CARDS[7])
        await expect(page.locator(".now")).to_contain_text("请输入支付密码")
        for digit in PIN:
            await page.locator(f"[data-key='{digit}']").click()
        assert not await scrolls(page)
        await page.get_by_role("button", name="支付", exact=True).click()
        await expect(page.locator(".now")).to_contain_text("支付成功")


async def test_english_is_one_tap_away(tmp_path: Path) -> None:
    async with kiosk_at(tmp_path) as world:
        page = await world.page("A1", "diner")
        await page.get_by_role("button", name="English").click()
        await expect(page.locator(".now")).to_contain_text("Please place your tray")
        world.devices["A1"]["reader"].lay(PORK)
        await expect(page.locator(".tray")).to_contain_text("Braised pork")


async def test_a_gateway_that_goes_away_is_told_and_found_again(tmp_path: Path) -> None:
    async with kiosk_at(tmp_path, port=free_port()) as world:
        page = await world.page("A1", "diner")
        await expect(page.locator(".now")).to_contain_text("请把餐盘")
        await world.stop_screens()
        await expect(page.locator(".now")).to_contain_text("屏幕与网关断开")
        world.start_screens()
        await expect(page.locator(".now")).to_contain_text("请把餐盘", timeout=10_000)


async def test_a_lane_that_does_not_exist_says_so(tmp_path: Path) -> None:
    async with kiosk_at(tmp_path) as world:
        page = await world.page("Z9", "diner")
        await expect(page.locator("h1")).to_have_text("没有这个结算台")
        await expect(page.locator("li")).to_contain_text("A1")


@pytest.mark.parametrize("size", [PORTRAIT, LANDSCAPE], ids=["portrait", "landscape"])
async def test_every_message_fits_its_zone_in_both_languages(tmp_path: Path, size: dict[str, int]) -> None:
    async with kiosk_at(tmp_path) as world:
        page = await world.page("A1", "diner", size=size)
        await expect(page.locator(".now")).to_contain_text("请把餐盘")
        balances = [{"zh": "十一月餐补", "en": "November meal subsidy", "amount_fen": 123_456, "unit": "fen"}] * 4
        too_large = []
        for language in ("zh", "en"):
            for key in [*TEXTS, "idle.plate", "unknown_plate", "two_trays", "edge", "gate_stuck", "down", "balances"]:
                told = message(key, amount_fen=123_456)
                shown = {"phase": "refused", "message": {**told, "zh": told[language]}, "balances": balances}
                world.station.kiosk.publish("A1", shown)
                await expect(page.locator(".now .word")).to_contain_text(told[language])
                if await page.evaluate("(e => e.scrollHeight > e.clientHeight + 1)(document.querySelector('.now'))"):
                    too_large.append((language, key))
        assert too_large == []
        assert not await scrolls(page)


async def test_a_kiosk_set_to_english_starts_in_english() -> None:
    kiosk = Kiosk(host="127.0.0.1", port=0, health=dict, language="en")
    assert 'lang="en"' in (kiosk._send_page("diner.html").text or "")

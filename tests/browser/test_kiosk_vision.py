"""The vision lane on its screens: boxes with prices, a dish in doubt, a dish taught."""

import os
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from edge.stations.canteen.enrolling import EnrolState
from tests.support.cameras import taught
from tests.support.canteen import CARDS, OPERATOR_PIN, until
from tests.support.kiosk_browser import LANDSCAPE, PORTRAIT, KioskWorld, kiosk_at, scrolls

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.capability("SET-02")]
VISION = {"A1": "vision"}


async def shot(page: Page, name: str) -> None:
    """Keep a picture of the screen where one is asked for, for people to look at."""
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        await page.screenshot(path=f"{folder}/{name}.png")


async def shows_picture(page: Page) -> None:
    await page.wait_for_function("document.querySelector('.sight img')?.naturalWidth > 0")


async def ready(world: KioskWorld) -> None:
    await taught(world.station.desk, (1, 2, 3))
    world.devices["A1"]["camera"].tray()
    await until(lambda: world.station.kiosk.state("A1")["picture"]["n"] > 0)


@pytest.mark.parametrize("size", [PORTRAIT, LANDSCAPE], ids=["portrait", "landscape"])
async def test_a_diner_sees_a_box_around_each_dish_with_its_price(tmp_path: Path, size: dict[str, int]) -> None:
    async with kiosk_at(tmp_path, kinds=VISION) as world:
        await ready(world)
        page = await world.page("A1", "diner", size=size)
        await expect(page.locator(".now")).to_contain_text("请把餐盘放在摄像头下")
        await expect(page.locator(".tray")).to_contain_text("摄像头下的菜会显示在这里")
        await shot(page, f"kiosk-vision-idle-{size['width']}")
        world.devices["A1"]["camera"].tray(1, 2)
        await expect(page.locator(".total")).to_have_text("¥10.00")
        await expect(page.locator(".box")).to_have_count(2)
        await expect(page.locator(".sight")).to_contain_text("红烧肉¥9.00")
        await shows_picture(page)
        assert not await scrolls(page)
        inside = await page.evaluate(
            "(() => { const r = e => e.getBoundingClientRect(), t = r(document.querySelector('.tray'));"
            "return [...document.querySelectorAll('.sight, .box')].every(e => r(e).left >= t.left"
            " && r(e).right <= t.right && r(e).top >= t.top && r(e).bottom <= t.bottom); })()"
        )
        assert inside
        await shot(page, f"kiosk-vision-bill-{size['width']}")
        world.devices["A1"]["card"].tap(CARDS[1])
        await expect(page.locator(".now")).to_contain_text("支付成功")
        await expect(page.locator(".now")).to_contain_text("请取走餐盘", timeout=9_000)
        world.devices["A1"]["camera"].tray()
        await expect(page.locator(".now")).to_contain_text("请把餐盘放在摄像头下")
        await page.get_by_role("button", name="English").click()
        await expect(page.locator(".now")).to_contain_text("Please place your tray under the camera")
        assert world.errors == []


async def test_a_dish_in_doubt_is_chosen_by_the_diner_from_its_candidates(tmp_path: Path) -> None:
    async with kiosk_at(tmp_path, kinds=VISION) as world:
        await ready(world)
        page = await world.page("A1", "diner", size=PORTRAIT)
        world.devices["A1"]["camera"].tray(1, 9)
        await expect(page.locator(".now")).to_contain_text("请点选这道菜的名字")
        await expect(page.locator(".box.ask")).to_have_count(1)
        await expect(page.locator(".total")).to_have_text("¥0.00")
        await shows_picture(page)
        await shot(page, "kiosk-vision-ask")
        assert not await scrolls(page)
        await page.locator('.side button[data-dish="2"]').click()
        await expect(page.locator(".total")).to_have_text("¥10.00")
        assert world.errors == []


async def test_a_camera_that_goes_is_told_and_the_lane_comes_back(tmp_path: Path) -> None:
    async with kiosk_at(tmp_path, kinds=VISION) as world:
        await ready(world)
        page = await world.page("A1", "diner")
        await expect(page.locator(".now")).to_contain_text("请把餐盘放在摄像头下")
        world.devices["A1"]["camera"].unplug()
        await expect(page.locator(".now")).to_contain_text("设备断开")
        await shot(page, "kiosk-vision-down")
        world.devices["A1"]["camera"].plug()
        await expect(page.locator(".now")).to_contain_text("请把餐盘放在摄像头下")
        assert world.errors == []


async def test_an_operator_teaches_a_dish_and_corrects_one_on_the_screen(tmp_path: Path) -> None:
    async with kiosk_at(tmp_path, kinds=VISION) as world:
        await ready(world)
        camera = world.devices["A1"]["camera"]
        page = await world.page("A1", "operator")
        await page.get_by_role("button", name="李*").click()
        for digit in OPERATOR_PIN:
            await page.locator(".keys button").filter(has_text=digit).first.click()
        await page.locator(".signin button.main, .pad button.main").first.click()
        camera.tray(2, 9)
        await expect(page.locator(".box.ask, .box.unknown")).to_have_count(1)
        await shows_picture(page)
        await shot(page, "kiosk-vision-correct")
        assert not await scrolls(page)
        await page.locator('.menu button[data-dish="3"]').click()
        await expect(page.locator(".answer")).to_contain_text("已更正并记住")
        await expect(page.locator(".lane .amount")).to_have_text("¥21.00")
        lessons = await world.station.desk.looking.run(world.station.desk.eyes.trail)
        assert [(one.dish, one.why, one.who) for one in lessons[-1:]] == [("3", "corrected", "operator 1")]
        await page.get_by_role("button", name="教新菜").click()
        camera.tray(1)
        await page.locator('.menu button[data-dish="1"]').click()
        for number in (1, 2, 3):
            await page.locator('[data-act="take"]').click()
            await expect(page.locator('[data-act="take"]')).to_contain_text(f"已拍 {number} 张")
        await shot(page, "kiosk-vision-teach")
        await page.locator('[data-act="keep"]').click()
        await expect(page.locator(".answer")).to_contain_text("已学会，共认识 3 道菜")
        assert world.errors == []


@pytest.mark.capability("SET-07")
@pytest.mark.parametrize("query", ["", "?lang=en"], ids=["zh", "en"])
@pytest.mark.parametrize("size", [PORTRAIT, LANDSCAPE], ids=["portrait", "landscape"])
async def test_the_consent_text_is_read_whole_and_answered_on_the_diners_screen(
    tmp_path: Path, size: dict[str, int], query: str
) -> None:
    async with kiosk_at(tmp_path, kinds=VISION) as world:
        page = await world.page("A1", "diner", size=size, query=query)
        await expect(page.locator(".nothing")).to_be_visible()
        shell = world.station.runners["A1"].shell
        assert shell is not None
        assert shell.faces is not None
        enrolling = shell.faces.enrolling
        enrolling.state = EnrolState("consent", 1, until_ms=2**60)
        shell.show()
        await expect(page.locator(".consent p")).to_have_count(6)
        cut = "(e => e.scrollHeight > e.clientHeight + 1)(document.querySelector('.tray'))"
        assert not await page.evaluate(cut)
        assert not await scrolls(page)
        await shot(page, f"kiosk-consent-{size['width']}{query[6:]}")
        await page.locator('[data-act="decline"]').click()
        await until(lambda: enrolling.state.word == "declined")
        assert world.errors == []

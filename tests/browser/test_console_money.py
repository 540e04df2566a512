"""Acts on money in the console: nothing is lost on a failed save, nothing is booked twice, a bad entry is mended."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.async_api import Page, Route, expect

from cloud.sync.entries import to_fields
from protocols.journal.kinds import Kind
from tests.support.cloud import PostgresServer, postgres_server
from tests.support.console_browser import SECOND, console_at

pytestmark = [pytest.mark.needs("chromium", "node"), pytest.mark.timeout(300)]

BACKLOG = 10_000
BATCH = 500


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """The module's PostgreSQL."""
    with postgres_server() as server:
        yield server


async def open_top_up(page: Page, amount: str, note: str) -> None:
    await page.get_by_role("button", name="充值").click()
    panel = page.get_by_role("dialog")
    await panel.get_by_label("金额").fill(amount)
    await panel.get_by_label("备注").fill(note)


@pytest.mark.capability("PLT-06", "SET-08")
@pytest.mark.lesson("odoo-40567")
async def test_a_top_up_whose_answer_was_lost_keeps_the_input_and_is_booked_once(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    async with console_at(postgres, tmp_path, money_fen=0) as world:
        page = await world.page(f"/people/{world.campus.person}")
        keys: list[str] = []

        async def lose_the_first_answer(route: Route) -> None:
            keys.append(route.request.headers["idempotency-key"])
            if len(keys) == 1:
                await route.fetch()
                await route.abort()
            else:
                await route.continue_()

        await page.route("**/api/v1/payments/top-ups", lose_the_first_answer)
        await open_top_up(page, "123.45", "十一月")
        panel = page.get_by_role("dialog")
        await panel.get_by_role("button", name="充值").click()
        await expect(panel.get_by_role("alert")).to_contain_text("不会重复入账")
        await expect(panel.get_by_label("金额")).to_have_value("123.45")
        await expect(panel.get_by_label("备注")).to_have_value("十一月")
        await panel.get_by_role("button", name="充值").click()
        await expect(page.get_by_text("已充值 ¥123.45")).to_be_visible()
        assert len(keys) == 2
        assert keys[0] == keys[1]
        await expect(page.get_by_role("region", name="资金流水").locator("tbody tr")).to_have_count(1)
        await expect(page.locator("article").filter(has_text="现金")).to_contain_text("¥123.45")
        assert world.errors == []


async def test_a_refused_save_says_what_is_wrong_at_the_field(postgres: PostgresServer, tmp_path: Path) -> None:
    async with console_at(postgres, tmp_path) as world:
        page = await world.page("/people")
        await page.get_by_role("button", name="新增人员").click()
        panel = page.get_by_role("dialog")
        await panel.get_by_label("工号").fill("E1001")
        await panel.get_by_label("姓名").fill("李四")
        await panel.get_by_role("button", name="保存").click()
        await expect(panel).to_contain_text("请填写人员组")
        for label, choice in (("人员组", "教职工"), ("归属地", "东区")):
            await panel.get_by_role("combobox", name=label).click()
            await page.get_by_role("option", name=choice).click()
        await panel.get_by_label("手机号").fill("abc")
        await panel.get_by_role("button", name="保存").click()
        await expect(panel.get_by_role("alert")).to_contain_text("您填的内容都还在")
        await expect(panel.get_by_label("手机号")).to_have_attribute("aria-invalid", "true")
        await expect(panel).to_contain_text("格式不对")
        await panel.get_by_label("手机号").fill("13900005678")
        await panel.get_by_role("button", name="保存").click()
        await expect(panel.get_by_role("alert")).to_contain_text("工号已被使用")
        await expect(panel.get_by_label("姓名")).to_have_value("李四")
        await panel.get_by_label("工号").fill("E1002")
        await panel.get_by_role("button", name="保存").click()
        await expect(page.get_by_role("heading", name="李四", level=1)).to_be_visible()
        assert world.errors == []


@pytest.mark.rule(26, 27)
@pytest.mark.lesson("erpnext-11000")
async def test_one_bad_entry_amid_a_backlog_of_ten_thousand_is_mended_and_replayed(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    async with console_at(postgres, tmp_path) as world:
        campus, gateway = world.campus, world.campus.gateway
        good = campus.settlement(1850, receipt_no=BACKLOG // 2)
        applied = 0
        for start in range(0, BACKLOG, BATCH):
            bodies = [campus.sale(1, receipt_no=number) for number in range(start + 1, start + BATCH + 1)]
            if start == BACKLOG // 2:
                bodies.append(gateway.body(Kind.SETTLEMENT, b"\xc1 torn", subject="p999999"))
            answer = await gateway.send(*bodies)
            applied += answer.applied
        assert applied == BACKLOG

        page = await world.page("/quarantine")
        row = page.get_by_role("region", name="待处理").locator("tbody tr")
        await expect(row).to_have_count(1)
        await row.click()
        await expect(page.get_by_text("无法解读，只有原始字节")).to_be_visible()
        await expect(page.get_by_role("button", name="重放入账")).to_be_disabled()

        payload = page.get_by_label("修正后的内容（JSON）")
        await payload.fill("{ not json")
        await page.get_by_label("修正说明").fill("餐盘读数中断，按小票补记")
        await page.get_by_role("button", name="保存修正").click()
        await expect(page.get_by_text("不是有效的 JSON")).to_be_visible()
        await payload.fill("{}")
        await page.get_by_role("button", name="保存修正").click()
        await expect(page.get_by_role("alert")).to_contain_text("您填的内容都还在")
        await expect(page.get_by_label("修正说明")).to_have_value("餐盘读数中断，按小票补记")
        await payload.fill(json.dumps(to_fields(good), ensure_ascii=False))
        await page.get_by_role("button", name="保存修正").click()
        await expect(page.get_by_text("改动金额或人员时，需要另一位同事复核。").first).to_be_visible()
        await expect(page.get_by_role("button", name="重放入账")).to_be_disabled()

        second = await world.page(page.url.removeprefix(world.address), login=SECOND)
        await second.get_by_role("button", name="复核通过").click()
        await second.get_by_role("dialog").get_by_role("button", name="复核通过").click()
        await expect(second.get_by_role("button", name="重放入账")).to_be_enabled()
        await second.get_by_role("button", name="重放入账").click()
        await second.get_by_role("dialog").get_by_role("button", name="重放入账").click()
        await expect(second.locator("[data-state=replayed]")).to_be_visible()

        await page.goto(f"{world.address}/settlements")
        await page.get_by_label("搜索").fill(f"{BACKLOG // 2}")
        await expect(page.get_by_role("region", name="结算记录")).to_contain_text("¥18.50")
        assert world.errors == []


@pytest.mark.capability("SET-09")
@pytest.mark.rule(12)
async def test_a_price_is_set_ahead_and_the_lanes_that_have_it_are_counted(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    async with console_at(postgres, tmp_path) as world:
        world.cloud.core.clock.move(timedelta(minutes=1))  # type: ignore[attr-defined]
        page = await world.page("/dishes")
        await page.get_by_role("button", name="调价").click()
        panel = page.get_by_role("dialog")
        await expect(panel.get_by_label("价格")).to_have_value("12.00")
        await panel.get_by_label("价格").fill("13.80")
        await panel.get_by_role("button", name="保存").click()
        await expect(page.get_by_role("region", name="菜品")).to_contain_text("¥13.80")
        await page.goto(f"{world.address}/prices")
        await page.get_by_role("region", name="价格").locator("tbody tr").first.click()
        await expect(page.get_by_role("dialog")).to_contain_text("未收到")
        assert world.errors == []

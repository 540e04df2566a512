"""A manager's day in the console: sign in, watch today, find a settlement, page through very many."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from statistics import median
from time import perf_counter

import pytest
from playwright.async_api import Response, expect

from tests.support.cloud import PASSWORD, PostgresServer, postgres_server
from tests.support.console_browser import MANAGER, PHONE, console_at

pytestmark = [pytest.mark.needs("chromium", "node"), pytest.mark.timeout(300)]

MANY = 100_000
PAGE_ROWS = 50
PAGES_TURNED = 12
ROOMY_MS = 1_000


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """The module's PostgreSQL."""
    with postgres_server() as server:
        yield server


@pytest.mark.capability("PLT-09", "PLT-10")
async def test_a_wrong_password_says_so_and_keeps_the_name(postgres: PostgresServer, tmp_path: Path) -> None:
    async with console_at(postgres, tmp_path) as world:
        page = await world.door()
        await page.get_by_label("用户名").fill(MANAGER)
        await page.get_by_label("密码").fill("wrong-password-1")
        await page.get_by_role("button", name="登录").click()
        await expect(page.get_by_role("alert")).to_contain_text("用户名或密码不对")
        await expect(page.get_by_label("用户名")).to_have_value(MANAGER)
        await page.get_by_label("密码").fill(PASSWORD)
        await page.get_by_role("button", name="登录").click()
        await expect(page.get_by_role("heading", name="今日", level=1)).to_be_visible()
        await page.get_by_role("button", name="English").click()
        await expect(page.get_by_role("heading", name="Today", level=1)).to_be_visible()
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("button", name="Sign in")).to_be_visible()
        await page.goto(f"{world.address}/people")
        await expect(page.get_by_role("button", name="Sign in")).to_be_visible()
        assert world.errors == []


@pytest.mark.capability("SET-11")
async def test_today_follows_what_happens_and_says_which_gateway_is_away(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    async with console_at(postgres, tmp_path) as world:
        await world.campus.gateway.heartbeat(lanes=((world.campus.lane, "idle", 0),))
        page = await world.page()
        await expect(page.get_by_label("营业额 ¥0.00")).to_be_visible()
        await world.campus.gateway.send(world.campus.sale(1250), world.campus.sale(800, receipt_no=2))
        await expect(page.get_by_label("营业额 ¥20.50")).to_be_visible()
        await expect(page.get_by_label("结算笔数 2")).to_be_visible()
        await expect(page.get_by_role("region", name="通道")).to_contain_text("1 号结算台")
        await world.campus.gateway.heartbeat(lanes=((world.campus.lane, "idle", 12),), waiting=318)
        await expect(page.get_by_label("正在排队 12")).to_be_visible(timeout=15_000)
        world.cloud.core.clock.move(timedelta(minutes=5))  # type: ignore[attr-defined]
        state = page.get_by_role("status").filter(has_text="离线")
        await expect(state).to_contain_text("1 个网关离线，照常营业", timeout=15_000)
        await expect(state).to_contain_text("318 笔待上传")
        assert world.errors == []


@pytest.mark.capability("SET-01", "SET-11")
async def test_a_settlement_is_found_and_drilled_down_to_plates_and_ledger_lines(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    async with console_at(postgres, tmp_path) as world:
        sales = [world.campus.sale(1000 + number, receipt_no=number) for number in range(1, 61)]
        await world.campus.gateway.send(*sales)
        page = await world.page("/settlements")
        table = page.get_by_role("region", name="结算记录")
        rows = table.locator("tbody tr")
        await expect(rows).to_have_count(PAGE_ROWS)
        await table.get_by_role("button", name="下一页").click()
        await expect(rows).to_have_count(10)
        await expect(table).to_contain_text("第 2 页")
        await page.keyboard.press("/")
        await page.keyboard.type("A1-20261120-0042" if world.campus.site == 1 else "42")
        await expect(rows).to_have_count(1)
        await expect(rows).to_contain_text("¥10.42")
        await table.locator(".body").focus()
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        detail = page.get_by_role("dialog")
        await expect(detail.get_by_role("region", name="餐盘与菜品")).to_contain_text("E2801160")
        await expect(detail.get_by_role("region", name="餐盘与菜品")).to_contain_text("红烧肉")
        await expect(detail.get_by_role("region", name="账本分录")).to_contain_text("张三丰 · 现金 · 站点额度")
        await expect(detail).to_contain_text("明细、付款与账本一致")
        await expect(detail).to_contain_text("已签名")
        assert world.errors == []


@pytest.mark.capability("PLT-06")
async def test_a_list_of_a_hundred_thousand_rows_is_paged(
    postgres: PostgresServer, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    async with console_at(postgres, tmp_path) as world:
        tx_rows = """INSERT INTO identity_people (number, name, group_id, home_site_id, phone_masked, valid_from)
            SELECT 'N' || n, '职工' || n, $1, $2, '138****' || lpad((n % 10000)::text, 4, '0'), date '2026-01-01'
            FROM generate_series(1, $3::integer) AS n"""
        async with world.cloud.core.database.transaction(world.cloud.organisation_id) as tx:
            await tx.execute(tx_rows, world.campus.group, world.campus.site, MANY)
        page = await world.page("/people")
        answers: list[Response] = []
        page.on("response", lambda answer: answers.append(answer) if "/identity/people?" in answer.url else None)
        table = page.get_by_role("region", name="人员")
        await expect(table.locator("tbody tr")).to_have_count(PAGE_ROWS)
        took_ms = []
        for number in range(2, 2 + PAGES_TURNED):
            began = perf_counter()
            await table.get_by_role("button", name="下一页").click()
            await expect(table).to_contain_text(f"第 {number} 页")
            took_ms.append((perf_counter() - began) * 1000)
        assert await table.locator("tbody tr").count() == PAGE_ROWS
        sizes = await asyncio.gather(*(answer.body() for answer in answers))
        assert len(sizes) >= PAGES_TURNED
        assert max(len(size) for size in sizes) < 64 * 1024, "a page carries its rows, never the list"
        record_property("page_turn_median_ms", round(median(took_ms)))
        assert median(took_ms) < ROOMY_MS
        await page.get_by_label("搜索").fill("职工99999")
        await expect(table.locator("tbody tr")).to_have_count(1, timeout=15_000)
        assert world.errors == []


async def test_columns_chosen_once_are_there_next_time(postgres: PostgresServer, tmp_path: Path) -> None:
    async with console_at(postgres, tmp_path) as world:
        await world.campus.gateway.send(world.campus.sale(1250))
        page = await world.page("/settlements")
        table = page.get_by_role("region", name="结算记录")
        await expect(table.get_by_role("columnheader", name="流水号")).to_have_count(0)
        await table.get_by_role("button", name="列").click()
        await page.locator("label").filter(has_text="流水号").click()
        await expect(table.get_by_role("columnheader", name="流水号")).to_be_visible()
        await page.reload()
        await expect(table.get_by_role("columnheader", name="流水号")).to_be_visible()


async def test_a_page_that_loses_the_server_keeps_what_it_shows(postgres: PostgresServer, tmp_path: Path) -> None:
    async with console_at(postgres, tmp_path) as world:
        await world.campus.gateway.send(world.campus.sale(1250))
        page = await world.page("/settlements")
        table = page.get_by_role("region", name="结算记录")
        await expect(table.locator("tbody tr")).to_have_count(1)
        await page.route("**/api/v1/canteen/settlements?*", lambda route: route.abort())
        await page.get_by_label("搜索").fill("张")
        await expect(table.get_by_role("status")).to_contain_text("连不上服务器")
        await expect(table.locator("tbody tr")).to_have_count(1)
        await page.unroute("**/api/v1/canteen/settlements?*")
        await table.get_by_role("button", name="重试").click()
        await expect(table.get_by_role("status")).to_have_count(0)
        await expect(table.locator("tbody tr")).to_have_count(1)
        assert world.errors == []


async def test_nothing_is_cut_off_on_a_phone(postgres: PostgresServer, tmp_path: Path) -> None:
    async with console_at(postgres, tmp_path) as world:
        await world.campus.gateway.send(world.campus.sale(1250))
        page = await world.page(size=PHONE)
        for path in ("/today", "/settlements", "/people", f"/people/{world.campus.person}", "/gateways", "/plug"):
            await page.goto(world.address + path)
            await expect(page.get_by_role("heading", level=1)).to_be_visible()
            await page.wait_for_timeout(300)
            assert await page.locator("main").evaluate("each => each.scrollWidth <= each.clientWidth"), path
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        await page.get_by_role("button", name="菜单").click()
        await expect(page.get_by_role("link", name="结算记录")).to_be_visible()
        assert world.errors == []

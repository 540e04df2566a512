"""The console in a real browser over a real cloud: its own database, its own port, a gateway that sends."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from playwright.async_api import Browser, Page, async_playwright, expect

from cloud.core import rights
from cloud.main import create_app
from tests.support.cloud import PASSWORD, PostgresServer, make_login, make_organisation, open_test_core
from tests.support.domains import Cloud, open_cloud
from tests.support.parts import require
from tests.support.small_campus import Campus, open_campus
from tools import console

DESK = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
MANAGER, SECOND = "manager", "second"
expect.set_options(timeout=20_000)


@dataclass
class ConsoleWorld:
    """A cloud at work, one canteen with a gateway, and pages of its console."""

    address: str
    cloud: Cloud
    campus: Campus
    browser: Browser
    errors: list[str] = field(default_factory=list)

    async def page(self, path: str = "/today", *, login: str = MANAGER, size: Any = DESK) -> Page:
        """A page of a signed-in person; what its scripts complain of ends in `errors`."""
        page = await self.door(size=size)
        await page.get_by_label("用户名").fill(login)
        await page.get_by_label("密码").fill(PASSWORD)
        await page.get_by_role("button", name="登录").click()
        await expect(page.get_by_role("heading", name="今日", level=1)).to_be_visible()
        if path != "/today":
            await page.goto(self.address + path)
        return page

    async def door(self, *, size: Any = DESK) -> Page:
        """The sign-in page."""
        context = await self.browser.new_context(viewport=size, locale="zh-CN", timezone_id="Asia/Shanghai")
        page = await context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        await page.goto(f"{self.address}/sign-in")
        return page


class _Server(uvicorn.Server):
    """uvicorn that leaves the signals of the test run alone."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def console_at(
    postgres: PostgresServer, folder: Path, *, money_fen: int = 10_000_000
) -> AsyncIterator[ConsoleWorld]:
    """Build the console where its sources changed, serve it, and open a browser."""
    await asyncio.to_thread(console.packages)
    await asyncio.to_thread(console.build)
    address = await asyncio.to_thread(postgres.fresh_database)
    async with AsyncExitStack() as stack:
        core = await stack.enter_async_context(open_test_core(address, folder))
        organisation_id = await make_organisation(core.database, "云岭精密制造")
        cloud = open_cloud(core, organisation_id)
        await make_login(core, organisation_id, SECOND, rights.ALL)
        client = await stack.enter_async_context(cloud.signed_in(MANAGER, rights.ALL))
        campus = await open_campus(cloud, client, money_fen=money_fen)
        await core.events.start()
        listening = socket.create_server(("127.0.0.1", 0))
        server = _Server(uvicorn.Config(create_app(core), log_config=None, lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        port = listening.getsockname()[1]
        driver = await stack.enter_async_context(async_playwright())
        browser = await driver.chromium.launch(executable_path=str(require("chromium")), args=["--no-sandbox"])
        try:
            yield ConsoleWorld(f"http://127.0.0.1:{port}", cloud, campus, browser)
        finally:
            await browser.close()
            core.events.close_streams()
            server.should_exit = True
            await serving

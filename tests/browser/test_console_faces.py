"""Faces in the console: consent, enrolment by the browser's camera and by files, withdrawal with its confirmations."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.async_api import Page, expect

from cloud.settings import Recognition, Settings
from models.face.detector import FaceDetector
from tests.support import cloud as cloud_support
from tests.support.cloud import PostgresServer, postgres_server
from tests.support.console_browser import PHONE, ConsoleWorld, console_at
from tests.support.faces import OBAMA
from tests.support.networks import photo, require_networks, require_samples
from tests.support.parts import require

pytestmark = [pytest.mark.needs("chromium", "node"), pytest.mark.timeout(300)]

FRAMES_A_PICTURE = 45


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """The module's PostgreSQL."""
    with postgres_server() as server:
        yield server


@pytest.fixture(autouse=True)
def networks_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """The core under the console finds the networks of this machine."""
    plain, store = cloud_support.test_settings, str(require_networks().store)

    def settings(folder: Path) -> Settings:
        return replace(plain(folder), recognition=Recognition(networks=store))

    monkeypatch.setattr(cloud_support, "test_settings", settings)


def film(path: Path) -> Path:
    """What the camera sees: three photographs of one person, each for a while, over and over."""
    detector = FaceDetector(require_networks())
    frames = []
    for name in OBAMA:
        picture = photo(name)
        face = detector.detect(picture)[0]
        half, x, y = int(1.4 * face.width), int(face.x + face.width / 2), int(face.y + face.height / 2)
        roomy = cv2.copyMakeBorder(picture, half, half, half, half, cv2.BORDER_REPLICATE)
        square = cv2.resize(roomy[y : y + 2 * half, x : x + 2 * half], (480, 480), interpolation=cv2.INTER_AREA)
        frame = cv2.copyMakeBorder(square, 0, 0, 80, 80, cv2.BORDER_CONSTANT, value=(120, 120, 120))
        frames += [bytes(cv2.imencode(".jpg", frame)[1])] * FRAMES_A_PICTURE
    path.write_bytes(b"".join(frames))
    return path


@asynccontextmanager
async def before_a_camera(world: ConsoleWorld, seen: Path) -> AsyncIterator[ConsoleWorld]:
    """The same world in a browser whose camera shows a film."""
    browser = await world.browser.browser_type.launch(
        executable_path=str(require("chromium")),
        args=[
            "--no-sandbox",
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={seen}",
        ],
    )
    try:
        yield replace(world, browser=browser)
    finally:
        await browser.close()


async def open_face(world: ConsoleWorld, **named: Any) -> Page:
    page = await world.page(f"/people/{world.campus.person}/face", **named)
    await expect(page.get_by_role("heading", name="刷脸支付")).to_be_visible()
    return page


async def take_consent(page: Page) -> None:
    await page.get_by_role("button", name="取得同意").click()
    panel = page.get_by_role("dialog")
    await expect(panel).to_contain_text("算完立即丢弃，不保存照片")
    await expect(panel.get_by_text("东区")).to_be_visible()
    await panel.get_by_role("button", name="记录同意").click()
    await expect(panel).to_contain_text("需要本人看过全文并同意")
    await panel.get_by_role("switch").locator("..").click()
    await panel.get_by_role("button", name="记录同意").click()
    await expect(page.get_by_role("region", name="站点")).to_contain_text("同意")


@pytest.mark.capability("PLT-01", "PLT-10")
async def test_somebody_is_enrolled_before_the_camera_and_withdraws(postgres: PostgresServer, tmp_path: Path) -> None:
    async with console_at(postgres, tmp_path) as plain, before_a_camera(plain, film(tmp_path / "film.mjpeg")) as world:
        gateway, person = world.campus.gateway, world.campus.person
        page = await open_face(world)
        await expect(page.get_by_text("未同意").first).to_be_visible()
        await take_consent(page)
        await page.get_by_role("button", name="登记人脸").click()
        panel = page.get_by_role("dialog", name="登记人脸")
        await expect(panel.get_by_text("可以拍了")).to_be_visible()
        for _ in range(6):
            await panel.get_by_role("button", name="拍一张").click()
            await page.wait_for_timeout(1_300)
        await expect(panel.get_by_text("合格", exact=True)).to_have_count(6)
        await panel.get_by_role("button", name="登记 6 张照片").click()
        await expect(page.get_by_text("已登记", exact=True)).to_be_visible()
        assert f"{person}@0" in await gateway.replica("faces")
        sites = page.get_by_role("region", name="站点")
        await expect(sites).to_contain_text("等待送达")
        await gateway.heartbeat(replicas=(await gateway.heartbeat()).replicas)
        await expect(sites).to_contain_text("已送达")

        await page.get_by_role("button", name="撤回同意").click()
        asked = page.get_by_role("dialog", name="撤回同意")
        await expect(asked).to_contain_text("1 个站点逐一删除并确认")
        await expect(asked).to_contain_text("最多再保留 14 天")
        await asked.get_by_role("button", name="撤回同意").click()
        await expect(page.get_by_text("1 个站点还没有确认删除")).to_be_visible()
        assert await gateway.replica("faces") == {}
        await page.goto(f"{world.address}/people/unconfirmed")
        row = page.get_by_role("region", name="待站点确认").get_by_role("row").filter(has_text="删除人脸")
        await expect(row).to_contain_text("张三丰")
        await expect(row).to_contain_text("东区")
        await row.click()
        await expect(page.get_by_role("heading", name="刷脸支付")).to_be_visible()
        await gateway.heartbeat(replicas=(await gateway.heartbeat()).replicas)
        await expect(sites).to_contain_text("已删除，站点已确认")
        assert world.errors == []


@pytest.mark.capability("PLT-01")
async def test_files_are_taken_with_a_word_on_each_that_will_not_do(postgres: PostgresServer, tmp_path: Path) -> None:
    dark = tmp_path / "dark.jpg"
    cv2.imwrite(str(dark), (photo(OBAMA[0]) * 0.12).astype(np.uint8))
    good = [str(require_samples() / "faces" / name) for name in OBAMA]
    async with console_at(postgres, tmp_path) as world:
        page = await open_face(world, size=PHONE)
        await take_consent(page)
        await page.get_by_role("button", name="登记人脸").click()
        panel = page.get_by_role("dialog", name="登记人脸")
        await expect(panel.get_by_text("没有找到摄像头")).to_be_visible()
        await panel.get_by_role("tab", name="选择照片").click()
        await panel.locator("input[type=file]").set_input_files([str(dark), *good[:2]])
        await expect(panel.get_by_text("光线太暗")).to_be_visible()
        await expect(panel.get_by_text("合格", exact=True)).to_have_count(2)
        await expect(panel.get_by_role("button", name="登记 2 张照片")).to_be_disabled()
        await panel.get_by_role("button", name="删除第 1 张").click()
        await panel.locator("input[type=file]").set_input_files([good[2]])
        await panel.get_by_role("button", name="登记 3 张照片").click()
        await expect(page.get_by_text("已登记", exact=True)).to_be_visible()
        await expect(page.get_by_text("照片文件")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert world.errors == []

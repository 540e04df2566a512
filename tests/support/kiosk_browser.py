"""Kiosk screens in a real browser over a running station."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from playwright.async_api import Page, async_playwright

from edge.core.supervisor import Supervisor
from edge.drivers.base import AnyDriver
from edge.stations.canteen.station import Station
from edge.stations.site import LaneSettings
from tests.support.cameras import HandCamera
from tests.support.canteen import Hand, HandCard, HandDoor, HandPrinter, HandReader, HandScale, HandScanner, canteen_at

_PATIENCE_MS = 6_000
PORTRAIT = {"width": 1080, "height": 1920}
LANDSCAPE = {"width": 1280, "height": 800}
KINDS = {"A1": "plate", "A2": "plate", "B1": "weigh", "C1": "pos", "D1": "gate"}


def hands(kind: str) -> dict[str, Any]:
    """Devices of a lane, played by hand."""
    found: dict[str, Hand | HandCamera] = {"card": HandCard("card"), "scanner": HandScanner("scanner")}
    match kind:
        case "plate":
            found |= {"reader": HandReader("reader"), "printer": HandPrinter("printer")}
        case "weigh":
            found["scale"] = HandScale("scale")
        case "pos":
            found["printer"] = HandPrinter("printer")
        case "gate":
            found["door"] = HandDoor("door")
        case "vision":
            found |= {"camera": HandCamera("camera"), "face": HandCamera("face", "face")}
    return found


@dataclass
class KioskWorld:
    """A station at work, its devices by lane and name, and pages of its screens."""

    station: Station
    address: str
    devices: Mapping[str, Mapping[str, Any]]
    supervisor: Supervisor
    browser: Any
    errors: list[str] = field(default_factory=list)
    screens: asyncio.Task[None] | None = None

    async def stop_screens(self) -> None:
        """The gateway's screens are not served any more."""
        tasks = [self.supervisor._tasks.pop("kiosk", None), self.screens]
        for task in tasks:
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    def start_screens(self) -> None:
        """They are again."""
        self.screens = asyncio.create_task(self.station.kiosk.run())

    async def page(self, lane: str, side: str, *, size: Mapping[str, int] = LANDSCAPE, query: str = "") -> Page:
        """A screen of a lane; anything the page itself complains of is kept in `errors`."""
        page: Page = await self.browser.new_page(viewport=dict(size))
        page.set_default_timeout(_PATIENCE_MS)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        await page.goto(f"{self.address}/lanes/{lane}/{side}{query}")
        return page


@asynccontextmanager
async def kiosk_at(
    folder: Path, lanes: Iterable[str] = ("A1",), *, kinds: Mapping[str, str] = KINDS, **options: Any
) -> AsyncIterator[KioskWorld]:
    """Run the lanes with devices by hand, and a browser."""
    lanes = tuple(lanes)
    devices: dict[str, dict[str, AnyDriver]] = {code: hands(kinds[code]) for code in lanes}
    async with AsyncExitStack() as stack:
        settings = [LaneSettings(code, kinds[code]) for code in lanes]
        station = await stack.enter_async_context(canteen_at(folder, lanes=settings, **options))
        for code, runner in station.runners.items():
            runner.make_devices = devices[code].copy
        supervisor = Supervisor(station.services(), Random(1))
        supervisor.start()
        stack.push_async_callback(supervisor.stop)
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        )
        stack.push_async_callback(browser.close)
        address = f"http://127.0.0.1:{await station.kiosk.port()}"
        world = KioskWorld(station, address, devices, supervisor, browser)
        try:
            yield world
        finally:
            await world.stop_screens()


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def scrolls(page: Page) -> bool:
    """Whether anything on the page is larger than its screen."""
    found: bool = await page.evaluate(
        "document.documentElement.scrollHeight > innerHeight || document.documentElement.scrollWidth > innerWidth"
    )
    return found

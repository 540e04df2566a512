"""One site of the campus: its gateway, the gateway's devices, its road to the cloud and the people at its lanes."""

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import aiohttp

from firmware_sim.bench import read_specs
from firmware_sim.core.control import ControlClient
from firmware_sim.proxy import Proxy
from firmware_sim.world.diners import LaneDesk, PlatePool
from firmware_sim.world.facts import GatewayFacts, LaneFacts, OperatorFacts
from firmware_sim.world.files import device_specs, edge_toml, write
from firmware_sim.world.processes import Child, StartFailed
from firmware_sim.world.regular import Regular
from firmware_sim.world.screens import Screen
from firmware_sim.world.tally import Tally

_START_TIMEOUT_S = 60


class SimulatedSite:
    """Starts, watches, cuts off and kills one gateway. Diners come to `desks`."""

    def __init__(
        self,
        facts: GatewayFacts,
        lanes: list[LaneFacts],
        *,
        folder: Path,
        proxy: Proxy,
        kiosk_port: int,
        seed: int,
        faults: str = "",
        sections: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.facts = facts
        self.lanes = lanes
        self.folder = folder
        self.proxy = proxy
        self.kiosk_port = kiosk_port
        folder.mkdir(parents=True, exist_ok=True)
        self.tally = Tally(paper=folder / "told.jsonl")
        self.desks: list[LaneDesk] = []
        self.kills = 0
        self._seed = seed
        self._faults = faults
        self._sections = sections or {}
        self._settings = folder / "edge.toml"
        self._tasks: list[asyncio.Task[None]] = []
        self._urls: dict[str, str] = {}
        self._controls: dict[str, ControlClient] = {}
        python = [sys.executable, "-m"]
        specs = folder / "devices.json"
        self.gateway = Child(
            f"gateway {facts.name}",
            [*python, "edge", "run", "--config", str(self._settings)],
            folder / "gateway.log",
        )
        self.devices = Child(
            f"devices of {facts.name}",
            [*python, "firmware_sim", "bench", "--config", str(specs)],
            folder / "devices.log",
        )

    @property
    def address(self) -> str:
        """Where its screens are."""
        return f"http://127.0.0.1:{self.kiosk_port}"

    async def start_devices(self) -> None:
        """Put its devices on their wires."""
        specs = device_specs(self.lanes, seed=self._seed, faults=self._faults)
        path = self.folder / "devices.json"
        write(
            path,
            json.dumps(
                [
                    {"device": s.device, "name": s.name, "seed": s.seed, "options": s.options, "faults": s.faults}
                    for s in specs
                ]
            ),
        )
        count = len(read_specs(path))
        await self.devices.start()
        await self.devices.wait_until(lambda: len(self.devices.told) >= count, timeout_s=_START_TIMEOUT_S)
        self._urls = {line["name"]: line["url"] for line in self.devices.told}
        self._controls = {line["name"]: ControlClient(line["control_port"]) for line in self.devices.told}

    async def start_gateway(self, session: aiohttp.ClientSession, *, wait: bool = True) -> None:
        """Start (again) what a power cut ended; with `wait`, until it answers."""
        broker = ("127.0.0.1", self.proxy.broker_port) if self.proxy.broker_port else None
        text = edge_toml(
            name=self.facts.name,
            cloud_url=f"https://127.0.0.1:{self.proxy.port}",
            ca_file=self.proxy.authority.certificate,
            code=self.facts.provisioning_code,
            folder=self.folder / "store",
            broker=broker,
            kiosk_port=self.kiosk_port,
            lanes=self.lanes,
            urls=self._urls,
            sections=self._sections,
        )
        write(self._settings, text)
        await self.gateway.start()
        if wait:
            await self.gateway.wait_until(lambda: self._answers(session), timeout_s=_START_TIMEOUT_S)

    def open_lanes(
        self, session: aiohttp.ClientSession, operators: list[OperatorFacts], plates: list[str], *, random: Random
    ) -> None:
        """Put people before the screens and behind the counters."""
        operator = next((one for one in operators if one.site_id == self.facts.site_id), None)
        if operator is None:
            raise StartFailed(f"nobody may operate the lanes of site {self.facts.site_id}")
        readers = [lane for lane in self.lanes if lane.kind == "plate"]
        for lane in self.lanes:
            mine = plates[readers.index(lane) :: len(readers)] if lane in readers else []
            desk = LaneDesk(
                code=lane.code,
                kind=lane.kind,
                screen=Screen(self.address, lane.code, "diner", self.tally),
                operator=Screen(self.address, lane.code, "operator", self.tally),
                operator_card=operator.card,
                operator_pin=operator.pin,
                devices={
                    name.removeprefix(f"{lane.code} "): control
                    for name, control in self._controls.items()
                    if name.startswith(f"{lane.code} ")
                },
                tally=self.tally,
                random=Random(random.random()),
                plates=PlatePool(mine, Random(random.random())),
                regular=Regular(self._controls[f"{lane.code} face"]) if lane.face_camera else None,
            )
            self.desks.append(desk)
            for work in (desk.screen.run(session), desk.operator.run(session), desk.run()):
                self._tasks.append(asyncio.create_task(work, name=f"lane {lane.code}"))

    async def kill(self) -> None:
        """Pull the gateway's plug."""
        self.kills += 1
        await self.gateway.kill()

    async def health(self, session: aiohttp.ClientSession) -> dict[str, Any]:
        """How the gateway stands: from itself, or from its disk while it is down."""
        try:
            async with session.get(f"{self.address}/health", timeout=aiohttp.ClientTimeout(total=2)) as answer:
                told: dict[str, Any] = await answer.json()
                return told
        except (aiohttp.ClientError, OSError, TimeoutError):
            return await self._from_disk()

    async def stop(self) -> None:
        """People leave, the gateway ends, its devices after it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.gateway.stop()
        for control in self._controls.values():
            await control.close()
        await self.devices.stop()
        await self.proxy.stop()

    async def _answers(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(f"{self.address}/health", timeout=aiohttp.ClientTimeout(total=2)) as answer:
                return answer.status == 200  # noqa: PLR2004  the standard's own number
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False

    async def _from_disk(self) -> dict[str, Any]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "edge",
            "status",
            "--json",
            "--config",
            str(self._settings),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        out, _ = await process.communicate()
        try:
            told: dict[str, Any] = json.loads(out)
        except ValueError:
            return {}
        return told

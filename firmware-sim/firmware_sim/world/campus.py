"""The campus as a whole: starts its parts in order, lets diners come, and does to it what the faults of a day do."""

import asyncio
import json
import secrets
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import msgspec

from firmware_sim.proxy import Proxy, Weather
from firmware_sim.world.certificates import Authority
from firmware_sim.world.control import ControlDesk
from firmware_sim.world.diners import Diner, LaneDesk
from firmware_sim.world.facts import LaneFacts, WorldFacts, read_world
from firmware_sim.world.files import free_port, write
from firmware_sim.world.gateway import SimulatedSite
from firmware_sim.world.lunch import Arrival, endless
from firmware_sim.world.processes import Child, StartFailed
from firmware_sim.world.progress import Progress

_START_TIMEOUT_S = 120
_SEED_TIMEOUT_S = 180
_VISITORS = 0.05
_TASTES = (("plate", 0.5), ("gate", 0.2), ("pos", 0.15), ("weigh", 0.15))
_LUNCH_HOUR = 11


@dataclass(frozen=True)
class CampusOptions:
    """How large, how fast, from which seed. `sections` are settings for every gateway.

    With `cameras` the second plate lane sees its plates, and the first one also sees who pays.
    """

    folder: Path
    people: int = 2_000
    speed: float = 6.0
    seed: int = 42
    faults: str = ""
    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    cameras: bool = False


@dataclass
class _Kept:
    """What is the same at the next start: ports, and the time zone in which the first start was at lunch."""

    time_zone: str
    ports: dict[str, int] = field(default_factory=dict)


class Campus:
    """`start`, `open_doors`, then `act` at will, then `stop`."""

    def __init__(self, options: CampusOptions, progress: Progress) -> None:
        self.options = options
        self.sites: list[SimulatedSite] = []
        self.password = ""
        self.user = ""
        self.console = ""
        self.https = ""
        self._progress = progress
        self._random = Random(options.seed)
        self._session: aiohttp.ClientSession | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._kept = self._read_kept()
        self.control = ControlDesk(self, port=self._port("control"), token=secrets.token_urlsafe(24))
        python = [sys.executable, "-m", "cloud"]
        config = ["--config", str(options.folder / "cloud.toml")]
        self.world_file = options.folder / "campus" / "world.json"
        log = options.folder / "cloud.log"
        self.cloud = Child("cloud core", [*python, "serve", *config], log)
        seed = ["seed", "--people", str(options.people), "--seed", str(options.seed)]
        seed += ["--time-zone", self._kept.time_zone, "--world", str(self.world_file)]
        self._seeding = Child("sample organisation", [*python, *seed, *config], log)

    @property
    def session(self) -> aiohttp.ClientSession:
        """The HTTP client of the campus's people."""
        if self._session is None:
            self._session = aiohttp.ClientSession()
        return self._session

    async def start(self) -> None:
        """All parts, in order; raises StartFailed with the log's tail."""
        self._write_cloud_settings()
        if not self.world_file.exists():
            with self._progress.step("示例单位、人员、餐具 / sample organisation, people, plates"):
                await self._seed()
        world = read_world(self.world_file)
        with self._progress.step("云端核心与数据库 / cloud core and database"):
            await self.start_cloud()
        with self._progress.step("网络 / network"):
            await self.control.start()
            self._make_sites(world)
            for site in self.sites:
                await site.proxy.start()
        with self._progress.step("模拟设备 / simulated devices"):
            await asyncio.gather(*(site.start_devices() for site in self.sites))
        with self._progress.step("食堂网关 / canteen gateways"):
            await asyncio.gather(*(site.start_gateway(self.session) for site in self.sites))
        with self._progress.step("额度到达结算台 / rights reach the lanes"):
            self._seat(world)
            await asyncio.gather(*(self._wait_for_lanes(site) for site in self.sites))
        self._keep()

    def open_doors(self) -> None:
        """Let diners come, lunch after lunch."""
        self._tasks.append(asyncio.create_task(self._come_and_go(), name="diners"))

    def join_queue(self, arrival: Arrival, diners: Mapping[int, Diner]) -> None:
        """One diner joins the shortest queue of the kind they fancy; where all are full they turn away."""
        diner = diners[arrival.person]
        kind = _taste(arrival.taste)
        away = self._random.random() < _VISITORS
        desks = [desk for site in self.sites if (site.facts.site_id == diner.home_site) != away for desk in site.desks]
        wanted = [desk for desk in desks if desk.kind == kind or (kind, desk.kind) == ("plate", "vision")] or desks
        if wanted:
            desk = min(wanted, key=lambda one: (one.queue.qsize(), one.served))
            if not desk.queue.full():
                desk.queue.put_nowait(diner)

    def site(self, name: str) -> SimulatedSite:
        """The site of that name; KeyError."""
        return {site.facts.name: site for site in self.sites}[name]

    async def act(self, action: str, gateway: str) -> None:
        """What the buttons of "pull the plug" do; KeyError for an unknown gateway, ValueError for an unknown action."""
        for site in self.sites if gateway in {"", "*"} else [self.site(gateway)]:
            proxy = site.proxy
            match action:
                case "cut":
                    proxy.set(replace(proxy.weather, cut=True))
                case "heal":
                    proxy.set(Weather())
                case "lose_answers":
                    proxy.set(replace(proxy.weather, lose_answers=0.5))
                case "keep_answers":
                    proxy.set(replace(proxy.weather, lose_answers=0.0))
                case "double":
                    proxy.set(replace(proxy.weather, double=1.0))
                case "delay":
                    proxy.set(replace(proxy.weather, delay_s=1.0))
                case "kill":
                    self._tasks.append(asyncio.create_task(self._power_cut(site)))
                case _:
                    raise ValueError(f"{action} is no action of the campus")

    async def state(self) -> dict[str, Any]:
        """What people were told and what waits, gateway by gateway."""
        healths = await asyncio.gather(*(site.health(self.session) for site in self.sites))
        gateways = [
            {
                "name": site.facts.name,
                "site_id": site.facts.site_id,
                "alive": site.gateway.alive,
                "network": site.proxy.weather.word,
                "waiting": health.get("waiting", 0),
                "waiting_fen": health.get("waiting_fen", 0),
                "told_fen": site.tally.told_fen,
                "unshown_fen": sum(site.tally.unshown.values()),
                "sum_fen": health.get("sum_fen", 0),
                "kills": site.kills,
                "settlements": len(site.tally.told),
                "queues": {desk.code: desk.queue.qsize() for desk in site.desks},
                "counts": asdict(site.proxy.counts),
            }
            for site, health in zip(self.sites, healths, strict=True)
        ]
        return {"speed": self.options.speed, "gateways": gateways}

    def welcome(self) -> str:
        """What a stranger needs to know now."""
        lines = ["", "后勤管家正在营业 / Quartermaster is open", f"  控制台 console        {self.console}"]
        if self.password:
            lines += [f"  用户 user             {self.user}", f"  一次性密码 password   {self.password}"]
        else:
            lines.append("  用户与密码同首次启动 / sign in as at the first start (FRESH=1 starts over)")
        for site in self.sites:
            codes = " ".join(desk.code for desk in site.desks)
            lines.append(f"  {site.facts.name} 屏幕 screens   {site.address}/   ({codes})")
        return "\n".join([*lines, "", "Ctrl-C 停止全部 / stops everything"])

    async def stop(self) -> None:
        """End everything, those that write last."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(site.stop() for site in self.sites))
        await self.control.stop()
        await self._seeding.stop()
        await self.cloud.stop(timeout_s=40)
        if self._session is not None:
            await self._session.close()

    async def _power_cut(self, site: SimulatedSite) -> None:
        await site.kill()
        await asyncio.sleep(1.0)
        await site.start_gateway(self.session)

    async def _seed(self) -> None:
        self.world_file.parent.mkdir(parents=True, exist_ok=True)
        await self._seeding.start()
        process = self._seeding.process
        if process is None:
            raise StartFailed("the sample organisation was not made")
        try:
            status = await asyncio.wait_for(process.wait(), _SEED_TIMEOUT_S)
        except TimeoutError:
            status = -1
        if status != 0:
            raise StartFailed(f"the sample organisation was not made ({status}):\n{self._seeding.log_tail()}")
        self._note_administrator(self._seeding)

    async def start_cloud(self) -> None:
        """Start the core (again), at the address it had before."""
        await self.cloud.start()
        await self.cloud.wait_until(lambda: self.cloud.fact("ready") is not None, timeout_s=_START_TIMEOUT_S)
        ready = self.cloud.fact("ready") or {}
        self.https, self.console = ready["https"], ready["console"] or ready["https"]
        self._broker = _address(str(ready.get("broker", "")))
        self._authority_file = Path(ready["authority_file"])
        self._note_administrator(self.cloud)

    def _note_administrator(self, child: Child) -> None:
        first = child.fact("first_administrator")
        if first is not None:
            self.user = str(first.get("username", ""))
            self.password = str(first.get("password", ""))

    def _make_sites(self, world: WorldFacts) -> None:
        authority = Authority.open(self.options.folder / "campus")
        lanes = with_cameras(world.lanes) if self.options.cameras else world.lanes
        for number, facts in enumerate(world.gateways):
            proxy = Proxy(
                upstream=self.https,
                upstream_ca=self._authority_file,
                authority=authority,
                broker=self._broker,
                seed=self.options.seed + number,
                port=self._port(f"network {facts.name}"),
            )
            self.sites.append(
                SimulatedSite(
                    facts,
                    [lane for lane in lanes if lane.site_id == facts.site_id],
                    folder=self.options.folder / "gateways" / facts.name,
                    proxy=proxy,
                    kiosk_port=self._port(f"kiosk {facts.name}"),
                    seed=self.options.seed + 100 * number,
                    faults=self.options.faults,
                    sections={
                        "recognition": {"networks": str(self._networks)},
                        **self.options.sections,
                    },
                )
            )

    def _seat(self, world: WorldFacts) -> None:
        self.diners = {
            one.id: Diner(one.id, one.home_site, one.card, one.static_code, one.phone, one.pin)
            for one in world.people
            if one.card
        }
        for site in self.sites:
            plates = [plate.uid for plate in world.plates if plate.site_id == site.facts.site_id]
            site.open_lanes(self.session, world.operators, plates, random=self._random)

    async def _wait_for_lanes(self, site: SimulatedSite) -> None:
        for desk in site.desks:
            if not await desk.screen.until(_serves, timeout_s=_START_TIMEOUT_S):
                shown = json.dumps(desk.screen.state, ensure_ascii=False)[:500]
                raise StartFailed(f"lane {desk.code} does not open; its screen: {shown}\n{site.gateway.log_tail()}")
        before, now = -1, 0
        for _ in range(_START_TIMEOUT_S):
            await asyncio.sleep(1.0)
            before, now = now, int((await site.health(self.session)).get("lease_n", 0))
            if now and now == before:
                return
        raise StartFailed(f"no rights reached {site.facts.name}; its log ends:\n{site.gateway.log_tail()}")

    async def _come_and_go(self) -> None:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        for arrival in endless(list(self.diners), random=self._random, speed=self.options.speed):
            await asyncio.sleep(max(0.0, began_s + arrival.at_s - loop.time()))
            self.join_queue(arrival, self.diners)

    def desks(self) -> list[LaneDesk]:
        """All lanes."""
        return [desk for site in self.sites for desk in site.desks]

    def _write_cloud_settings(self) -> None:
        folder = self.options.folder
        token = folder / "campus" / "control.token"
        write(token, self.control.token)
        text = (
            f"state_directory = {json.dumps(str(folder / 'cloud'))}\n\n[server]\ndemo = true\n"
            f"port = {self._port('https')}\nconsole_port = {self._port('console')}\n"
            f"campus_url = {json.dumps(self.control.address)}\ncampus_token_file = {json.dumps(str(token))}\n"
        )
        text += f"\n[broker]\nport = {self._port('broker')}\n"
        text += f"\n[recognition]\nnetworks = {json.dumps(str(self._networks))}\n"
        write(folder / "cloud.toml", text)

    @property
    def _networks(self) -> Path:
        """Where `python -m models fetch` puts them, if it can."""
        return self.options.folder / "models"

    def _port(self, name: str) -> int:
        port = free_port(self._kept.ports.get(name, 0))
        self._kept.ports[name] = port
        return port

    def _read_kept(self) -> _Kept:
        try:
            return _Kept(**json.loads((self.options.folder / "campus" / "kept.json").read_text()))
        except (OSError, ValueError, TypeError):
            return _Kept(time_zone=_zone_at_lunch(datetime.now(UTC)))

    def _keep(self) -> None:
        write(self.options.folder / "campus" / "kept.json", json.dumps(asdict(self._kept)))


def with_cameras(lanes: list[LaneFacts]) -> list[LaneFacts]:
    """The same lanes: the first plate lane of all with a camera for faces, the second one with one for trays."""
    plates = [lane.id for lane in lanes if lane.kind == "plate"][:2]
    found = []
    for lane in lanes:
        place = plates.index(lane.id) if lane.id in plates else -1
        found.append(msgspec.structs.replace(lane, face_camera=place == 0, kind="vision" if place == 1 else lane.kind))
    return found


def _zone_at_lunch(now: datetime) -> str:
    """A time zone in which it is a little past eleven now, so that the first start meets a lunch."""
    ahead = (_LUNCH_HOUR - now.hour + 12) % 24 - 12
    return "Etc/GMT" if ahead == 0 else f"Etc/GMT{-ahead:+d}"


def _taste(draw: float) -> str:
    for kind, share in _TASTES:
        if draw < share:
            return kind
        draw -= share
    return _TASTES[0][0]


def _serves(state: Mapping[str, Any]) -> bool:
    return state.get("phase") in {"idle", "reading", "bill", "paid", "refused"}


def _address(text: str) -> tuple[str, int] | None:
    host, _, port = text.rpartition(":")
    return (host, int(port)) if host and port.isdigit() else None

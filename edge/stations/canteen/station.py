"""Builds the canteen for the supervisor: the kiosk and one service a lane."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

from edge.core.log import logger
from edge.core.supervisor import Service
from edge.drivers.base import AnyDriver, DriverContext
from edge.drivers.registry import make_driver
from edge.kiosk.server import Act, Kiosk
from edge.stations.canteen import screen
from edge.stations.canteen.acts import Acts
from edge.stations.canteen.cash import Cash
from edge.stations.canteen.catalogue import Catalogue
from edge.stations.canteen.checkout import Checkout, tidy
from edge.stations.canteen.closing import Closing
from edge.stations.canteen.desk import Desk
from edge.stations.canteen.eyes import Eyes
from edge.stations.canteen.faces import Faces
from edge.stations.canteen.gate_shell import GateShell
from edge.stations.canteen.history import History
from edge.stations.canteen.identify import Identifier
from edge.stations.canteen.operators import Operators
from edge.stations.canteen.plate_shell import PlateShell
from edge.stations.canteen.plates import PaidPlates
from edge.stations.canteen.portions import Portions
from edge.stations.canteen.pos_shell import PosShell
from edge.stations.canteen.refunds import Refunds
from edge.stations.canteen.seeing import Looking
from edge.stations.canteen.shell import KINDS, LaneShell
from edge.stations.canteen.tables import CANTEEN_SCHEMA
from edge.stations.canteen.texts import denial
from edge.stations.canteen.trays import Trays
from edge.stations.canteen.vision_shell import VisionShell
from edge.stations.canteen.weigh_shell import WeighShell
from edge.stations.site import LaneSettings, Site
from edge.transports.base import Transport
from edge.transports.opening import open_transport
from protocols.canteen.reference import Lane

SCHEMA: Final = CANTEEN_SCHEMA
SHELLS: Final[Mapping[str, Callable[[Desk, Lane, Mapping[str, AnyDriver], str], LaneShell]]] = {
    "plate": PlateShell,
    "weigh": WeighShell,
    "pos": PosShell,
    "gate": GateShell,
    "vision": VisionShell,
}
_RECORDED_AS: Final = {"vision": "plate"}  # for the cloud, its rules and its prices, a camera reads plates too
_LOOK_EVERY_S: Final = 1.0
_TIDY_EVERY_S: Final = 900.0

_log = logger("canteen.station")

Opener = Callable[[str], Transport]


def build_station(site: Site, *, opener: Opener = open_transport) -> list[Service]:
    """The kiosk and the lanes of the settings, ready to run."""
    return Station(site, opener=opener).services()


class Station:
    """One canteen gateway. `runners` by lane code, for tests and health."""

    def __init__(self, site: Site, *, opener: Opener = open_transport) -> None:
        self.site = site
        settings = site.settings.kiosk
        self.kiosk = Kiosk(host=settings.host, port=settings.port, health=self.health, language=settings.language)
        self.desk = build_desk(site, self.kiosk)
        self.desk.history.load_plates(self.desk.plates, now_ms=self.desk.now_ms())
        self.runners = {lane.code: LaneRunner(self.desk, lane, opener) for lane in site.settings.lane}
        site.link.lanes = self.lane_states
        site.link.on_change(lambda _state: self._show())
        site.replica.on_change(self._replica_changed)

    def services(self) -> list[Service]:
        """For the supervisor, in the order to start them."""
        lanes = [Service(f"lane {code}", runner.run) for code, runner in self.runners.items()]
        faces = Service("faces", self.desk.faces.run)
        return [Service("kiosk", self.kiosk.run), faces, *lanes, Service("canteen tidying", self._tidy)]

    def health(self) -> dict[str, Any]:
        """The same object as `python -m edge status --json`, with lanes and link."""
        stands = self.site.journal.committed()
        identity = self.site.identity
        return {
            "device": identity.device,
            "epoch": identity.epoch,
            "head_seq": stands.seq,
            "applied_through": stands.applied_through,
            "sum_fen": stands.sum_fen,
            "waiting_fen": stands.waiting_fen,
            "waiting": stands.waiting,
            "lease_n": self.site.leases.n,
            "link": self.desk.link(),
            "lanes": [runner.health() for runner in self.runners.values()],
            "alerts": dict(self.desk.alerts),
        }

    def lane_states(self) -> tuple[tuple[int, str, int], ...]:
        """Lane id, state word and people waiting, for the heartbeat."""
        shells = [runner.shell for runner in self.runners.values() if runner.shell is not None]
        return tuple((shell.lane.id, str(shell.state.phase), shell.waiting) for shell in shells)

    async def _tidy(self) -> None:
        """Now and then drop what is not needed any more, riding along with a lane's commit."""
        while True:
            await asyncio.sleep(_TIDY_EVERY_S)
            await self.site.writer.submit_lazily(partial(tidy, self.desk.now_ms()))

    def _show(self) -> None:
        for runner in self.runners.values():
            runner.show()

    def _replica_changed(self, collection: str) -> None:
        if collection == "lanes":
            for runner in self.runners.values():
                runner.renew()
        elif collection == "faces":
            self.desk.faces.changed()
        self._show()


class LaneRunner:
    """Runs one lane of the settings: waits for its record, gives it its devices, starts it anew after a fault."""

    def __init__(self, desk: Desk, settings: LaneSettings, opener: Opener) -> None:
        self._desk = desk
        self._settings = settings
        self._opener = opener
        self._starts = 0
        self.make_devices: Callable[[], dict[str, AnyDriver]] = self._drivers
        self.shell: LaneShell | None = None
        self._acts: Acts | None = None
        desk.kiosk.on_action(settings.code, self._handle)

    async def run(self) -> None:
        """Work until cancelled."""
        self.show()
        lane = await self._record()
        drivers = self.make_devices()
        self._starts += 1
        identity, boot = self._desk.site.identity, self._desk.site.journal.boot
        prefix = f"{identity.device}.{identity.epoch}.{lane.id}.{boot}.{self._starts}"
        try:
            self.shell = SHELLS[self._settings.kind](self._desk, lane, drivers, prefix)
            self._acts = Acts(self.shell)
            await self.shell.run()
        finally:
            self.shell = self._acts = None
            self.show()
            for driver in drivers.values():
                await driver.close()

    def show(self) -> None:
        """Publish what the lane shows now."""
        if self.shell is not None:
            self.shell.show()
            return
        state = screen.waiting_state(self._settings.code, self._settings.kind, self._desk.link())
        told = {**state, "clock_ms": self._desk.now_ms()}
        self._desk.kiosk.publish(self._settings.code, told)
        self._desk.kiosk.publish(self._settings.code, told, side="operator")

    def renew(self) -> None:
        """The lane's record may have changed: take its new name, canteen or stall from the next bill on."""
        lane = self._find()
        if self.shell is not None and lane is not None and lane.kind == self.shell.lane.kind:
            self.shell.lane = lane

    def health(self) -> dict[str, Any]:
        """How the lane is."""
        phase = str(self.shell.state.phase) if self.shell is not None else "down"
        lane = self.shell.lane.id if self.shell is not None else 0
        return {"code": self._settings.code, "lane": lane, "kind": self._settings.kind, "phase": phase}

    async def _handle(self, act: Act) -> dict[str, Any]:
        if self._acts is None:
            return denial("unknown_act")
        return await self._acts.handle(act)

    async def _record(self) -> Lane:
        while True:
            lane = self._find()
            if lane is not None:
                return lane
            await asyncio.sleep(_LOOK_EVERY_S)

    def _find(self) -> Lane | None:
        for lane in self._desk.catalogue.lanes(self._desk.now_ms()):
            if lane.code == self._settings.code:
                if KINDS.get(lane.kind) == _RECORDED_AS.get(self._settings.kind, self._settings.kind):
                    return lane
                _log.warning("lane %s is of another kind in the console than in the settings", lane.code)
        return None

    def _drivers(self) -> dict[str, AnyDriver]:
        clock = self._desk.site.time
        made: dict[str, AnyDriver] = {}
        for device in self._settings.device:
            name = f"{self._settings.code} {device.name}"
            context = DriverContext(
                name=name,
                monotonic_s=lambda: clock.monotonic_ms() / 1000,
                sleep=asyncio.sleep,
                random=Random(),  # noqa: S311  jitter of reconnects, no secret
                log=logger(f"device.{name}"),
                open_transport=self._opener,
            )
            made[device.name] = make_driver(device.driver, {"url": device.url, **device.options}, context)
        return made


def build_desk(site: Site, kiosk: Kiosk) -> Desk:
    """The services all lanes share."""
    catalogue = Catalogue(site.replica, zone=site.zone)
    plates = PaidPlates()
    trays = Trays(site.reader, site.journal, now_ms=site.time.now_ms())
    now = site.journal.now
    identity = site.identity
    recognition = site.settings.recognition
    networks, looking = Path(recognition.networks), Looking()
    identifier = Identifier(
        catalogue,
        site.writer,
        site.reader,
        now=now,
        site=identity.site,
        site_key=lambda: identity.site_key,
        face_cap_fen=recognition.face_cap_fen,
    )
    return Desk(
        site=site,
        kiosk=kiosk,
        catalogue=catalogue,
        identifier=identifier,
        checkout=Checkout(
            site=identity.site,
            catalogue=catalogue,
            journal=site.journal,
            leases=site.leases,
            link=site.link,
            reader=site.reader,
            plates=plates,
            trays=trays,
        ),
        refunds=Refunds(catalogue=catalogue, journal=site.journal, leases=site.leases, plates=plates),
        cash=Cash(catalogue=catalogue, journal=site.journal, leases=site.leases),
        closing=Closing(catalogue=catalogue, journal=site.journal),
        history=History(site.reader),
        operators=Operators(catalogue, identifier, now=now, site_key=lambda: identity.site_key),
        plates=plates,
        trays=trays,
        looking=looking,
        portions=Portions(site.writer.path.parent / "dishes" / "portions.json"),
        eyes=Eyes(networks, site.writer.path.parent / "dishes", now_ms=site.time.now_ms),
        faces=_faces(site, catalogue, looking),
    )


def _faces(site: Site, catalogue: Catalogue, looking: Looking) -> Faces:
    recognition = site.settings.recognition
    return Faces(
        looking,
        Path(recognition.networks),
        lambda: catalogue.faces(site.time.now_ms()),
        cap_fen=recognition.face_cap_fen,
        needs_motion=recognition.face_needs_motion,
    )

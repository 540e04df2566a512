"""A gateway put together: stores, identity, journal, leases, replica, spool, link; and the services that run it."""

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random, SystemRandom
from zoneinfo import ZoneInfo

from edge.core.clock import SiteTime, SystemClock
from edge.core.errors import Rejected, Unreachable
from edge.core.log import logger
from edge.core.supervisor import Service
from edge.journal.identity import IDENTITY_SCHEMA, DeviceSecrets, Identity, load_identity
from edge.journal.journal import Journal
from edge.journal.tables import JOURNAL_SCHEMA
from edge.leases.book import LeaseBook
from edge.leases.tables import LEASES_SCHEMA
from edge.replica.replica import Replica
from edge.replica.tables import REPLICA_SCHEMA
from edge.spool.spool import SPOOL_SCHEMA, Spool, SpoolBounds
from edge.stations.site import Site, SiteSettings
from edge.store.connection import Reader
from edge.store.schema import Schema
from edge.store.writer import StoreOptions, Writer
from edge.sync.api import Api, CloudApi
from edge.sync.backoff import Backoff
from edge.sync.broker import BrokerLink
from edge.sync.client import SyncClient, SyncParts
from edge.sync.commands import COMMANDS_SCHEMA, Arguments, Commands, Done
from edge.sync.declaration import DECLARATION_SCHEMA
from edge.sync.link import Link
from edge.sync.session import provision
from edge.sync.settings import BrokerSettings, ClockSettings, CloudSettings, SpoolSettings, StoreSettings, SyncSettings
from edge.sync.signer import Signer
from protocols.values.instants import Clock

CORE_SCHEMAS = (IDENTITY_SCHEMA, JOURNAL_SCHEMA, LEASES_SCHEMA, COMMANDS_SCHEMA, DECLARATION_SCHEMA)

_POLLS_A_LOOK = 4  # of the uploader, to one of the checkpoints

_log = logger("gateway")


@dataclass(frozen=True)
class GatewaySettings:
    """The sections a gateway is built from."""

    cloud: CloudSettings
    sync: SyncSettings
    store: StoreSettings
    broker: BrokerSettings
    spool: SpoolSettings
    clock: ClockSettings
    site: SiteSettings

    def with_code(self, code: str) -> "GatewaySettings":
        """The same with another one-time code."""
        return replace(self, cloud=replace(self.cloud, provisioning_code=code))


@dataclass(frozen=True)
class Outside:
    """What a gateway has beyond its own machine: the way to the cloud, and chance (for the jitter of waits)."""

    api: Api
    random: Random


def outside_of(settings: CloudSettings) -> Outside:
    """The real cloud and the system's chance."""
    return Outside(CloudApi(settings), SystemRandom())


class Stores:
    """The three files of a gateway, each with its writer, and readers for lanes and for sync apart."""

    def __init__(
        self,
        folder: Path,
        settings: StoreSettings,
        schemas: tuple[Schema, ...],
        *,
        vfs: str = "",
        base: StoreOptions | None = None,
    ) -> None:
        """Open all, or none: raises StoreLocked or StoreBroken. `base` says what the settings do not."""
        base = base or StoreOptions(vfs=vfs)
        options = replace(
            base,
            minimum_free_mb=settings.minimum_free_mb,
            reserve_mb=settings.reserve_mb,
            wal_soft_pages=settings.wal_soft_pages,
            wal_hard_pages=settings.wal_hard_pages,
        )
        aside = replace(base, minimum_free_mb=settings.minimum_free_mb, reserve_mb=0, lazy_wait_s=0.2)
        self._writers: list[Writer] = []
        self._readers: list[Reader] = []
        try:
            self.writer = self._open(folder / "journal.db", (*CORE_SCHEMAS, *schemas), options)
            self.replica_writer = self._open(folder / "replica.db", (REPLICA_SCHEMA,), aside)
            self.spool_writer = self._open(folder / "spool.db", (SPOOL_SCHEMA,), aside)
            self.reader = self.read(self.writer)
            self.sync_reader = self.read(self.writer)
            self.secrets = DeviceSecrets(folder / "device.key", base.files)
        except BaseException:
            self.close()
            raise

    def read(self, writer: Writer) -> Reader:
        """Another reader of a file, closed with the rest."""
        reader = Reader(writer.path, vfs=writer.options.vfs)
        self._readers.append(reader)
        return reader

    def close(self) -> None:
        """Finish what waits and release every file."""
        with ExitStack() as last:  # each is closed, whatever the others meet
            for reader in self._readers:
                last.callback(reader.close)
            for writer in self._writers:
                last.callback(writer.close)

    def _open(self, path: Path, schemas: tuple[Schema, ...], options: StoreOptions) -> Writer:
        writer = Writer(path, schemas, options)
        self._writers.append(writer)
        return writer


class Gateway:
    """Everything of one site, from an identity on. `services` run it; `close` after they have stopped."""

    def __init__(
        self,
        stores: Stores,
        identity: Identity,
        time: SiteTime,
        settings: GatewaySettings,
        *,
        software: str,
        outside: Outside | None = None,
    ) -> None:
        outside = outside or outside_of(settings.cloud)
        parts = _parts(stores, identity, time, settings, software=software)
        self.signer = parts.signer
        self.sync = SyncClient(parts, outside.api, settings.sync, outside.random, software=software)
        bounds = SpoolBounds(settings.spool.max_mb * 1024 * 1024, settings.spool.max_age_days)
        spool = Spool(stores.spool_writer, stores.read(stores.spool_writer), time, bounds)
        self.commands = Commands(parts.journal, stores.writer, stores.sync_reader, now_ms=time.now_ms)
        self.broker = BrokerLink(settings.broker, spool, self.commands, time, outside.random)
        self._register()
        self.site = Site(
            identity=identity,
            zone=ZoneInfo(identity.time_zone),
            writer=stores.writer,
            reader=stores.reader,
            journal=parts.journal,
            leases=parts.leases,
            replica=parts.replica,
            spool=spool,
            link=parts.link,
            time=time,
            settings=settings.site,
            commands=self.commands,
            enrol=self.sync.enrol,
        )

    def services(self) -> list[Service]:
        """What keeps the site in touch; the station's own services come on top."""
        identity = self.site.identity
        return [
            Service("checkpoints", self.signer.run),
            Service("broker", partial(self.broker.run, device=identity.device, epoch=identity.epoch)),
            Service("sync", self.sync.run, stop_budget_s=3.0),
        ]

    def close(self) -> None:
        """End the signer's thread."""
        self.signer.close()

    def _register(self) -> None:
        self.commands.register("ping", _pong)
        self.commands.register("sync", self._sync_now)
        self.commands.register("rotate-key", self._rotate)

    async def _sync_now(self, _arguments: Arguments) -> Done:
        self.sync.nudge()
        return Done()

    async def _rotate(self, _arguments: Arguments) -> Done:
        return Done(text=f"key {await self.signer.rotate()}")


def _parts(
    stores: Stores, identity: Identity, time: SiteTime, settings: GatewaySettings, *, software: str
) -> SyncParts:
    """The journal and what stands on it; opening the journal appends this boot's incarnation."""
    journal = Journal(stores.writer, stores.reader, identity, time, software=software)
    leases = LeaseBook(
        stores.reader, journal.append, lambda: journal.head_seq, site=identity.site, epoch=identity.epoch
    )
    look_every_s = settings.sync.poll_s * _POLLS_A_LOOK
    return SyncParts(
        identity=identity,
        secrets=stores.secrets,
        writer=stores.writer,
        reader=stores.sync_reader,
        journal=journal,
        leases=leases,
        replica=Replica(stores.replica_writer, stores.read(stores.replica_writer), stores.secrets, time),
        link=Link(now_ms=time.now_ms, ask_timeout_s=settings.site.station.ask_timeout_s),
        signer=Signer(stores.secrets, journal, stores.writer, stores.sync_reader, time, look_every_s=look_every_s),
        time=time,
    )


def site_time(settings: ClockSettings, clock: Clock | None = None) -> SiteTime:
    """The site's time over the machine's clock, or another."""
    return SiteTime(
        clock or SystemClock(),
        unanchored_uncertainty_ms=int(settings.unanchored_uncertainty_s * 1000),
        drift_ppm=settings.drift_ppm,
    )


async def identify(
    stores: Stores, settings: GatewaySettings, time: SiteTime, *, software: str, outside: Outside | None = None
) -> Identity:
    """Who this gateway is: from the store, or by the one-time code, trying until the cloud answers.

    Raises Rejected where the cloud refuses the code, or none is given.
    """
    known = load_identity(stores.reader, stores.secrets)
    if known is not None:
        return known
    cloud = settings.cloud
    if not cloud.provisioning_code:
        raise Rejected(
            "not_provisioned", "set [cloud] provisioning_code, or run `python -m edge provision --code CODE`"
        )
    outside = outside or outside_of(cloud)
    backoff = Backoff(outside.random, first_s=settings.sync.retry_first_s, most_s=settings.sync.retry_most_s)
    try:
        while True:
            try:
                return await provision(
                    outside.api,
                    stores.secrets,
                    stores.writer,
                    time,
                    code=cloud.provisioning_code,
                    name=cloud.name,
                    software=software,
                )
            except Unreachable as error:
                _log.warning("the cloud cannot be reached to provision this gateway: %s", error)
            await asyncio.sleep(backoff.failed())
    finally:
        await outside.api.close()


async def _pong(_arguments: Arguments) -> Done:
    return Done(text="pong")
